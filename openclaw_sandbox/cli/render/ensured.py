"""What became of sandboxes that were to run, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.lifecycle.ensure_all import Ensured


def tell_ensured(result: Ensured, ui: Ui) -> None:
    """One line: what was done on stdout, what failed on stderr."""
    if result.ready is None:
        error = result.error
        ui.warn(
            f"{result.policy.container_name} is not there: {error.brief if error else ''}",
            error.hint if error else "",
        )
        return
    for warning in result.ready.warnings:
        ui.warn(warning)
    if not ui.as_json:
        why = f" ({result.ready.reason})" if result.ready.reason else ""
        ui.out(f"{result.ready.action} {result.ready.name}{why}")


def ensured_object(result: Ensured) -> dict[str, Any]:
    """The same as an object."""
    found: dict[str, Any] = {
        "containerName": result.policy.container_name,
        "sessionKey": result.policy.scope_key,
        "agentId": result.policy.agent_id,
    }
    if result.error is not None:
        return {**found, "error": {"code": result.error.code, "message": result.error.brief}}
    if result.ready is None:
        return found
    return {
        **found,
        "containerId": result.ready.container_id,
        "action": result.ready.action,
        "reason": result.ready.reason or None,
        "configHash": result.policy.config_hash,
        "warnings": list(result.ready.warnings),
    }
