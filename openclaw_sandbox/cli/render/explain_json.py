"""`explain --json`: OpenClaw's own answer, and where every value comes from and what is enforced."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.findings import errors
from openclaw_sandbox.policy.model import Mode, Scope, Severity
from openclaw_sandbox.policy.toolcall import exec_place

if TYPE_CHECKING:
    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.cli.render.redact import Redactor
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding, Resolved

_DOCS = "https://docs.openclaw.ai/sandbox"
_AGENT_FIXES = ("tools.sandbox.tools.allow", "tools.sandbox.tools.deny")


def place(origin: Origin | None) -> dict[str, Any]:
    """An origin as JSON: kind, key, and file:line:column where it stands in a file."""
    if origin is None:
        return {}
    location = origin.location()
    found: dict[str, Any] = {"kind": origin.kind.value, "key": origin.key}
    if origin.file is not None:
        found["file"] = origin.file
    if location is not None:
        found |= {"line": location.line, "column": location.column}
    return found


def value_document(resolved: Resolved[Any], redactor: Redactor) -> dict[str, Any]:
    """One effective value: what, from where, and what it overrode."""
    return {
        "value": redactor.value(resolved.key, resolved.value),
        "origin": place(resolved.origin),
        "overridden": [
            {
                "value": redactor.value(resolved.key, candidate.value),
                "origin": place(candidate.origin),
                "why": candidate.why_lost or "a higher layer sets it",
            }
            for candidate in resolved.overridden
        ],
    }


def finding_document(finding: Finding, redactor: Redactor) -> dict[str, Any]:
    """One finding."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": redactor.text(finding.message),
        "hint": redactor.text(finding.hint),
        "origin": place(finding.origin),
    }


def plain(value: Any) -> Any:
    """Dataclasses, enums, sets and paths as plain JSON data."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "origin"
        }
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _sandbox(policy: EffectivePolicy) -> dict[str, Any]:
    return {
        "mode": policy.mode.value,
        "scope": policy.scope.value,
        "perSession": policy.scope is Scope.SESSION,
        "workspaceAccess": policy.workspace.access.value,
        "workspaceRoot": policy.openclaw["workspaceRoot"],
        "sessionIsSandboxed": policy.sandboxed_by_openclaw,
        "tools": {
            "allow": list(policy.tools.allow),
            "deny": list(policy.tools.deny),
            "sources": {"allow": dict(policy.tools.allow_source), "deny": dict(policy.tools.deny_source)},
        },
    }


def _fixes(policy: EffectivePolicy) -> list[str]:
    fixes = (
        []
        if policy.mode is Mode.OFF
        else ["agents.defaults.sandbox.mode=off", "agents.list[].sandbox.mode=off"]
    )
    fixes += [*_AGENT_FIXES, *(f"agents.list[].{key}" for key in _AGENT_FIXES), "tools.elevated.enabled"]
    channel = policy.elevated.channel
    return [*fixes, f"tools.elevated.allowFrom.{channel}"] if channel else fixes


def _container(view: View) -> dict[str, Any]:
    policy = view.policy
    return {
        "name": policy.container_name,
        "slug": policy.slug,
        "scopeKey": policy.scope_key,
        "configHash": policy.config_hash,
        "workspaceDir": str(policy.workspace.workspace_dir),
        "agentWorkspaceDir": str(policy.workspace.agent_workspace_dir),
        "createArgs": view.create_args(),
    }


def hardening_document(policy: EffectivePolicy, redactor: Redactor) -> dict[str, Any]:
    """What the container gets, as JSON; of secrets only the names."""
    shown = plain(policy.hardening)
    secret = shown.pop("secret_env")
    shown["secret_env"] = sorted(secret)
    shown["env"] = redactor.env(policy.hardening.env)
    shown |= {"no_new_privileges": True, "init": True, "private_ipc": True, "private_cgroup_namespace": True}
    return {key: redactor.plain(value) if key != "env" else value for key, value in shown.items()}


def _mounts(view: View) -> list[dict[str, Any]]:
    return [
        {
            "containerRoot": mount.destination,
            "hostRoot": mount.source,
            "writable": mount.writable,
            "source": mount.kind.value,
        }
        for mount in view.paths.mounts
    ]


def explain_document(view: View) -> dict[str, Any]:
    """Everything about one session."""
    policy, redactor = view.policy, view.redactor
    where, why = exec_place(policy.exec_host.setting, sandboxed=policy.sandboxed_by_openclaw)
    return {
        "docsUrl": _DOCS,
        "agentId": policy.agent_id,
        "sessionKey": policy.session_key,
        "mainSessionKey": policy.main_session_key,
        "sandbox": _sandbox(policy),
        "elevated": {**policy.elevated.wire, **view.sender_document()},
        "fixIt": _fixes(policy),
        "verdict": {
            "sandboxed": policy.sandboxed_by_openclaw,
            "why": view.why(),
            "runRefused": bool(errors(policy.findings)),
        },
        "configFile": policy.config_file,
        "resolved": redactor.plain(policy.openclaw),
        "container": redactor.plain(_container(view)),
        "exec": {"host": policy.exec_host.setting, "runsOn": where.value, "why": why},
        "mounts": _mounts(view),
        "hardening": hardening_document(policy, redactor),
        "origins": {key: value_document(policy.values[key], redactor) for key in sorted(policy.values)},
        "warnings": [finding_document(f, redactor) for f in view.findings if f.severity is not Severity.INFO],
        "notes": [finding_document(f, redactor) for f in view.findings if f.severity is Severity.INFO],
    }
