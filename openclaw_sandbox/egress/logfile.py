"""The gateway's log on disk: appended line by line, bounded, and there when the gateway is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

MAX_BYTES = 20 << 20
#: Older files: `decisions.jsonl.1` is the newest of them.
KEPT = 2


class LogFile:
    """Writes lines; each call is on disk's way before it returns.

    Raises:
        OSError: from every call that cannot write. A decision that is not written down must not count.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path, self._max = path, max_bytes
        self._file = self._open()

    def __call__(self, line: str) -> None:
        """Append one line."""
        if self._file.closed:  # turning it over failed halfway
            self._file = self._open()
        self._file.write(f"{line}\n")
        self._file.flush()
        if self._file.tell() > self._max:
            self._turn()

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _open(self) -> TextIOWrapper:
        file = self._path.open("a", encoding="utf-8")
        self._path.chmod(0o644)
        return file

    def _turn(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number}"))
        self._file = self._open()


def log_files(path: Path) -> list[Path]:
    """The files of a log that are there, oldest first."""
    found = [path.with_name(f"{path.name}.{number}") for number in range(KEPT, 0, -1)]
    return [file for file in (*found, path) if file.exists()]
