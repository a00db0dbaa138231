"""One registry file: read without trust, written in one step. Knows nothing of locks or containers."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle.locks import give_to_owner_of, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: A hundred thousand containers; more is damage, and reading it would only cost memory.
_MAX_BYTES = 32 << 20
#: OpenClaw writes no number at all. A later release that breaks the layout may say so under any of these.
_FORMAT_KEYS = ("version", "schemaVersion", "formatVersion")
_FORMAT = 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class DamagedError(Exception):
    """The content is no registry; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The file's content: `entries` as they stand, usable or not, and whatever stands beside them."""

    entries: tuple[Any, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)

    def with_entries(self, entries: Iterable[Any]) -> Document:
        """The same with other entries."""
        return Document(entries=tuple(entries), beside=self.beside)


def read(path: Path) -> Document:
    """The content of a registry file; empty if there is no file.

    Raises:
        DamagedError: the content is no registry.
        StateFileError: it cannot be read, is no regular file, or has a newer format.
    """
    data = _read_bytes(path)
    if data is None:
        return Document()
    document = _parse(data)
    for key in _FORMAT_KEYS:
        if key in document and document[key] != _FORMAT:
            raise StateFileError(
                f"{path} has a newer format ({key}: {json.dumps(document[key])[:40]}) than this tool knows.",
                hint="Update openclaw-sandbox. The file was not touched.",
            )
    entries = document.pop("entries", [])
    if not isinstance(entries, list):
        raise DamagedError("its entries are no list")
    return Document(entries=tuple(entries), beside=document)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError:
        raise DamagedError("it is not UTF-8") from None
    except RecursionError:
        raise DamagedError("it is nested too deeply") from None
    except ValueError:
        raise DamagedError("it is not JSON" if data.strip() else "it is empty") from None
    if not isinstance(value, dict):
        raise DamagedError("it holds no object")
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _read_bytes(path: Path) -> bytes | None:
    # Not blocking: a named pipe in that place must not stop us.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _odd(path, "a symbolic link") from None
        raise StateFileError(
            f"{path} cannot be read: {error.strerror}.", hint="Correct its owner and mode."
        ) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise _odd(path, "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if found.st_size > _MAX_BYTES:
            raise DamagedError(f"it is larger than {_MAX_BYTES >> 20} MiB")
        return file.read(_MAX_BYTES)


def _odd(path: Path, what: str) -> StateFileError:
    return StateFileError(
        f"{path} is {what}; the registry of containers is a regular file.",
        hint="Move it away; the registry is then rebuilt from the containers.",
    )


def write(path: Path, document: Document) -> None:
    """Replace the file in one step: at every moment it is the old one or the new one, whole and on the disk.

    The caller holds the registry's lock. Raises OSError; nothing is left then.
    """
    folder = path.parent
    make_folder(folder)
    _remove_leftovers(path)
    temporary = folder / f".{path.name}.{secrets.token_hex(6)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(encode(document))
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of(folder, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def encode(document: Document) -> bytes:
    """As OpenClaw lays the file out: two spaces, a newline at the end, text as it is."""
    value = {**document.beside, "entries": list(document.entries)}
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Half a surrogate pair is no UTF-8. In JSON it can only stand inside a text, where its escape means it.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _remove_leftovers(path: Path) -> None:
    """What a killed writer left; nobody else writes now."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot; the rename stands all the same
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
