"""What is no readable text is one clear error, and never a hang."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.text_file import read_text
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from pathlib import Path


def refused(path: Path, *, hard_links: bool = True) -> Issue:
    with pytest.raises(ConfigError) as caught:
        read_text(path, max_bytes=1 << 20, hard_links=hard_links)
    (issue,) = caught.value.issues
    assert issue.file == str(path)
    assert str(path) in caught.value.brief
    return issue


def file(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "openclaw.json"
    path.write_bytes(raw)
    return path


def test_text_is_read_as_it_stands(tmp_path: Path) -> None:
    assert read_text(file(tmp_path, "\ufeff{a: 'é'}\r\n".encode()), max_bytes=100) == "\ufeff{a: 'é'}\r\n"


def test_exactly_the_bound_is_read(tmp_path: Path) -> None:
    assert len(read_text(file(tmp_path, b"x" * 100), max_bytes=100)) == 100


@pytest.mark.parametrize(
    ("raw", "message", "line", "column"),
    [
        (b"x" * ((1 << 20) + 1), "the config file is larger than 1 MiB", None, None),
        ("{}".encode("utf-16"), "the config file is UTF-16 text", None, None),
        (b"{\n a: \0}", "the config file holds a NUL byte: it is no text file", 2, None),
        (b"{\n a: '\xff'}", "byte 0xff is not valid UTF-8", 2, 6),
        (b"\xff", "byte 0xff is not valid UTF-8", 1, 1),
        (b"'\xed\xa0\x80'", "byte 0xed is not valid UTF-8", 1, 2),
    ],
)
def test_no_text(tmp_path: Path, raw: bytes, message: str, line: int | None, column: int | None) -> None:
    issue = refused(file(tmp_path, raw))
    assert (issue.message, issue.line, issue.column) == (message, line, column)


def test_no_regular_file(tmp_path: Path) -> None:
    assert refused(tmp_path).message == "the config file is a folder"
    os.mkfifo(tmp_path / "fifo")
    assert refused(tmp_path / "fifo").message == "the config file is not a regular file"


def test_absent(tmp_path: Path) -> None:
    assert refused(tmp_path / "x").message == "cannot read the config file: No such file or directory"


def test_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    issue = refused(tmp_path / "x")
    assert issue.message == "cannot read the config file: Permission denied"
    assert issue.hint == f"check who may read it: ls -l {tmp_path / 'x'}"


def test_a_second_name_where_hard_links_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, b"{}")
    assert read_text(path, max_bytes=10, hard_links=False) == "{}"
    (tmp_path / "other").hardlink_to(path)
    assert refused(path, hard_links=False).message == "the config file has hard links"
    assert read_text(path, max_bytes=10) == "{}"
