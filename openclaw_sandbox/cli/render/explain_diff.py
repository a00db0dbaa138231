"""`explain --diff A B`: what differs between two agents or two sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.explain_json import place
from openclaw_sandbox.cli.render.explain_text import shown, where
from openclaw_sandbox.cli.render.layout import columns_of, width

if TYPE_CHECKING:
    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.policy.model import Resolved


#: Of the identity, what fits a terminal.
_SHORT = ("agentId", "sessionIsSandboxed", "container")


def _identity(view: View) -> dict[str, Any]:
    policy = view.policy
    return {
        "agentId": policy.agent_id,
        "sessionKey": policy.session_key,
        "sessionIsSandboxed": policy.sandboxed_by_openclaw,
        "container": policy.container_name,
        "configHash": policy.config_hash,
        "workspaceDir": str(policy.workspace.workspace_dir),
    }


def _pairs(a: View, b: View) -> list[tuple[str, Resolved[Any] | None, Resolved[Any] | None]]:
    keys = sorted({*a.policy.values, *b.policy.values})
    pairs = [(key, a.policy.values.get(key), b.policy.values.get(key)) for key in keys]
    return [(key, x, y) for key, x, y in pairs if x is None or y is None or x.value != y.value]


def _side(view: View, value: Resolved[Any] | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"value": view.redactor.value(value.key, value.value), "origin": place(value.origin)}


def diff_document(a: View, b: View) -> dict[str, Any]:
    """Both identities, and each value that differs with its two origins (null: unset)."""
    return {
        "a": _identity(a),
        "b": _identity(b),
        "differences": [{"key": key, "a": _side(a, x), "b": _side(b, y)} for key, x, y in _pairs(a, b)],
    }


def _cell(view: View, value: Resolved[Any] | None) -> str:
    return "-" if value is None else f"{shown(value, view)} [{where(value.origin, view)}]"


def diff_text(a: View, b: View) -> str:
    """One row per difference."""
    left, right = _identity(a), _identity(b)
    names = [(key, str(left[key]), str(right[key])) for key in _SHORT if left[key] != right[key]]
    rows = [(key, _cell(a, x), _cell(b, y)) for key, x, y in _pairs(a, b)]
    if not names and not rows:
        return "They are the same."
    head = ("", f"A: {a.policy.session_key}", f"B: {b.policy.session_key}")
    lines = columns_of([head, *names], indent="", total=width())
    return "\n".join([*lines, "", *(columns_of(rows, indent="", total=width()) or ["No value differs."])])
