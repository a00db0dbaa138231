"""Work that is under way, known by a locked file: what its owner left is swept up when the lock is free.

The kernel frees the lock of a process that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def build_lock(build_id: str) -> Path:
    """The file that is locked while a build runs."""
    return Path(tempfile.gettempdir(), f"openclaw-sandbox-build-{build_id}.lock")


def abandoned_builds() -> list[Path]:
    """The locks of this user's builds that were killed."""
    return [path for path in build_lock("").parent.glob(build_lock("*").name) if is_abandoned(path)]


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep `path` there and locked. Where it cannot be made, the work goes on without it."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        lock = new.open("xb")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(path)  # whoever finds it, finds it locked
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_abandoned(path: Path) -> bool:
    """Whether this user's work ended without letting go. What is another user's is never judged."""
    with contextlib.suppress(OSError):
        about = path.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid():
            with path.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    return False
