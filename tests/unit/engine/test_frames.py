"""The multiplexed stream: any cut of the bytes gives the same payloads."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.engine.docker.frames import STDERR, STDOUT, Demultiplexer
from openclaw_sandbox.errors import EngineLostError

pieces = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=50)), max_size=20)


def encode(frames: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack(">B3xI", stream, len(data)) + data for stream, data in frames)


@given(frames=pieces, cuts=st.lists(st.integers(min_value=0, max_value=1500), max_size=30))
def test_any_cut_gives_the_same_bytes(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = encode(frames)
    seen = {STDOUT: b"", STDERR: b""}

    def deliver(stream: int, data: memoryview) -> None:
        seen[stream] += bytes(data)

    demultiplexer = Demultiplexer(deliver)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for start, end in pairwise(edges):
        demultiplexer.feed(wire[start:end])
    assert demultiplexer.complete
    for stream in (STDOUT, STDERR):
        assert seen[stream] == b"".join(data for s, data in frames if s == stream)


def test_a_stream_that_ends_in_a_frame_is_not_complete() -> None:
    demultiplexer = Demultiplexer(lambda *_: None)
    demultiplexer.feed(encode([(STDOUT, b"hello")])[:-1])
    assert not demultiplexer.complete
    other = Demultiplexer(lambda *_: None)
    other.feed(b"\x01\x00\x00")
    assert not other.complete


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1", b"\x03\x00\x00\x00\x00\x00\x00\x01", b"\x01\x00\x01\x00" * 2]
)
def test_garbage_is_an_engine_fault(garbage: bytes) -> None:
    with pytest.raises(EngineLostError):
        Demultiplexer(lambda *_: None).feed(garbage)
