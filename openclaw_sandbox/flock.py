"""A lock across processes on a file. It dies with its holder; the file stays and means nothing.

`flock(2)`, which every local file system and NFS since Linux 2.6.12 know. A library for it takes a tenth of
the time of a warm `run` to import.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.01


class FileLock:
    """A lock that is held, until `release` or the end of this process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let go of it. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def lock_file(path: Path, *, timeout_s: float) -> FileLock | None:
    """Lock a file, which is made if need be (mode 0600).

    None: somebody else held it for all of `timeout_s` seconds; 0 asks once. Two calls exclude each
    other within one process too. Raises OSError if the file cannot be made or opened.
    """
    deadline = time.monotonic() + timeout_s
    while (lock := _try(path)) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(_POLL_S, left))
    return lock


def _try(path: Path) -> FileLock | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink > 0:
            return FileLock(descriptor)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    # Held by somebody, or removed between our opening and our locking: then it guards no name.
    os.close(descriptor)
    return None
