"""Scope `shared`: its sandbox mounts the folder that holds every other scope's workspace, as OpenClaw's does.

The folder must be the same, or the gateway would not recognise the container. So the other workspaces are
covered by empty mounts, which are part of the spec; and no new one appears under a sandbox that runs without
its cover.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import SandboxBusyError, SandboxConflictError, WorkspaceError
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.busy import is_busy
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.lifecycle.settle import what_for
from openclaw_sandbox.policy.model import Scope, WorkspaceAccess
from openclaw_sandbox.policy.naming import SHARED
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy

#: How a scope's folder is called: a slug of OpenClaw 2026.2, or one of 2026.9. A folder that only looks like
#: one is covered too: what is hidden by mistake can be renamed, what is shown by mistake has leaked.
_SCOPE_FOLDER = re.compile(r"[a-z0-9._-]{1,32}-[0-9a-f]{8}|workspace-[0-9a-f]{32}")


def is_scope_folder(name: str) -> bool:
    """Whether a folder under the workspace root belongs to one scope, by its name."""
    return _SCOPE_FOLDER.fullmatch(name) is not None


def masked_folders(policy: EffectivePolicy) -> tuple[str, ...]:
    """The folders in the policy's workspace that its sandbox must not see into; sorted names.

    Raises:
        WorkspaceError: the workspace cannot be looked into.
    """
    space = policy.workspace
    if policy.scope is not Scope.SHARED or space.access is WorkspaceAccess.RW:
        return ()
    try:
        with os.scandir(space.workspace_dir) as found:
            return tuple(
                sorted(
                    item.name
                    for item in found
                    if is_scope_folder(item.name) and item.is_dir(follow_symlinks=False)
                )
            )
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise WorkspaceError(
            f"The workspace {space.workspace_dir} cannot be looked into: {error.strerror}."
        ) from None


@contextlib.contextmanager
def folders_fixed(state_dir: Path) -> Iterator[None]:
    """While held, no scope's folder is made and no shared sandbox: each would have to know of the other."""
    with sandbox_lock(state_dir, "\0folders of scopes"):
        yield


@contextlib.contextmanager
def room_for(policy: EffectivePolicy, engine: Engine) -> Iterator[tuple[Observed, ...]]:
    """Hold this while the workspace's folder is made. Yields the shared sandboxes that had to go for it.

    Raises:
        SandboxBusyError: a command runs in one of them. Nothing was removed.
        SandboxConflictError: one belongs to another state folder.
    """
    space = policy.workspace
    if policy.scope is Scope.SHARED or space.access is WorkspaceAccess.RW or space.sandbox_dir.exists():
        yield ()
        return
    with folders_fixed(policy.state_dir):
        yield _displace(policy, engine)


def _displace(policy: EffectivePolicy, engine: Engine) -> tuple[Observed, ...]:
    root = str(policy.workspace.sandbox_dir.parent)
    listed = engine.list(labels=[f"{labels.SANDBOX}=1", f"{labels.SESSION_KEY}={SHARED}"])
    mounting = (found for found in listed if any(mount.source == root for mount in found.mounts))
    seeing = [found for found in mounting if not _is_past(found)]
    with contextlib.ExitStack() as locks:
        for container in seeing:
            if not what_for(container):
                locks.enter_context(sandbox_lock(policy.state_dir, container.name))
        for container in seeing:
            _refuse_if_in_use(container, policy, engine)
        for container in seeing:
            engine.remove(container.id, force=True)
    return tuple(seeing)


def _is_past(container: Observed) -> bool:
    """A detached command that has ended sees nothing any more, and its log may be wanted."""
    return _is_job(container) and container.state in (ContainerState.EXITED, ContainerState.DEAD)


def _refuse_if_in_use(container: Observed, policy: EffectivePolicy, engine: Engine) -> None:
    owner = container.labels.get(labels.STATE)
    if owner not in (None, state_hash(str(policy.state_dir))):
        raise SandboxConflictError(
            f"The shared sandbox {container.name} of another state folder "
            f"({container.labels.get(labels.STATE_DIR, owner)}) sees {policy.workspace.sandbox_dir.parent}.",
            hint="Set another workspaceRoot in one of the two configs.",
        )
    if _is_in_use(container, policy.state_dir, engine):
        end = f", or end it: openclaw-sandbox stop {container.name}" if _is_job(container) else ""
        raise SandboxBusyError(
            f"The shared sandbox {container.name} would see the new workspace "
            f"{policy.workspace.sandbox_dir}, and a command runs in it.",
            hint=f"Wait until that command has ended{end}; then run this again.",
        )


def _is_in_use(container: Observed, state_dir: Path, engine: Engine) -> bool:
    """Whether a command runs in it, or is about to: one that is its container's main process counts too."""
    made_now = intents.owner_lives(state_dir, container.labels.get(labels.OWNER, ""))
    match what_for(container):
        case "run" | "setup":
            return made_now  # else whoever made it was killed, and nobody waits for it
        case "job":
            return made_now or container.running
    return container.running and is_busy(engine, container.id)


def _is_job(container: Observed) -> bool:
    return what_for(container) == "job"
