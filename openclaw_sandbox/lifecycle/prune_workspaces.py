"""Workspaces of sessions that nobody knows any more. A folder whose session could live is left alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import VerbFailedError, WorkspaceError
from openclaw_sandbox.lifecycle.disk_usage import bytes_in
from openclaw_sandbox.lifecycle.loop_image import LoopError
from openclaw_sandbox.lifecycle.prune import Doing, Step, Thing
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.shared import folders_fixed
from openclaw_sandbox.lifecycle.volume import Volume, drop_volume, volumes_in
from openclaw_sandbox.policy.model import Scope, WorkspaceAccess
from openclaw_sandbox.policy.naming import SHARED, slug
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.policy.model import EffectivePolicy

#: OpenClaw 2026.2's name for a scope's folder. Those of 2026.9 do not tell whose they are.
_SLUG = re.compile(r"[a-z0-9._-]{1,32}-[0-9a-f]{8}")
_CONDEMNED = re.compile(r"\.pruned-[0-9a-f]{16}")
_MAX_STORE_BYTES = 64 << 20


class UnknownSessionsError(VerbFailedError):
    """A list of sessions cannot be read: any workspace could be in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alive:
    """What must stay: names of folders, and folders that containers mount."""

    names: frozenset[str]
    mounted: frozenset[str]


def prune_workspaces(fleet: Fleet, *, dry_run: bool) -> list[Step]:
    """Remove, or with `dry_run` find, the workspaces whose session is gone.

    Raises:
        UnknownSessionsError: what sessions there are cannot be told. Nothing was removed.
    """
    policies = [
        p for agent in fleet.policies.agents() if not isinstance(p := fleet.policies.of_agent(agent), str)
    ]
    alive = _alive(fleet, policies)
    steps: list[Step] = []
    steps += _lost_volumes(fleet, alive, dry_run=dry_run)
    for root in dict.fromkeys([fleet.state_dir / "sandboxes", *(p.workspace.root for p in policies)]):
        if _is_shared(root, fleet, policies):
            steps += _kept_in_shared(root, alive)
            continue
        for folder in _vanished(root, alive):
            step = Step(
                thing=Thing.WORKSPACE,
                doing=Doing.REMOVE,
                name=str(folder),
                reason="nobody knows its session any more",
                size_bytes=_bytes_of(folder, fleet.state_dir),
            )
            steps.append(step if dry_run else _remove(step, folder, fleet.state_dir))
    return steps


def _lost_volumes(fleet: Fleet, alive: _Alive, *, dry_run: bool) -> list[Step]:
    """Volumes whose session and whose folder are both gone: somebody removed the folder by hand."""
    steps = []
    for volume in volumes_in(fleet.state_dir):
        if volume.folder.exists() or volume.folder.name in alive.names:
            continue
        step = Step(
            thing=Thing.WORKSPACE,
            doing=Doing.REMOVE,
            name=str(volume.image),
            reason="nobody knows its session any more",
            size_bytes=volume.occupied_bytes(),
        )
        steps.append(step if dry_run else _removed(step, partial(drop_volume, volume)))
    return steps


def _bytes_of(folder: Path, state_dir: Path) -> int:
    """What removing it frees: a volume occupies its file, however little is in it."""
    volume = Volume(state_dir=state_dir, folder=folder)
    return volume.occupied_bytes() if _has_volume(volume) else bytes_in(folder)


def _has_volume(volume: Volume) -> bool:
    return volume.folder.parent == volume.state_dir / "sandboxes" and volume.image.exists()


def _vanished(root: Path, alive: _Alive) -> Iterator[Path]:
    for path in _folders(root):
        condemned = _CONDEMNED.fullmatch(path.name)
        unknown = _SLUG.fullmatch(path.name) and path.name not in alive.names
        if (condemned or unknown) and not any(_touches(path, source) for source in alive.mounted):
            yield path


def _folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as found:
            return sorted(Path(item.path) for item in found if item.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _touches(folder: Path, source: str) -> bool:
    """Whether a mount shows the folder or a part of it."""
    return source == str(folder) or source.startswith(f"{folder}/")


def _kept_in_shared(root: Path, alive: _Alive) -> Iterable[Step]:
    """In a shared workspace a folder of such a name can be the sandbox's own work."""
    reason = "it lies in a workspace that is shared, where it could be the sandbox's own work"
    return [
        Step(thing=Thing.WORKSPACE, doing=Doing.KEEP, name=str(path), reason=reason)
        for path in _vanished(root, alive)
    ]


def _is_shared(root: Path, fleet: Fleet, policies: Iterable[EffectivePolicy]) -> bool:
    by_config = any(
        p.scope is Scope.SHARED and p.workspace.access is not WorkspaceAccess.RW and p.workspace.root == root
        for p in policies
    )
    by_container = any(mount.source == str(root) for found in fleet.containers() for mount in found.mounts)
    by_entry = any(entry.session_key == SHARED for entry in fleet.registry.entries(Kind.CONTAINER))
    return by_config or by_container or by_entry


def _alive(fleet: Fleet, policies: Iterable[EffectivePolicy]) -> _Alive:
    keys = {entry.session_key for kind in Kind for entry in fleet.registry.entries(kind)}
    keys |= {found.labels.get(labels.SESSION_KEY, "") for found in fleet.containers()}
    agents = {policy.agent_id for policy in policies} | set(_agents_with_state(fleet.state_dir))
    for agent_id in agents:
        keys |= {f"agent:{agent_id}", f"agent:{agent_id}:main"}
        keys |= set(_stored_sessions(fleet.policies.session_store(agent_id, fleet.state_dir)))
    mounted = {mount.source for found in fleet.engine.list() for mount in found.mounts}
    return _Alive(names=frozenset(slug(key) for key in keys if key), mounted=frozenset(mounted))


def _agents_with_state(state_dir: Path) -> list[str]:
    return [path.name for path in _folders(state_dir / "agents")]


def _stored_sessions(path: Path) -> list[str]:
    """The keys of an agent's session store; none if there is no store."""
    try:
        if path.stat().st_size > _MAX_STORE_BYTES:
            raise ValueError("it is too large")
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise UnknownSessionsError(
            f"The sessions in {path} cannot be read, so no workspace is removed: {error}"
        ) from None
    return list(found) if isinstance(found, dict) else []


def _remove(step: Step, folder: Path, state_dir: Path) -> Step:
    """Out of the way first, in one step: a sandbox that is made now must not mount what is half gone."""

    def remove() -> None:
        volume = Volume(state_dir=state_dir, folder=folder)
        with folders_fixed(state_dir):
            if _has_volume(volume):
                drop_volume(volume)
            condemned = folder.with_name(f".pruned-{secrets.token_hex(8)}")
            folder.rename(condemned)
        shutil.rmtree(condemned)

    return _removed(step, remove)


def _removed(step: Step, remove: Callable[[], None]) -> Step:
    """The step as it came out."""
    try:
        remove()
    except OSError as error:
        failure = VerbFailedError(f"{step.name} cannot be removed: {error.strerror or error}.")
        return replace(step, error=failure)
    except (LoopError, WorkspaceError) as error:
        return replace(step, error=VerbFailedError(f"{step.name} cannot be removed: {error}."))
    return step
