"""Scope keys, slugs, container names, host folders and the config hash, as OpenClaw derives them."""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.javascript import stringify, trim
from openclaw_sandbox.policy.model import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.policy.model import Workspace

SHARED = "shared"
MAX_CONTAINER_NAME = 63
_NOT_SLUG = re.compile(r"[^a-z0-9._-]+")
_SLUG_BASE = 32
_SLUG_HASH = 8


def scope_key(scope: Scope, *, session_key: str, agent_id: str) -> str:
    """Whose container it is: `shared`, the session's own key, or `agent:<id>`."""
    match scope:
        case Scope.SHARED:
            return SHARED
        case Scope.SESSION:
            return trim(session_key) or "main"
        case Scope.AGENT:
            return f"agent:{agent_id}"


def slug(value: str) -> str:
    """A short, unique name for a file or container: readable part, dash, 8 hex digits of SHA-256."""
    text = trim(value) or "session"
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_SLUG_HASH]
    base = _NOT_SLUG.sub("-", text.lower()).strip("-")[:_SLUG_BASE]
    return f"{base or 'session'}-{digest}"


def scope_slug(scope: Scope, key: str) -> str:
    """The slug of a scope key; the shared one has no other by its side and is just `shared`."""
    return SHARED if scope is Scope.SHARED else slug(key)


def container_name(prefix: str, slug_text: str) -> str:
    """Prefix and slug, cut to 63 characters as OpenClaw cuts it."""
    return (prefix + slug_text)[:MAX_CONTAINER_NAME]


def user_path(text: str, *, home: Path, cwd: Path) -> Path:
    """A path as a user writes it: `~` is home, the rest is taken from `cwd`; `.` and `..` are folded."""
    path = trim(text)
    if path == "~" or path.startswith(("~/", "~\\")):
        path = f"{home}/{path[2:]}"
    joined = posixpath.normpath(posixpath.join(str(cwd), path))
    return Path("/" + joined.lstrip("/"))


def sandbox_folder(root: Path, scope: Scope, slug_text: str) -> Path:
    """The sandbox's own folder: the root itself under `shared`, else one folder per scope."""
    return root if scope is Scope.SHARED else root / slug_text


def config_hash(docker: Mapping[str, Any], *, workspace: Workspace) -> str:
    """The `openclaw.configHash` label: SHA-256 of the resolved inputs, real values of variables included."""
    return config_hash_of_text(stringify(docker), workspace=workspace)


def config_hash_of_text(docker: str, *, workspace: Workspace) -> str:
    """The same for a docker block that is text already (see `stringify`): most of the work is in it."""
    folder, agents = str(workspace.workspace_dir), str(workspace.agent_workspace_dir)
    text = (
        f'{{"agentWorkspaceDir":{stringify(agents)},"docker":{docker},'
        f'"workspaceAccess":{stringify(workspace.access.value)},"workspaceDir":{stringify(folder)}}}'
    )
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
