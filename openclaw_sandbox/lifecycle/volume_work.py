"""Making a workspace's volume, mounting it, and giving it another size; see `volume` for what lies where."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import (
    Issue,
    SandboxBusyError,
    SandboxConflictError,
    SpecRefusedError,
    WorkspaceError,
)
from openclaw_sandbox.lifecycle import loop_image
from openclaw_sandbox.lifecycle.busy import is_busy
from openclaw_sandbox.lifecycle.diskwatch import occupied_bytes
from openclaw_sandbox.lifecycle.locks import make_folder, sandbox_lock
from openclaw_sandbox.lifecycle.loop_image import ImageFullError, LoopError
from openclaw_sandbox.lifecycle.settle import what_for
from openclaw_sandbox.lifecycle.volume import (
    Volume,
    host_objection,
    unusable,
    volume_of,
    volumes_folder,
)
from openclaw_sandbox.policy.sizes import human_size
from openclaw_sandbox.policy.volume import KEY, volume_bytes
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy


def stand_volume(policy: EffectivePolicy, engine: Engine, log: Callable[[str], None]) -> str:
    """Have the workspace's volume mounted, of the size of its limit; made, grown or shrunk if need be.

    The answer is why there is none although one is asked for; only if `allow_unenforced` permits that. What
    was a volume once stays one, whatever the config says: the files are in it.

    Raises:
        SpecRefusedError: this machine cannot make it, or it would not hold what is in the workspace.
        WorkspaceError: there is one, and it cannot be mounted.
        SandboxBusyError: a command runs in the folder that it would be mounted over.
    """
    volume, size = volume_of(policy), volume_bytes(policy)
    if volume is None or _is_settled(volume, size):
        return ""
    why = host_objection(policy, engine.info) or loop_image.why_no_loop()
    if why:
        return _without(policy, volume, why)
    with volume.lock():
        try:
            return _stand(_Work(policy=policy, volume=volume, size=size, engine=engine, log=log))
        except OSError as error:
            raise unusable(volume.folder, error) from None


def _is_settled(volume: Volume, size: int | None) -> bool:
    """Nothing is to be done, and nobody was killed while he did it."""
    return (
        volume.mounted() and _is_of(volume, size) and not volume.before.exists() and not volume.new.exists()
    )


def _is_of(volume: Volume, size: int | None) -> bool:
    return size is None or volume.image.stat().st_size == loop_image.whole_blocks(size)


def _without(policy: EffectivePolicy, volume: Volume, why: str) -> str:
    """No volume can be made or mounted here. A watch will do where that is allowed and no file is in one."""
    if volume.mounted():
        return ""
    if volume.image.exists() or volume.before.exists():
        raise WorkspaceError(
            f"The files of the workspace {volume.folder} are in the volume {volume.image}, and {why}.",
            hint="Run it as root on this machine.",
        )
    if KEY in policy.hardening.allow_unenforced:
        return why
    raise SpecRefusedError(
        f"{KEY}: loop cannot be carried out here: {why}.",
        issues=[Issue(path=KEY, message=why)],
        hint=f"Correct that, or accept that the workspace is only watched: allow_unenforced: [{KEY}]",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is at hand while a volume is changed."""

    policy: EffectivePolicy
    volume: Volume
    size: int | None
    engine: Engine
    log: Callable[[str], None]

    def limit(self) -> str:
        """`64 MiB (config.yml:3 sandbox.resource_limits.disk)`."""
        said = self.policy.values.get("resource_limits.disk")
        where = f" ({said.origin.text()})" if said is not None else ""
        return f"{human_size(self.size or 0)}{where}"


def _stand(work: _Work) -> str:
    volume = work.volume
    _recover(volume)
    if work.size is None and not volume.image.exists():
        return ""  # nobody asks for one any more, and the files are in the folder again
    if not volume.mounted():
        _free(work)
        if not volume.image.exists():
            return _first(work)
        _mount_again(volume, mode=_mode_before(volume))
        _recover(volume)
    if not _is_of(volume, work.size):
        _resize(work)
    return ""


def _first(work: _Work) -> str:
    """Make it and mount it. Where that proves impossible, all is as it was, and the answer says why."""
    volume = work.volume
    try:
        _make(work)
        _mount(volume, mode=_mode_before(volume))
    except LoopError as error:
        volume.image.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # one that holds something was not touched
            volume.folder.rmdir()
        _recover(volume)
        return _without(work.policy, volume, str(error))
    _recover(volume)
    return ""


def _recover(volume: Volume) -> None:
    """Finish or undo what somebody did not come to the end of."""
    volume.new.unlink(missing_ok=True)
    if not volume.before.exists():
        return
    if volume.image.exists():
        shutil.rmtree(volume.before)
        return
    if volume.folder.exists():
        volume.folder.rmdir()
    volume.before.rename(volume.folder)


def _mode_before(volume: Volume) -> int | None:
    return stat.S_IMODE(volume.before.stat().st_mode) if volume.before.exists() else None


def _free(work: _Work) -> None:
    """Take the folder from idle sandboxes that run: they would go on with what lies beneath the volume.

    Raises:
        SandboxBusyError: a command runs in one.
        SandboxConflictError: one is not this state folder's.
    """
    running = [found for found in work.engine.list() if found.running and _uses(found, work.volume.folder)]
    with contextlib.ExitStack() as nobody_enters:
        for container in running:
            if not what_for(container):
                nobody_enters.enter_context(sandbox_lock(work.policy.state_dir, container.name))
        for container in running:
            _refuse_if_in_use(container, work)
        for container in running:
            work.log(f"removing {container.name}: its workspace becomes another file system")
            work.engine.remove(container.id, force=True)


