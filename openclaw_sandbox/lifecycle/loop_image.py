"""A file that holds a file system: made, mounted, unmounted. Linux, as root, with programs of its own.

The kernel's loop devices are taken and given back by mount(8): a device whose file system is unmounted frees
itself, and nothing of it is left when this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Longer than copying a large workspace takes, shorter than others wait for the lock meanwhile.
_DEADLINE_S = 600.0
_LOOP_MAJOR = 7
_BLOCK = 4096
_CAP_SYS_ADMIN = 21
_UMOUNT_NOFOLLOW = 8
_PROGRAMS = {"mkfs.ext4": "e2fsprogs", "mount": "mount"}
#: `discard`: what is deleted inside is given back to the host.
_OPTIONS = "loop,nosuid,nodev,discard,errors=remount-ro"


class ImageFullError(Exception):
    """What was to be copied into a new file system does not fit."""


class LoopError(Exception):
    """A program failed; the text is what it said."""


def why_no_loop() -> str:
    """Why this process cannot mount a file, as the end of a sentence; empty if nothing speaks against it."""
    if os.geteuid() != 0:
        return "only root can mount a file system"
    if not _may_mount():
        return "this process may not mount (it lacks CAP_SYS_ADMIN)"
    if not Path("/dev/loop-control").exists():
        return "this machine has no loop devices (/dev/loop-control)"
    missing = [name for name in _PROGRAMS if _program(name) is None]
    if missing:
        return f"{missing[0]} is not installed: apt-get install {_PROGRAMS[missing[0]]}"
    return ""


def _may_mount() -> bool:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return True  # the attempt will tell
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_SYS_ADMIN & 1)


def whole_blocks(size_bytes: int) -> int:
    """The size that a file of at most so many bytes gets."""
    return size_bytes // _BLOCK * _BLOCK


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A folder as a descriptor, and no link: untrusted code may write beside it.

    Raises:
        OSError: it cannot be opened, or is a link.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def holds_something(folder: int) -> bool:
    """Whether there is anything in an open folder."""
    with os.scandir(folder) as found:
        return next(found, None) is not None


def make_image(path: Path, size_bytes: int, *, content: int | None = None) -> None:
    """Make a file of `size_bytes` with a file system that holds what the open folder `content` holds.

    The file is sparse and only its owner's, and on the disk when this returns. If it fails there is none.

    Raises:
        ImageFullError: the content does not fit.
        LoopError: mkfs failed.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, whole_blocks(size_bytes))
        _run(["mkfs.ext4", "-q", "-F", "-m", "0", *_filled_from(content), str(path)], folder=content)
        os.fsync(descriptor)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, LoopError) and "Could not allocate" in str(error):
            raise ImageFullError from None
        raise
    finally:
        os.close(descriptor)


def _filled_from(content: int | None) -> list[str]:
    """The root folder is owned like the one it is filled from."""
    if content is None:
        return []
    owner = os.fstat(content)
    return ["-E", f"root_owner={owner.st_uid}:{owner.st_gid}", "-d", _by_descriptor(content)]


def mount_image(path: Path, folder: int) -> None:
    """Mount the file's file system at an open folder, without devices and setuid programs.

    Raises:
        LoopError: mount failed.
    """
    # `-c`: the folder is the one that was opened, whatever its path leads to by now.
    _run(["mount", "-c", "-t", "ext4", "-o", _OPTIONS, str(path), _by_descriptor(folder)], folder=folder)


def _by_descriptor(folder: int) -> str:
    return f"/proc/self/fd/{folder}"


def unmount(folder: Path) -> None:
    """Unmount what is mounted at a folder; its loop device goes with it.

    Raises:
        LoopError: something on this machine uses it.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(folder), _UMOUNT_NOFOLLOW) != 0:
        raise LoopError(os.strerror(ctypes.get_errno()))


def image_at(folder: Path) -> Path | None:
    """The file whose file system is mounted at a folder; None if no such is.

    Raises:
        OSError: the folder cannot be looked at.
    """
    try:
        device = folder.stat().st_dev
    except FileNotFoundError:
        return None
    if os.major(device) != _LOOP_MAJOR or device == folder.parent.stat().st_dev:
        return None
    try:
        return Path(_of_device(device, "loop/backing_file"))
    except OSError:
        return None


def device_of(folder: Path) -> str:
    """The device that a folder is on, as "7:0".

    Raises:
        OSError: the folder cannot be looked at.
    """
    device = folder.stat().st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def device_at(pid: int, target: str) -> str | None:
    """The device that a process sees mounted exactly at a path; None if there is none, or nobody may look."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    found = [fields[2] for line in lines if len(fields := line.split()) > 4 and fields[4] == target]
    return found[-1] if found else None


def device_bytes(device: str) -> int | None:
    """The size of a loop device, given as "7:0"; None for any other device."""
    if not device.startswith(f"{_LOOP_MAJOR}:"):
        return None
    major, _, minor = device.partition(":")
    try:
        return int(_of_device(os.makedev(int(major), int(minor)), "size")) * 512
    except (OSError, ValueError):
        return None


def _of_device(device: int, name: str) -> str:
    path = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/{name}")
    return path.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n")


def refuse_foreign(path: Path) -> None:
    """The kernel is only given files that root made: a crafted file system can be an attack on it.

    Raises:
        WorkspaceError: somebody else could have written the file.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022 or found.st_nlink != 1:
        raise WorkspaceError(
            f"The volume {path} is not a file of root's alone, and is not mounted.",
            hint=f"Look who made it: ls -l {path}",
        )


def _run(command: Sequence[str], *, folder: int | None = None) -> None:
    """Run a program, which sees `folder` open under the same number."""
    import subprocess

    program = _program(command[0])
    if program is None:
        raise LoopError(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DEADLINE_S,
            check=False,
            pass_fds=() if folder is None else (folder,),
            env={"PATH": _PATH, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise LoopError(f"{command[0]} took longer than {_DEADLINE_S:g} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise LoopError(said[-1] if said else f"{command[0]} failed with status {done.returncode}")


#: Where programs for root are: a PATH of the user's own may lack them, or hold others of the same name.
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PATH)
