"""Locks across processes. A lock dies with its holder; its file stays and means nothing."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SandboxBusyError, StateFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock

#: Longer than one creation with its setup command: whoever holds a lock this long hangs.
LOCK_TIMEOUT_S = 660.0


@contextlib.contextmanager
def sandbox_lock(state_dir: Path, name: str, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock of container `name` in this state folder: one maker per name.

    Raises:
        SandboxBusyError: somebody else held it for all of `timeout_s` seconds; 0 asks only once.
        StateFileError: the lock file cannot be made.
    """
    path = _lock_file(state_dir, name)
    lock = acquire(path, timeout_s=timeout_s)
    if lock is None:
        raise SandboxBusyError(
            f"Another process has been making the sandbox {name} for more than {timeout_s:g} s.",
            hint=f"If there is none, remove {path} and run again.",
        )
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def entering(state_dir: Path, name: str) -> Iterator[None]:
    """Hold this while a command is started in container `name`, any number at once.

    Whoever holds the container's lock sees the command that runs, or removes the container before it starts.
    Without a state folder that can be written nobody else can hold that lock either.
    """
    path = _lock_file(state_dir, name)
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            make_folder(path.parent)
            # What `acquire` locks: filelock uses flock, too, and has no lock that several can hold.
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            held.callback(os.close, descriptor)
            give_to_owner_of(path.parent, path)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def _lock_file(state_dir: Path, name: str) -> Path:
    return state_dir / "sandbox" / "locks" / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"


def acquire(path: Path, *, timeout_s: float) -> BaseFileLock | None:
    """Lock a file, which is made if need be; None if somebody else held it all the time.

    Raises:
        StateFileError: the file cannot be made or opened.
    """
    from filelock import FileLock, Timeout

    try:
        make_folder(path.parent)
        lock = FileLock(path, mode=0o600, thread_local=False)
        lock.acquire(timeout=timeout_s, poll_interval=0.01)
        give_to_owner_of(path.parent, path)
    except Timeout:
        return None
    except OSError as error:
        raise unusable(path, error) from None
    return lock


def make_folder(folder: Path) -> None:
    """Make a folder of the state folder, private to its owner. May raise OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        give_to_owner_of(folder.parent, folder)


def give_to_owner_of(folder: Path, made: Path) -> None:
    """What root makes in somebody's state folder belongs to that somebody, who must be able to use it."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    if owner.st_uid != 0 and made.lstat().st_uid == 0:
        os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def unusable(path: Path, error: OSError) -> StateFileError:
    """A file of the state folder could not be written."""
    return StateFileError(
        f"The state folder cannot be written: {path}: {error.strerror or error}.",
        hint="Free space there, or correct its owner and mode.",
    )
