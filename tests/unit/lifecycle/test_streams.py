"""This side of a command's streams: file descriptors, limits, what is kept back."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.engine.docker.failure import may_be_complaint
from openclaw_sandbox.lifecycle.streams import (
    Budget,
    HoldBack,
    Outlet,
    fd_sink,
    follow_size,
    raw_terminal,
    read_some,
)
from tests.unit.lifecycle.fake_command import FakeStream

COMPLAINT = b"OCI runtime exec failed: exec failed: no such file"


def collect(reader: int, into: bytearray) -> threading.Thread:
    def read() -> None:
        while data := os.read(reader, 1000):
            into.extend(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_gets_everything_even_if_it_does_not_block(blocking: bool) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    seen = bytearray()
    data = bytes(range(256)) * 2000  # more than any pipe holds
    write = fd_sink(writer)
    thread = collect(reader, seen)
    write(memoryview(data))
    os.close(writer)
    thread.join()
    os.close(reader)
    assert seen == data


@pytest.mark.parametrize("blocking", [True, False])
def test_reading_waits_whether_or_not_the_descriptor_blocks(blocking: bool) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, blocking)
    timer = threading.Timer(0.05, lambda: (os.write(writer, b"late"), os.close(writer)))
    timer.start()
    assert (read_some(reader), read_some(reader)) == (b"late", b"")
    timer.join()
    os.close(reader)


def test_a_reader_that_left_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        fd_sink(writer)(memoryview(b"x"))
    os.close(writer)


pieces = st.lists(st.binary(max_size=30_000), max_size=8)


@given(pieces=pieces, limit=st.integers(0, 60_000))
def test_laws_of_the_output_limit(pieces: list[bytes], limit: int) -> None:
    sent, cries = bytearray(), []
    outlet = Outlet(sent.extend, Budget(limit, lambda: cries.append(1)))
    for piece in pieces:
        outlet(memoryview(piece))
    outlet.flush()
    outlet.flush()
    whole = b"".join(pieces)
    assert outlet.total == len(whole)
    assert len(sent) + outlet.left_out == len(whole)
    assert sent[:limit] == whole[:limit]
    assert len(cries) == (1 if len(whole) > limit else 0)
    tail = sent[limit:]
    assert len(tail) <= 16 * 1024
    assert whole.endswith(bytes(tail))
    assert whole.endswith(outlet.last_words) or len(whole) > limit
    assert len(outlet.last_words) <= 4096


@given(pieces=pieces)
def test_without_a_limit_everything_passes(pieces: list[bytes]) -> None:
    sent = bytearray()
    outlet = Outlet(sent.extend, Budget(None, lambda: pytest.fail("there is no limit")))
    for piece in pieces:
        outlet(memoryview(piece))
    assert sent == b"".join(pieces)
    assert b"".join(pieces).endswith(outlet.last_words)


commands_words = st.binary(min_size=1, max_size=40).filter(lambda b: not may_be_complaint(b))


@given(first=commands_words, rest=pieces)
def test_what_is_not_the_engines_complaint_passes_at_once(first: bytes, rest: list[bytes]) -> None:
    sent = bytearray()
    held = HoldBack(sent.extend)
    for end, piece in enumerate([first, *rest], start=1):
        held(memoryview(piece))
        assert sent == b"".join([first, *rest][:end])


def test_a_complaint_is_kept_until_it_is_judged() -> None:
    sent = bytearray()
    held = HoldBack(sent.extend)
    held(memoryview(COMPLAINT))
    held(memoryview(b" or directory"))
    assert (sent, bytes(held.held)) == (b"", COMPLAINT + b" or directory")
    held.release()
    held(memoryview(b"!"))
    assert sent == COMPLAINT + b" or directory!"


def test_nobody_complains_at_such_length() -> None:
    sent = bytearray()
    held = HoldBack(sent.extend)
    held(memoryview(COMPLAINT))
    held(memoryview(b"." * 5000))
    assert sent == COMPLAINT + b"." * 5000


def test_a_terminal_is_raw_and_put_back_whatever_happens() -> None:
    import termios

    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    with pytest.raises(KeyboardInterrupt), raw_terminal(slave):
        assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ISIG | termios.ECHO)
        raise KeyboardInterrupt
    assert termios.tcgetattr(slave) == before
    with raw_terminal(slave):
        os.close(master)  # it hangs up
    os.close(slave)


def test_without_a_terminal_nothing_is_touched() -> None:
    with raw_terminal(None):
        pass


def test_a_size_that_changed_while_it_was_sent_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([(80, 24), (100, 30), (100, 30), (100, 30)])
    monkeypatch.setattr("os.get_terminal_size", lambda _descriptor: os.terminal_size(next(sizes)))
    sent: list[tuple[int, int]] = []

    class Resized(FakeStream):
        def resize(self, *, rows: int, columns: int) -> bool:
            sent.append((columns, rows))
            return True

    stream = Resized([])
    assert not follow_size(stream, 0)
    assert follow_size(stream, 0)
    assert sent == [(80, 24), (100, 30)]
