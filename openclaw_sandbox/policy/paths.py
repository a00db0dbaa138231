"""One map between host and container paths, from the mounts; every tool uses it.

What `exec` can write, `write` can write, and nothing else. Pure: symlinks are the caller's business.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.binds import is_under, normalize
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.mounts import (
    Mount,
    MountKind,
    bind_mounts,
    mounts_of,
    move,
    tmpfs_places,
    workspace_mounts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openclaw_sandbox.policy.model import EffectivePolicy

__all__ = [
    "MappedPath",
    "Mount",
    "MountKind",
    "PathMap",
    "bind_mounts",
    "path_map",
    "tmpfs_places",
    "workspace_mounts",
]

#: Spaces that models and file names of some systems mix up; OpenClaw's file tools take each for a plain one.
_PLAIN_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")


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

    @property
    def visible(self) -> bool:
        """Whether anything can be seen there; False where `file_access` hides it."""
        return self.mount.visible


class PathMap:
    """Looks paths up in a set of mounts; a later mount wins a destination, the longest root wins a path."""

    def __init__(
        self,
        mounts: Sequence[Mount],
        *,
        workdir: str,
        home: Path,
        root_writable: bool = False,
        base: str | None = None,
    ) -> None:
        self.mounts = tuple({mount.destination: mount for mount in mounts}.values())
        self._workdir = normalize(workdir)
        self._home = home
        workspace = next((mount.source for mount in self.mounts if mount.kind is MountKind.WORKSPACE), None)
        self._base = base or workspace or "/"  # the host folder that relative paths start from
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
        host = None if mount.source is None else move(path, mount.destination, mount.source)
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
            mapped = self.inside(move(path, mount.source or "", mount.destination))
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
        # On the host a backslash is part of a name, and so are spaces around it.
        path = text.translate(_PLAIN_SPACES)
        if path == "~" or path.startswith("~/"):
            path = f"{self._home}/{path[2:]}"
        return self.from_host(posixpath.join(self._base, path))


def path_map(policy: EffectivePolicy, *, home: Path) -> PathMap:
    """The map of one sandbox; `home` is what `~` means on the host."""
    hardening = policy.hardening
    return PathMap(
        mounts_of(policy),
        workdir=hardening.workdir,
        home=home,
        root_writable=not hardening.read_only_root,
        base=normalize(str(policy.workspace.workspace_dir)),
    )
