"""`workspace_volume: loop` in config.yml: the workspace as a file system of its own, as large as `disk` says.

It bounds the workspace where no engine can: a bind mount has no quota. Only a sandbox's own folder, where
this tool keeps them, is made one: the agent's workspace is the operator's, and a shared sandbox's folder
holds every other sandbox's. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.policy.model import Scope, WorkspaceAccess
from openclaw_sandbox.policy.sizes import human_size

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy

KEY = "workspace_volume"
LOOP = "loop"
#: Of less, a file system's own tables leave nothing.
MIN_BYTES = 16 << 20


def wants_volume(policy: EffectivePolicy) -> bool:
    """Whether the workspace is to be a volume, and can be one by everything that the policy knows."""
    return policy.hardening.workspace_volume == LOOP and not why_no_volume(policy)


def volume_bytes(policy: EffectivePolicy) -> int | None:
    """The size of the workspace's volume; None without one."""
    return policy.hardening.disk_bytes if wants_volume(policy) else None


def keeps_workspace(policy: EffectivePolicy) -> bool:
    """Whether the workspace is a sandbox's own folder, where this tool keeps them, one below the other."""
    space = policy.workspace
    return (
        space.access is not WorkspaceAccess.RW and space.sandbox_dir.parent == policy.state_dir / "sandboxes"
    )


def why_no_volume(policy: EffectivePolicy) -> str:
    """Why this policy's workspace can be no volume, as the end of a sentence; empty if it can."""
    space, size = policy.workspace, policy.hardening.disk_bytes
    if space.access is WorkspaceAccess.RW:
        return f"workspaceAccess is rw, and the agent's own workspace {space.workspace_dir} is never replaced"
    if policy.scope is Scope.SHARED:
        return "the scope is shared, and its folder holds the workspaces of all other sandboxes"
    if not keeps_workspace(policy):
        return (
            f"workspaceRoot is {space.root}, and only folders in {policy.state_dir / 'sandboxes'} become one"
        )
    if size is None:
        return "resource_limits.disk, which says how large it is, is not set"
    if size < MIN_BYTES:
        return f"resource_limits.disk is {human_size(size)}, and a file system needs {human_size(MIN_BYTES)}"
    return ""
