"""Reading a config file's text: bounded, regular files only, UTF-8 only."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.config.problems import refused_file
from openclaw_sandbox.config.sizes import human_size

if TYPE_CHECKING:
    from pathlib import Path

#: Larger files are refused before they are read. It is OpenClaw's own bound for an included file; real
#: configs stay under a tenth of it.
MAX_CONFIG_BYTES = 2 << 20


def read_text(path: Path, *, max_bytes: int, what: str = "config file", hard_links: bool = True) -> str:
    """The text of a regular file of at most `max_bytes` bytes; without `hard_links`, of a single name.

    Raises:
        ConfigError: absent, unreadable, no regular file, too large, or not UTF-8.
    """
    try:
        raw = _read_bytes(path, max_bytes=max_bytes, what=what, hard_links=hard_links)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise refused_file(path, f"cannot read the {what}: {reason}", hint=_way_out(error, path)) from None
    return _decode(raw, path, what)


def _read_bytes(path: Path, *, max_bytes: int, what: str, hard_links: bool) -> bytes:
    # Non-blocking, so that a FIFO in the file's place is an error and not a hang.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise refused_file(path, f"the {what} is {kind}")
        if status.st_nlink > 1 and not hard_links:
            # Containment is judged by path, and a second name of a file outside is invisible to it.
            raise refused_file(path, f"the {what} has hard links", hint="include a copy of it")
        with open(handle, "rb", closefd=False) as file:
            raw = file.read(max_bytes + 1)
    finally:
        os.close(handle)
    if len(raw) > max_bytes:
        limit = human_size(max_bytes)
        raise refused_file(path, f"the {what} is larger than {limit}", hint=f"keep the {what} under {limit}")
    return raw


def _decode(raw: bytes, path: Path, what: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refused_file(path, f"the {what} is UTF-16 text", hint="save it as UTF-8")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise refused_file(path, f"the {what} holds a NUL byte: it is no text file", line=line)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        message = f"byte 0x{raw[error.start]:02x} is not valid UTF-8"
        raise refused_file(path, message, line=line, column=column, hint="save the file as UTF-8") from None


def _way_out(error: OSError, path: Path) -> str:
    return f"check who may read it: ls -l {path}" if isinstance(error, PermissionError) else ""
