"""`explain --live`: the promises of the policy against the running container."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.layout import columns_of, width

if TYPE_CHECKING:
    from openclaw_sandbox.cli.engine_view import LiveResult
    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.cli.ui import Ui

_LONG = 60


def live_document(view: View, result: LiveResult) -> dict[str, Any]:
    """The container's name and state, and each field with promise and observation."""
    observed = result.observed
    return {
        "container": view.policy.container_name,
        "state": observed.state.value if observed is not None else "missing",
        "agrees": None if observed is None else not result.differs,
        "conflict": None if result.conflict is None else result.conflict.brief,
        "fields": [
            {
                "field": check.field,
                "key": check.key,
                "promised": view.redactor.plain(check.promised),
                "observed": view.redactor.plain(check.observed),
                "agrees": check.agrees,
            }
            for check in result.checks
        ],
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def live_text(view: View, result: LiveResult, ui: Ui) -> str:
    """What differs, and the command that makes it right."""
    name = view.policy.container_name
    if result.observed is None:
        return f"There is no container {name} now. It is made on first use: openclaw-sandbox run -- true"
    state = result.observed.state.value
    wrong = [check for check in result.checks if not check.agrees]
    if not wrong:
        word = ui.paint("Agrees", "ok", sys.stdout)
        tail = "" if result.observed.running else f" It is {state}."
        return f"{word}: {name} has everything the policy promises ({len(result.checks)} fields).{tail}"
    word = ui.paint("Differs", "error", sys.stdout)
    head = f"{word}: {name} ({state}) does not have what the policy promises."
    rows = [("field", "promised", "observed")]
    rows += [
        (c.field, _short(view.redactor.plain(c.promised)), _short(view.redactor.plain(c.observed)))
        for c in wrong
    ]
    fix = ["fix: openclaw-sandbox run replaces it when it is idle."]
    if result.conflict is not None:
        fix = [result.conflict.brief, f"fix: {result.conflict.hint}"]
    return "\n".join([head, *columns_of(rows, total=width()), *fix])
