"""What `file_access` needs on the host: every place that is mounted or masked must be there, and be no link.

A mask needs something to stand on. What is denied and missing gets an empty folder, owned like the folder
above it, so that the engine, which is root, never makes one. Untrusted code wrote in these folders: each
component of a path is opened beneath the one before it, and a link is refused, as the engine would follow it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import StateFileError, WorkspaceError
from openclaw_sandbox.policy.binds import is_under, normalize
from openclaw_sandbox.policy.mounts import MountKind, mounts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.policy.mounts import Mount

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """The denied container paths that are files on the host, and the empty host file that covers them."""

    files: frozenset[str] = frozenset()
    empty_file: str = ""


def prepare_hiding(policy: EffectivePolicy, *, touch: bool) -> Hiding:
    """Make what is missing, and tell which denied paths are files. `touch=False` makes nothing.

    Raises:
        WorkspaceError: a link or a file stands in the way, or something cannot be made.
        StateFileError: the empty file cannot be made.
    """
    hardening = policy.hardening
    if hardening.visible_paths is None and not hardening.hidden_paths:
        return Hiding()  # every mount is a folder that the operator named himself
    files = set()
    for mount in mounts_of(policy):
        path = mount.behind or mount.source
        root = _trusted_root(policy, path) if path is not None else None
        if path is None or root is None or path == root:
            continue
        folder = _walk(root, path, mount, touch=touch)
        if not folder and mount.kind is MountKind.MASK:
            files.add(mount.destination)
    if not files:
        return Hiding()
    return Hiding(files=frozenset(files), empty_file=_empty_file(policy.state_dir, touch=touch))


def _trusted_root(policy: EffectivePolicy, path: str) -> str | None:
    """The folder above a path that the operator named himself: nobody inside can replace it."""
    space = policy.workspace
    folders = [normalize(str(folder)) for folder in (space.workspace_dir, space.agent_workspace_dir)]
    roots = [*folders, *(bind.source for bind in policy.hardening.binds)]
    return max((root for root in roots if is_under(path, root)), key=len, default=None)


def _walk(root: str, path: str, mount: Mount, *, touch: bool) -> bool:
    """Whether `path`, below `root`, is a folder; True too for what is missing and may not be made."""
    parts = [part for part in path[len(root) :].split("/") if part]
    key = mount.key if mount.kind is MountKind.MASK else "file_access"
    try:
        with _opened(root) as descriptor:
            return _descend(descriptor, parts, touch=touch)
    except FileNotFoundError:
        return True  # not even the root is there; a dry run asks before anything is
    except (NotADirectoryError, _LinkFoundError):
        raise WorkspaceError(
            f"{key}: {path} is, or lies behind, a link or something that is no folder.",
            hint=f"Remove it, or name what it leads to: ls -l {path}",
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"{key}: an empty folder must stand at {path}, and cannot be made: {error.strerror}.",
            hint=f"Make it yourself: mkdir -p {path}",
        ) from None


class _LinkFoundError(Exception):
    """A symbolic link where a folder or file must be."""


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _descend(descriptor: int, parts: list[str], *, touch: bool) -> bool:
    """Down to the last part without following a link. False: the last one is a file."""
    held = os.dup(descriptor)
    try:
        for index, part in enumerate(parts):
            mode = _mode_at(held, part)
            if mode is None and not touch:
                return True
            if mode is None:
                _make_folder(held, part)
            elif stat.S_ISLNK(mode):
                raise _LinkFoundError
            elif not stat.S_ISDIR(mode) and index == len(parts) - 1:
                return False
            deeper = os.open(part, _FOLDER, dir_fd=held)
            os.close(held)
            held = deeper
        return True
    finally:
        os.close(held)


def _mode_at(folder: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _make_folder(folder: int, name: str) -> None:
    """A folder owned like the one it stands in; whoever made it at the same moment is fine."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode=0o755, dir_fd=folder)
        above = os.fstat(folder)
        if os.getuid() == 0:
            os.chown(name, above.st_uid, above.st_gid, dir_fd=folder, follow_symlinks=False)


def _empty_file(state_dir: Path, *, touch: bool) -> str:
    """The file in the state folder that is mounted over denied ones."""
    path = state_dir / "sandbox" / "nothing"
    if touch:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o444)
            os.close(descriptor)
        except PermissionError:
            if not path.is_file() or path.stat().st_size:
                hint = f"Remove it: rm -f {path}"
                raise StateFileError(f"{path} must be an empty file.", hint=hint) from None
        except OSError as error:
            raise StateFileError(f"{path} cannot be made: {error.strerror}.") from None
    return str(path)
