"""A command's output in a JSON answer: every byte of it, in memory or from a file."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.cli.render import capture as room
from openclaw_sandbox.cli.render.capture import Capture
from openclaw_sandbox.cli.ui import Ui

#: Texts whose characters are cut by the chunks, and bytes that are no text.
chunks = st.lists(st.one_of(st.text().map(str.encode), st.binary(max_size=8)), max_size=8).flatmap(
    lambda pieces: st.integers(1, 5).map(
        lambda size: [whole[i : i + size] for whole in [b"".join(pieces)] for i in range(0, len(whole), size)]
    )
)


def answer(
    out: list[bytes], err: list[bytes], monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8"
) -> Any:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    capture = Capture()
    for data in out:
        capture.stdout.write(memoryview(data))
    for data in err:
        capture.stderr.write(memoryview(data))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        Ui(as_json=True).json({"name": "x", "list": [1]}, capture.fields)
    stdout.seek(0)
    return json.loads(stdout.read())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("part", [3, room._PART_BYTES], ids=["file", "memory"])
@given(out=chunks, err=chunks)
def test_every_byte_arrives(encoding: str, part: int, out: list[bytes], err: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_PART_BYTES", part)
        document = answer(out, err, patch, encoding)
    assert (document.pop("name"), document.pop("list")) == ("x", [1])
    for name, data in (("stdout", b"".join(out)), ("stderr", b"".join(err))):
        said = document.pop(name)
        if document.pop(f"{name}Encoding", None) == "base64":
            with pytest.raises(UnicodeDecodeError):
                data.decode()
            assert base64.b64decode(said, validate=True) == data
        else:
            assert said == data.decode()
    assert document == {}


def test_a_large_output_waits_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture()
    part = memoryview(b"x" * 65536)
    for _ in range(64):
        capture.stdout.write(part)
    assert not isinstance(capture.stdout._content, io.BytesIO)
    capture.stdout._content.close()
    assert answer([part.tobytes()] * 64, [], monkeypatch)["stdout"] == "x" * (64 * 65536)
