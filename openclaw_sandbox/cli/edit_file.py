"""How a verb changes a config file of the user: one editor at a time, all of a change or nothing of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOCK_TIMEOUT_S = 10.0


@contextlib.contextmanager
def one_editor(file: Path, *, make: bool) -> Iterator[None]:
    """Keep every other editor of this folder out; with `make`, the folder is made if need be.

    Raises:
        ConfigError: the file is a link that leads nowhere, the folder cannot be made or opened, or somebody
            else edits all the time.
    """
    from openclaw_sandbox.config.discover import is_there

    is_there(file)  # before a folder is made for what a link names
    try:
        folder = file.resolve().parent
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if folder.is_dir() else None
    except OSError as error:
        raise _cannot("edited", file, error) from None
    try:
        if descriptor is not None:
            _lock(descriptor, file)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, file: Path) -> None:
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"Another process has been editing {file} for more than {_LOCK_TIMEOUT_S:g} s.",
                    hint="Look for an openclaw-sandbox that hangs, and end it.",
                ) from None
            time.sleep(0.02)
        except OSError:  # a file system without locks
            return None


def current_text(file: Path) -> str:
    """What stands in the file, its line ends as they are; nothing if there is no file.

    Raises:
        ConfigError: see `read_text`.
    """
    from openclaw_sandbox.config.discover import is_there
    from openclaw_sandbox.config.text_file import read_text
    from openclaw_sandbox.config.yaml_file import MAX_YAML_BYTES

    return read_text(file, max_bytes=MAX_YAML_BYTES) if is_there(file) else ""


def with_its_line_ends(text: str, change: Callable[[str], str]) -> str:
    """`change(text)`, where a file of CRLF lines stays one."""
    if not text.count("\r\n") == text.count("\n") > 0:
        return change(text)
    return change(text.replace("\r\n", "\n")).replace("\n", "\r\n")


def difference(file: Path, before: str, after: str) -> str:
    """What changes, as `diff -u` says it; nothing if nothing does."""
    import difflib

    old, new, name = before.splitlines(), after.splitlines(), str(file)
    return "\n".join(difflib.unified_diff(old, new, fromfile=name, tofile=name, lineterm=""))


def replace_text(file: Path, text: str) -> None:
    """Put `text` in the place of what stands there. The file keeps its mode and owner, a link stays one.

    Raises:
        ConfigError: it cannot be written, or it would be too large to be read again. Nothing is changed then.
    """
    from openclaw_sandbox.config.yaml_file import MAX_YAML_BYTES

    data = text.encode()
    if len(data) > MAX_YAML_BYTES:
        raise ConfigError(f"{file} would become larger than {MAX_YAML_BYTES >> 10} KiB. Nothing was written.")
    try:
        real = file.resolve()
        fresh = real.with_name(f".{real.name}.{secrets.token_hex(6)}.new")
        try:
            _write(fresh, data, real)
            fresh.replace(real)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot("written", file, error) from None


def _write(fresh: Path, data: bytes, model: Path) -> None:
    """A new file that belongs to whom `model` belongs to, or its folder if there is no such file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        like = model.stat() if model.exists() else None
        owner = like or model.parent.stat()
        if os.geteuid() == 0:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode) if like else 0o600)


def _cannot(what: str, file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be {what}: {error.strerror or error}.",
        hint="Free space there, or correct its owner and mode.",
    )
