"""The workspace as a volume: a file in the state folder, mounted at the sandbox's own folder.

The folder's path stays, so the container is the same for everybody who names it by what it mounts. What is
mounted is gone after a reboot, and mounted again before the next command. Beneath it lies an empty folder
that only root may enter: a container that is started without the volume finds nothing that it could fill.

Each change is made beside what is there and put in its place by one rename, under a lock. In the folder of
volumes, `SLUG.img` is the volume, `SLUG.new` one that is being made, and `SLUG.before` the folder whose files
are being moved into it: as long as there is no `SLUG.img`, they are still the workspace.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import WorkspaceError
from openclaw_sandbox.lifecycle import loop_image
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.policy.volume import keeps_workspace, volume_bytes

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.engine.base import EngineInfo
    from openclaw_sandbox.policy.model import EffectivePolicy

_IMAGE, _NEW, _BEFORE = ".img", ".new", ".before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One workspace's volume, there or not: the folder it is mounted at, and where its files are."""

    state_dir: Path
    folder: Path

    @property
    def image(self) -> Path:
        """The file system."""
        return self._beside(_IMAGE)

    @property
    def new(self) -> Path:
        """One that is not complete."""
        return self._beside(_NEW)

    @property
    def before(self) -> Path:
        """The folder whose content goes into it."""
        return self._beside(_BEFORE)

    def _beside(self, ending: str) -> Path:
        return volumes_folder(self.state_dir) / f"{self.folder.name}{ending}"

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold this while it is changed."""
        return sandbox_lock(self.state_dir, f"\0volume {self.folder}")

    def occupied_bytes(self) -> int:
        """What its file takes on the disk; 0 if there is none."""
        try:
            return self.image.stat().st_blocks * 512
        except OSError:
            return 0

    def mounted(self) -> bool:
        """Whether it is mounted at its folder.

        Raises:
            WorkspaceError: something else is.
        """
        try:
            found = loop_image.image_at(self.folder)
        except OSError as error:
            raise unusable(self.folder, error) from None
        if found is not None and found != self.image.resolve():
            raise WorkspaceError(
                f"{found} is mounted at the workspace {self.folder}, and is not this sandbox's volume.",
                hint=f"umount {self.folder}",
            )
        return found is not None


def volumes_folder(state_dir: Path) -> Path:
    """Where the volumes of a state folder are."""
    return state_dir / "sandbox" / "volumes"


def volume_of(policy: EffectivePolicy) -> Volume | None:
    """The volume that this policy's workspace has or is to have; None if it can have none."""
    if not keeps_workspace(policy):
        return None
    volume = Volume(state_dir=policy.state_dir, folder=policy.workspace.sandbox_dir)
    wanted = volume_bytes(policy) is not None
    return volume if wanted or volume.image.exists() or volume.before.exists() else None


def holds_limit(policy: EffectivePolicy) -> bool:
    """Whether a volume bounds the policy's workspace now."""
    volume = volume_of(policy)
    return volume is not None and volume_bytes(policy) is not None and volume.mounted()


def host_objection(
    policy: EffectivePolicy,
    info: Callable[[], EngineInfo],
    *,
    no_loop: Callable[[], str] = loop_image.why_no_loop,
) -> str:
    """Why this machine cannot carry out `workspace_volume`; empty if it can, or nobody asked for it."""
    if volume_bytes(policy) is None:
        return ""
    if info().rootless:
        return "the engine is rootless, and does not see what root mounts"
    return no_loop()


def volumes_in(state_dir: Path) -> list[Volume]:
    """The volumes of a state folder that are there, whole or half-made."""
    try:
        names = {path.stem for path in volumes_folder(state_dir).iterdir()}
    except OSError:
        return []
    return [Volume(state_dir=state_dir, folder=state_dir / "sandboxes" / name) for name in sorted(names)]


def drop_volume(volume: Volume) -> None:
    """Unmount and remove it, with what is in it; its folder stays, empty.

    Raises:
        LoopError: something on this machine uses it. Nothing was removed.
        OSError: a file cannot be removed.
    """
    with volume.lock():
        if volume.mounted():
            loop_image.unmount(volume.folder)
        for path in (volume.new, volume.image):
            path.unlink(missing_ok=True)
        if volume.before.exists():
            shutil.rmtree(volume.before)


def unusable(folder: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(f"The volume of the workspace {folder} cannot be used: {error.strerror or error}.")
