"""One agent's policy for another of its sessions, as far as the container is concerned. Pure, and cheap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.policy import naming
from openclaw_sandbox.policy.javascript import stringify, trim
from openclaw_sandbox.policy.model import Scope, WorkspaceAccess

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy


def for_session(policy: EffectivePolicy, session_key: str, *, docker_text: str = "") -> EffectivePolicy:
    """The container of another session of the same agent: names, folders and the config hash.

    Everything else that depends on a session (its elevated gates, the stages of its tool policy) is still
    that of `policy`. A scope that sessions share has the same container for every one of them.
    `docker_text` is `text_of_docker(policy)`, for a caller who asks often.
    """
    key = trim(session_key)
    if policy.scope is not Scope.SESSION:
        return replace(policy, session_key=key)
    scope_key = naming.scope_key(policy.scope, session_key=key, agent_id=policy.agent_id)
    slug = naming.scope_slug(policy.scope, scope_key)
    own = naming.sandbox_folder(policy.workspace.root, policy.scope, slug)
    rw = policy.workspace.access is WorkspaceAccess.RW
    workspace = replace(
        policy.workspace,
        sandbox_dir=own,
        workspace_dir=policy.workspace.agent_workspace_dir if rw else own,
    )
    return replace(
        policy,
        session_key=key,
        scope_key=scope_key,
        slug=slug,
        container_name=naming.container_name(policy.container_prefix, slug),
        workspace=workspace,
        config_hash=naming.config_hash_of_text(docker_text or text_of_docker(policy), workspace=workspace),
    )


def text_of_docker(policy: EffectivePolicy) -> str:
    """The part of the config hash's input that is the same for all sessions of an agent."""
    return stringify(policy.openclaw["docker"])
