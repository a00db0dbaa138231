"""One map between host and container paths, from the mounts; every tool uses it.

What `exec` can write, `write` can write, and nothing else. Pure: symlinks are the caller's business.
"""

from __future__ import annotations

import enum
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.binds import AGENT_TARGET, is_under, normalize
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.model import WorkspaceAccess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openclaw_sandbox.policy.model import Bind, EffectivePolicy, Tmpfs, Workspace


class MountKind(enum.Enum):
    """What stands at a place in the container."""

    WORKSPACE = "workspace"
    AGENT = "agent"
    BIND = "bind"
    TMPFS = "tmpfs"  # in memory, gone with the container
    IMAGE = "image"  # the container's own root file system


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A place in the container. `source` is the host folder; None for what only the container has."""

    destination: str
    source: str | None
    writable: bool
    kind: MountKind
    key: str = ""  # the config key that asked for it, or the entry's text


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedPath:
    """A path seen from both sides. `relative_path`: below the working folder, else the container path."""

    container_path: str
    host_path: str | None
    relative_path: str
    mount: Mount

    @property
    def writable(self) -> bool:
        """Whether the mount lets a command write; the host's own permissions come on top."""
        return self.mount.writable


def workspace_mounts(workspace: Workspace, workdir: str) -> tuple[Mount, ...]:
    """The working folder, and the agent's own read-only beside it under access `ro`.

    OpenClaw leaves the working folder writable under `ro`; here read-only means read-only.
    """
    access = workspace.access
    main = Mount(
        destination=normalize(workdir),
        source=normalize(str(workspace.workspace_dir)),
        writable=access is not WorkspaceAccess.RO,
        kind=MountKind.WORKSPACE,
        key="workspaceAccess",
    )
    agent = normalize(str(workspace.agent_workspace_dir))
    if access is not WorkspaceAccess.RO or agent == main.source:
        return (main,)
    beside = Mount(
        destination=AGENT_TARGET, source=agent, writable=False, kind=MountKind.AGENT, key="workspaceAccess"
    )
    return main, beside


def bind_mounts(binds: Sequence[Bind]) -> tuple[Mount, ...]:
    """The operator's own binds."""
    return tuple(
        Mount(
            destination=bind.destination,
            source=bind.source,
            writable=not bind.read_only,
            kind=MountKind.BIND,
            key=bind.text,
        )
        for bind in binds
    )


def tmpfs_places(mounts: Sequence[Tmpfs]) -> tuple[Mount, ...]:
    """The places in memory."""
    return tuple(
        Mount(
            destination=mount.destination,
            source=None,
            writable="ro" not in mount.options,
            kind=MountKind.TMPFS,
            key="docker.tmpfs",
        )
        for mount in mounts
    )


class PathMap:
    """Looks paths up in a set of mounts; a later mount wins a destination, the longest root wins a path."""

    def __init__(
        self, mounts: Sequence[Mount], *, workdir: str, home: Path, root_writable: bool = False
    ) -> None:
        self.mounts = tuple({mount.destination: mount for mount in mounts}.values())
        self._workdir = normalize(workdir)
        self._home = home
        self._root = Mount(
            destination="/",
            source=None,
            writable=root_writable,
            kind=MountKind.IMAGE,
            key="docker.readOnlyRoot",
        )

    def inside(self, container_path: str) -> MappedPath:
        """What an absolute path means in the container."""
        path = normalize(container_path)
        hits = [mount for mount in self.mounts if is_under(path, mount.destination)]
        mount = max(hits, key=lambda hit: len(hit.destination), default=self._root)
        host = None if mount.source is None else _move(path, mount.destination, mount.source)
        relative = posixpath.relpath(path, self._workdir) if is_under(path, self._workdir) else path
        return MappedPath(
            container_path=path,
            host_path=host,
            relative_path="" if relative == "." else relative,
            mount=mount,
        )

    def from_host(self, host_path: str) -> MappedPath | None:
        """Where an absolute host path is seen in the container; None if it is not, or something covers it."""
        path = normalize(host_path)
        hits = [mount for mount in self.mounts if mount.source is not None and is_under(path, mount.source)]
        for mount in sorted(hits, key=lambda hit: len(hit.source or ""), reverse=True):
            mapped = self.inside(_move(path, mount.source or "", mount.destination))
            if mapped.host_path == path:
                return mapped
        return None

    def resolve(self, text: str) -> MappedPath | None:
        """A path as a file tool gets it: of the container, of the host, or relative to the workspace.

        None: it is outside of everything the host shows to the sandbox.
        """
        path = trim(text.replace("\\", "/"))
        if path.startswith("/"):
            mapped = self.inside(path)
            if mapped.host_path is not None:
                return mapped
        workspace = next((m.source for m in self.mounts if m.kind is MountKind.WORKSPACE), None) or "/"
        if path == "~" or path.startswith("~/"):
            path = f"{self._home}/{path[2:]}"
        return self.from_host(posixpath.join(workspace, path))


def _move(path: str, root: str, new_root: str) -> str:
    """`path` below `root`, moved below `new_root`."""
    tail = "" if path == root else path[len(root.rstrip("/")) :]
    return normalize(new_root + tail)


def path_map(policy: EffectivePolicy, *, home: Path) -> PathMap:
    """The map of one sandbox; `home` is what `~` means on the host."""
    hardening = policy.hardening
    mounts = (
        *tmpfs_places(hardening.tmpfs),
        *workspace_mounts(policy.workspace, hardening.workdir),
        *bind_mounts(hardening.binds),
    )
    return PathMap(mounts, workdir=hardening.workdir, home=home, root_writable=not hardening.read_only_root)
