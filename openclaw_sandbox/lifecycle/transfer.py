"""Files into and out of a workspace, through the mount only.

The workspace was written by untrusted code, and an engine's copy call has been a way out of containers more
than once. So every component of a path is opened beneath the one before it without following links, and only
regular files are touched. What an attacker swaps meanwhile is never followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.spec.identity import parse_user
from openclaw_sandbox.spec.model import BindMount, TmpfsMount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openclaw_sandbox.spec.model import ContainerSpec

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A file inside: the mount it lies in, and its path beneath that mount's folder on the host."""

    mount: BindMount
    parts: tuple[str, ...]
    path: str  # as seen in the container


def locate(path: str, spec: ContainerSpec) -> Inside:
    """Where a container path lies in a workspace mount.

    Raises:
        UsageError: it is not absolute, climbs, or lies in no mount that `cp` may use.
    """
    if not path.startswith("/"):
        path = f"{spec.workdir.rstrip('/')}/{path}"
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise UsageError(f"{path!r} holds '..', which cp does not follow.")
    allowed = [mount for mount in spec.mounts if mount.key == "workspaceAccess"]
    normal = "/" + "/".join(parts)
    places: list[BindMount | TmpfsMount] = [
        *spec.mounts,
        *spec.tmpfs,
    ]  # a tmpfs may cover a part of the workspace that nobody may see
    covering = [m for m in places if normal == m.destination or normal.startswith(m.destination + "/")]
    nearest = max(covering, key=lambda m: len(m.destination), default=None)
    if not isinstance(nearest, BindMount) or nearest not in allowed:
        reached = " and ".join(mount.destination for mount in allowed)
        raise UsageError(f"{normal} is not in the workspace.", hint=f"cp reaches only {reached}.")
    beneath = normal.removeprefix(nearest.destination).split("/")
    return Inside(mount=nearest, parts=tuple(part for part in beneath if part), path=normal)


def copy_out(inside: Inside, target: Path, *, force: bool) -> int:
    """Copy a regular file out; the number of bytes. `target` may be a folder.

    Raises:
        UsageError: the target exists and `force` is not given.
        VerbFailedError: the source is no regular file, or a read or write failed. No partial file is left.
    """
    if not inside.parts:
        raise VerbFailedError(f"{inside.path} is a folder; cp moves regular files.")
    with _failures(str(target), "written"):
        target = target / inside.parts[-1] if target.is_dir() else target
        _require_free(target, force=force)
    with _failures(inside.path, "copied"), _parent(inside) as folder:
        source = os.open(inside.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with _regular(source, inside.path), _failures(str(target), "written"):
        return _write_beside(source, target.parent, target.name)


def _require_free(target: Path, *, force: bool) -> None:
    """A file or a link may be replaced, if that is wanted; a device or a pipe never."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise UsageError(f"{target} is not a regular file; cp replaces nothing else.")
    if not force:
        raise UsageError(f"{target} exists already.", hint="Overwrite it with --force.")


def copy_in(source: Path, inside: Inside, *, user: str, force: bool) -> int:
    """Copy a regular file in, owned by the sandbox's user; the number of bytes.

    Raises:
        UsageError: the mount is read-only, or the target exists and `force` is not given.
        VerbFailedError: a read or write failed. No partial file is left.
    """
    if inside.mount.read_only:
        raise UsageError(
            f"{inside.mount.destination} is read-only for the sandbox.",
            hint="See workspaceAccess in the config.",
        )
    with _failures(str(source), "copied"):
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    with _regular(descriptor, str(source)), _failures(inside.path, "written"):
        place = _as_folder(inside, source.name)
        with _parent(place) as folder:
            if not force and _exists(place.parts[-1], folder):
                raise UsageError(f"{place.path} exists already.", hint="Overwrite it with --force.")
            owner = parse_user(user) if os.getuid() == 0 else None
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o755
            return _write_at(
                descriptor, folder, place.parts[-1], mode, (owner.uid, owner.gid) if owner else None
            )


def _as_folder(inside: Inside, name: str) -> Inside:
    """`inside` itself, or the file of that name in it when it is a folder."""
    place = Inside(mount=inside.mount, parts=(*inside.parts, name), path=f"{inside.path.rstrip('/')}/{name}")
    try:
        with _parent(place):
            return place
    except OSError:
        return inside


@contextlib.contextmanager
def _parent(inside: Inside) -> Iterator[int]:
    """The open folder that holds the file, reached without following a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(inside.mount.source, flags)
    try:
        for part in inside.parts[:-1]:
            deeper = os.open(part, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _regular(descriptor: int, path: str) -> Iterator[None]:
    """What was opened, closed at the end. Raises VerbFailedError for what is no regular file."""
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise VerbFailedError(f"{path} is a folder; cp moves regular files.")
        if not stat.S_ISREG(mode):
            raise VerbFailedError(f"{path} is not a regular file; cp moves nothing else.")
        yield
    finally:
        os.close(descriptor)


def _write_beside(source: int, folder: Path, name: str) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _write_at(source, descriptor, name, 0o644, None)
    finally:
        os.close(descriptor)


def _write_at(source: int, folder: int, name: str, mode: int, owner: tuple[int, int] | None) -> int:
    """Write a new file next to its place and move it there: whoever looks sees all of it or nothing.

    It has no name until it is complete, so that a process that is killed leaves nothing behind.
    """
    temporary = f".{name[:200]}.{secrets.token_hex(6)}"
    target, nameless = _open_new(folder, temporary)
    try:
        try:
            size = _copy(source, target)
            if owner is not None:
                os.fchown(target, *owner)
            os.fchmod(target, mode)
            if nameless:
                os.link(f"/proc/self/fd/{target}", temporary, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(target)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    return size


def _open_new(folder: int, name: str) -> tuple[int, bool]:
    """A new file in an open folder, and whether it has no name yet: not every file system can have such."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=folder), True
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
            raise
    return os.open(name, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder), False


def _copy(source: int, target: int) -> int:
    """Copy the data and leave the holes: a sparse file of a terabyte costs what is in it."""
    size, offset = os.fstat(source).st_size, 0
    while offset < size:
        try:
            offset = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                break
            raise
        end = os.lseek(source, offset, os.SEEK_HOLE)
        os.lseek(source, offset, os.SEEK_SET)
        os.lseek(target, offset, os.SEEK_SET)
        while offset < end:
            data = os.read(source, min(_CHUNK, end - offset))
            if not data:
                raise OSError(errno.EAGAIN, "it became shorter meanwhile")
            _write_all(target, data)
            offset += len(data)
    os.ftruncate(target, size)
    return size


def _write_all(target: int, data: bytes) -> None:
    """A disk that is nearly full takes a part, and says that it is full only to the next write."""
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]


@contextlib.contextmanager
def _failures(path: str, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            why = "a part of the path is a link or no folder, and cp follows none"
        raise VerbFailedError(f"{path} cannot be {done}: {why}.") from None
