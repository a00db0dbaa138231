"""One maker per container name, across processes. A lock dies with its holder."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SandboxBusyError, WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Longer than one creation with its setup command: whoever holds a lock this long hangs.
LOCK_TIMEOUT_S = 660.0


@contextlib.contextmanager
def sandbox_lock(state_dir: Path, name: str, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock of container `name` in this state folder.

    Raises:
        SandboxBusyError: somebody else held it for all of `timeout_s` seconds.
        WorkspaceError: the lock file cannot be made.
    """
    from filelock import FileLock, Timeout

    folder = state_dir / "sandbox" / "locks"
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=timeout_s, mode=0o600)
        lock.acquire(poll_interval=0.02)
    except Timeout:
        raise SandboxBusyError(
            f"Another process has been making the sandbox {name} for more than {timeout_s:g} s.",
            hint=f"If there is none, remove {path} and run again.",
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"The state folder cannot be written: {path}: {error.strerror or error}.",
            hint="Free space there, or correct its owner and mode.",
        ) from None
    try:
        yield
    finally:
        lock.release()