def _uses(container: Observed, folder: Path) -> bool:
    return any(
        mount.source == str(folder) or mount.source.startswith(f"{folder}/") for mount in container.mounts
    )


def _refuse_if_in_use(container: Observed, work: _Work) -> None:
    said, folder = container.labels, work.volume.folder
    ours = said.get(labels.SANDBOX) == "1" and said.get(labels.STATE) in (
        None,
        state_hash(str(work.policy.state_dir)),
    )
    if not ours:
        raise SandboxConflictError(
            f"The container {container.name} uses the workspace {folder}, which is to become a volume.",
            hint=f"Stop it: docker stop {container.name}",
        )
    if what_for(container) or is_busy(work.engine, container.id):
        raise SandboxBusyError(
            f"A command runs in {container.name}, and its workspace {folder} must be mounted anew.",
            hint="Wait until that command has ended, then run this again.",
        )


def _make(work: _Work) -> None:
    """Make the volume, with what is in the folder, which is empty and shut afterwards."""
    volume, folder = work.volume, work.volume.folder
    make_folder(volumes_folder(volume.state_dir))
    folder.mkdir(parents=True, exist_ok=True)
    work.log(f"making a volume of {human_size(work.size or 0)} for {folder}")
    with loop_image.opened(folder) as content:
        filled = loop_image.holds_something(content)
        _fill(work, content if filled else None)
    if filled:
        _set_aside(volume)
    volume.new.rename(volume.image)
    _sync(volume.image.parent)


def _fill(work: _Work, content: int | None) -> None:
    """Write `volume.new`, complete, with what an open folder holds.

    Raises:
        SpecRefusedError: that is larger than the limit.
        LoopError: mkfs failed.
    """
    size, folder = work.size or 0, work.volume.folder
    occupied = 0 if content is None else occupied_bytes(str(folder))
    try:
        if occupied > size:
            raise ImageFullError
        loop_image.make_image(work.volume.new, size, content=content)
    except ImageFullError:
        holds = f"the workspace {folder} holds {human_size(occupied)}"
        raise SpecRefusedError(
            f"{holds[0].upper()}{holds[1:]}, which does not fit into a volume of {work.limit()}.",
            issues=[Issue(path="resource_limits.disk", message=holds)],
            hint="Remove files there, or raise resource_limits.disk in config.yml.",
        ) from None


def _set_aside(volume: Volume) -> None:
    try:
        volume.folder.rename(volume.before)
    except OSError as error:
        volume.new.unlink(missing_ok=True)
        if error.errno not in (errno.EXDEV, errno.EBUSY):
            raise
        raise WorkspaceError(
            f"The files in {volume.folder} cannot be moved into a volume: the folder is on another file "
            f"system than {volume.before.parent}, or is one itself.",
            hint="Move the files away, run this again, and move them back.",
        ) from None


def _mount_again(volume: Volume, *, mode: int | None) -> None:
    """See `_mount`. Raises WorkspaceError if mount fails: the files are in the volume."""
    try:
        _mount(volume, mode=mode)
    except LoopError as error:
        raise WorkspaceError(
            f"The volume {volume.image} cannot be mounted at {volume.folder}: {error}.",
            hint=f"Look at it with: e2fsck -f {volume.image}",
        ) from None


def _mount(volume: Volume, *, mode: int | None) -> None:
    """Mount it over a folder that is empty, and that nobody but root can use without it.

    Raises:
        LoopError: mount failed.
        WorkspaceError: the folder holds something, or somebody else could have written the volume.
    """
    folder = volume.folder
    folder.mkdir(parents=True, exist_ok=True)
    loop_image.refuse_foreign(volume.image)
    with loop_image.opened(folder) as descriptor:
        if loop_image.holds_something(descriptor):
            raise _occupied(folder)
        os.fchown(descriptor, 0, 0)
        os.fchmod(descriptor, 0)
        loop_image.mount_image(volume.image, descriptor)
    with loop_image.opened(folder) as descriptor:
        if mode is not None:
            os.fchmod(descriptor, mode)
        with contextlib.suppress(OSError):  # fsck makes it anew when it needs it
            os.rmdir("lost+found", dir_fd=descriptor)


def _occupied(folder: Path) -> WorkspaceError:
    return WorkspaceError(
        f"The workspace {folder} has a volume, and there are files in its folder while it is not mounted.",
        hint=f"Move them away, run this again, and move them back: mv {folder} {folder}.aside",
    )


def _resize(work: _Work) -> None:
    """Put one of the new size in its place, with what is in it. Waits while a command runs in it."""
    volume, old = work.volume, human_size(work.volume.image.stat().st_size)
    try:
        _free(work)
    except SandboxBusyError:
        work.log(f"the volume of {volume.folder} keeps its {old} while a command runs in it")
        return
    work.log(f"making the volume of {volume.folder} {human_size(work.size or 0)} instead of {old}")
    try:
        with loop_image.opened(volume.folder) as content:
            mode = stat.S_IMODE(os.fstat(content).st_mode)
            _fill(work, content)
        loop_image.unmount(volume.folder)
    except LoopError as error:
        volume.new.unlink(missing_ok=True)
        raise WorkspaceError(
            f"The volume of {volume.folder} cannot be made {work.limit()}: {error}.",
            hint=f"See what uses it: fuser -vm {volume.folder}",
        ) from None
    volume.new.rename(volume.image)
    _sync(volume.image.parent)
    _mount_again(volume, mode=mode)


def _sync(folder: Path) -> None:
    """What was renamed in it is so on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
