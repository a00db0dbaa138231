"""Everything that is mounted in a sandbox, in one list: what the container gets and what the file tools know.

`file_access` is carried out here and nowhere else, as mounts: what is not allowed is not mounted, what is
denied lies under an empty, read-only mount. So a command and a file tool cannot disagree. Pure.
"""

from __future__ import annotations

import enum
import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.binds import AGENT_TARGET, is_under, normalize
from openclaw_sandbox.policy.model import WorkspaceAccess

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from openclaw_sandbox.policy.model import Bind, EffectivePolicy, Tmpfs, Workspace

ALLOWED_KEY = "file_access.allowed_paths"
DENIED_KEY = "file_access.deny_paths"


class MountKind(enum.Enum):
    """What stands at a place in the container."""

    WORKSPACE = "workspace"
    AGENT = "agent"
    BIND = "bind"
    TMPFS = "tmpfs"  # in memory, gone with the container
    IMAGE = "image"  # the container's own root file system
    MASK = "mask"  # an empty, read-only mount over what nobody may see
    HIDDEN = "hidden"  # a path of the image that the engine covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A place in the container. `source` is the host folder; None for what only the container has.

    `behind` is the host path that a mask covers; None if there is none.
    """

    destination: str
    source: str | None
    writable: bool
    kind: MountKind
    key: str = ""  # the config key that asked for it, or the entry's text
    options: tuple[str, ...] = ()  # of a tmpfs
    behind: str | None = None

    @property
    def visible(self) -> bool:
        """Whether anything can be seen there."""
        return self.kind not in (MountKind.MASK, MountKind.HIDDEN)


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


@lru_cache(maxsize=64)
def bind_mounts(binds: tuple[Bind, ...]) -> tuple[Mount, ...]:
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


@lru_cache(maxsize=64)
def tmpfs_places(mounts: tuple[Tmpfs, ...]) -> tuple[Mount, ...]:
    """The places in memory."""
    return tuple(
        Mount(
            destination=mount.destination,
            source=None,
            writable="ro" not in mount.options,
            kind=MountKind.TMPFS,
            key="docker.tmpfs",
            options=mount.options,
        )
        for mount in mounts
    )


def mounts_of(policy: EffectivePolicy) -> tuple[Mount, ...]:
    """Every mount of the policy's sandbox, each destination once, sorted by it: a parent before its child."""
    hardening = policy.hardening
    wanted = (
        *tmpfs_places(hardening.tmpfs),
        *workspace_mounts(policy.workspace, hardening.workdir),
        *bind_mounts(hardening.binds),  # a mount replaces a tmpfs at its target
    )
    by_destination = {mount.destination: mount for mount in wanted}
    found = restrict(
        tuple(by_destination.values()), visible=hardening.visible_paths, hidden=hardening.hidden_paths
    )
    return tuple(sorted(found, key=lambda mount: mount.destination))


def restrict(
    mounts: Sequence[Mount], *, visible: Sequence[str] | None, hidden: Sequence[str]
) -> tuple[Mount, ...]:
    """`mounts` under `file_access`. Of the workspaces only `visible` is left; None: all of it."""
    if visible is not None:
        mounts = [shown for mount in mounts for shown in _shown(mount, outermost(visible))]
    denied = outermost(_wherever_seen(mounts, hidden))
    kept = [mount for mount in mounts if not any(is_under(mount.destination, path) for path in denied)]
    masks = [mask for path in denied for mask in _masks(kept, path)]
    return tuple({mount.destination: mount for mount in (*kept, *masks)}.values())


def _wherever_seen(mounts: Sequence[Mount], hidden: Sequence[str]) -> Iterator[str]:
    """The denied paths, and every other place at which a mount shows the same files of the host."""
    for path in hidden:
        yield path
        over = _over(mounts, path)
        if over is None or over.source is None:
            continue
        host = move(path, over.destination, over.source)
        for mount in mounts:
            if mount.source is not None and is_under(host, mount.source):
                yield move(host, mount.source, mount.destination)
            elif mount.source is not None and is_under(mount.source, host):
                yield mount.destination


def _over(mounts: Sequence[Mount], path: str) -> Mount | None:
    """The mount that a path lies in."""
    covering = [mount for mount in mounts if is_under(path, mount.destination)]
    return max(covering, key=lambda mount: len(mount.destination), default=None)


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that lie under no other of them, sorted."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_under(path, other) for other in found):
            found.append(path)
    return tuple(found)


def _shown(mount: Mount, visible: Sequence[str]) -> Iterator[Mount]:
    """What of a mount is left: of a workspace only what is allowed, in an empty frame; of others all."""
    workspace = mount.kind in (MountKind.WORKSPACE, MountKind.AGENT)
    if not workspace or any(is_under(mount.destination, path) for path in visible):
        yield mount
        return
    yield Mount(
        destination=mount.destination, source=None, writable=False, kind=MountKind.MASK, key=ALLOWED_KEY
    )
    for path in visible:
        if is_under(path, mount.destination):
            yield _part(mount, path)


def _masks(kept: Sequence[Mount], path: str) -> Iterator[Mount]:
    """The mounts that hide `path`, and that keep it where it is.

    A folder above it could be renamed, and the next container would mask an empty place: a mount point cannot
    be renamed, so each folder between is mounted onto itself.
    """
    over = _over(kept, path)
    if over is None:
        yield Mount(destination=path, source=None, writable=False, kind=MountKind.HIDDEN, key=DENIED_KEY)
        return
    if over.kind is MountKind.MASK:
        return  # nothing is there already
    behind = None
    if over.source is not None:
        behind = move(path, over.destination, over.source)
        yield from (_part(over, folder) for folder in _between(over.destination, path))
    yield Mount(
        destination=path, source=None, writable=False, kind=MountKind.MASK, key=DENIED_KEY, behind=behind
    )


def _part(mount: Mount, path: str) -> Mount:
    """A folder or file of a host mount, as a mount of its own."""
    return Mount(
        destination=path,
        source=move(path, mount.destination, mount.source or "/"),
        writable=mount.writable,
        kind=mount.kind,
        key=mount.key,
    )


def _between(root: str, path: str) -> tuple[str, ...]:
    """The folders above `path` and below `root`, outermost first."""
    found = []
    folder = posixpath.dirname(path)
    while folder != root and is_under(folder, root):
        found.append(folder)
        folder = posixpath.dirname(folder)
    return tuple(reversed(found))


def move(path: str, root: str, new_root: str) -> str:
    """`path` below `root`, moved below `new_root`."""
    tail = "" if path == root else path[len(root.rstrip("/")) :]
    return normalize(new_root + tail)
