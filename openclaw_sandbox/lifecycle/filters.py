"""`--filter KEY=VALUE`: of one key any value will do, of several keys each must fit, as in Docker's CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.stock import Role, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openclaw_sandbox.lifecycle.judge import Verdict
    from openclaw_sandbox.lifecycle.stock import Item

#: What can be asked for, and the words where only some make sense. Empty: any text, found anywhere in it.
_KEYS: Mapping[str, frozenset[str]] = {
    "state": frozenset(state.value for state in State),
    "role": frozenset(role.value for role in Role),
    "drift": frozenset(match.value for match in Match),
    "session": frozenset(),
    "agent": frozenset(),
    "name": frozenset(),
    "image": frozenset(),
}
#: Docker's own name for it.
_ALIASES = {"status": "state"}
_ANYWHERE = frozenset({"session", "name", "image"})

Filters = dict[str, set[str]]


def parse_filters(texts: Iterable[str]) -> Filters:
    """The values asked for, by key.

    Raises:
        UsageError: no such key, or a value that no container can have.
    """
    filters: Filters = {}
    for text in texts:
        name, separator, value = text.partition("=")
        key = _ALIASES.get(name, name)
        if not separator or key not in _KEYS:
            raise UsageError(
                f"--filter {text!r} cannot be used.", hint=f"Write KEY=VALUE; keys: {', '.join(_KEYS)}."
            )
        if _KEYS[key] and value not in _KEYS[key]:
            raise UsageError(
                f"--filter {text!r}: no container has that {key}.",
                hint=f"One of: {', '.join(sorted(_KEYS[key]))}.",
            )
        filters.setdefault(key, set()).add(value)
    return filters


def fits(item: Item, filters: Filters, verdict: Callable[[Item], Verdict]) -> bool:
    """Whether a container passes. `verdict` is asked only where the drift matters."""
    return all(_fits(key, values, item, verdict) for key, values in filters.items())


def _fits(key: str, values: set[str], item: Item, verdict: Callable[[Item], Verdict]) -> bool:
    if key == "drift":
        return verdict(item).match.value in values
    found = {
        "state": item.state.value,
        "role": item.role.value,
        "session": item.scope_key,
        "agent": item.agent_id,
        "name": item.name,
        "image": item.image,
    }[key]
    return any(value in found for value in values) if key in _ANYWHERE else found in values
