"""A word on disk before a container is made, so that whoever comes later can tell what a killed maker left.

An intent is an empty file named after the container and the attempt. Its maker holds it as a lock for as long
as the container is his business: a lock dies with its holder, by SIGKILL and by a crash of the host too, and
cannot be mistaken for another's, as a process id can. The container carries the attempt's name as a label.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle.locks import acquire

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

OWNER_DIGITS = 16
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One attempt to make the container `name`. `owner` is its label; `done` ends it."""

    name: str
    owner: str
    path: Path
    lock: BaseFileLock

    def done(self) -> None:
        """The container stands on its own now, or is gone: nobody has to look after it."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.lock.release()

    def release(self) -> None:
        """Let go of it without an end: the next one to look clears up."""
        self.lock.release()


def folder_of(state_dir: Path) -> Path:
    """Where the intents of a state folder lie."""
    return state_dir / "sandbox" / "intents"


def declare(state_dir: Path, name: str, *, owner: str = "") -> Intent:
    """Announce that the container `name` is about to be made, or given to somebody to look after.

    `owner` is the attempt's name, drawn at random unless given; 16 hex digits.

    Raises:
        StateFileError: the state folder cannot be written. Nothing must be made then.
    """
    folder = folder_of(state_dir)
    for _ in range(_ATTEMPTS):
        attempt = owner or os.urandom(OWNER_DIGITS // 2).hex()
        path = folder / f"{name}.{attempt}"
        lock = acquire(path, timeout_s=1.0)
        # Between the making of the file and the lock somebody may have taken it for abandoned and removed it.
        if lock is not None and path.exists():
            return Intent(name=name, owner=attempt, path=path, lock=lock)
        if lock is not None:
            lock.release()
    raise StateFileError(f"No intent can be put down in {folder}.", hint="Look for what removes files there.")


def any_declared(state_dir: Path) -> bool:
    """Whether there is any intent, held or not: a look that costs next to nothing."""
    try:
        with os.scandir(folder_of(state_dir)) as found:
            return next(found, None) is not None
    except OSError:
        return False


def abandoned(state_dir: Path) -> list[Intent]:
    """The intents whose makers are gone, taken over by the caller, who ends or releases each."""
    try:
        paths = sorted(folder_of(state_dir).iterdir())
    except OSError:
        return []
    found = []
    for path in paths:
        name, _, owner = path.name.rpartition(".")
        if name and (lock := _take(path)) is not None:
            found.append(Intent(name=name, owner=owner, path=path, lock=lock))
    return found


def is_known(state_dir: Path, owner: str) -> bool:
    """Whether there is any word of the attempt with this owner label."""
    return owner.isalnum() and any(folder_of(state_dir).glob(f"*.{owner}"))


def owner_lives(state_dir: Path, owner: str) -> bool:
    """Whether the maker of a container with this owner label is still at it."""
    for path in folder_of(state_dir).glob(f"*.{owner}") if owner.isalnum() else ():
        lock = _take(path)
        if lock is not None:
            lock.release()
        elif path.exists():
            return True
    return False


def _take(path: Path) -> BaseFileLock | None:
    """Lock an intent that is there; None if it is held, or is ended at this moment.

    Locking makes a file that is missing: of an intent that was just ended it would make one that looks
    abandoned. The open file tells whether that happened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        lock = acquire(path, timeout_s=0) if stat.S_ISREG(found.st_mode) else None
        if lock is not None and os.fstat(descriptor).st_nlink == 0:
            path.unlink(missing_ok=True)
            lock.release()
            return None
        return lock
    finally:
        os.close(descriptor)
