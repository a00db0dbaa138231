"""Layers with provenance, and the table that says how they combine.

A layer is one block of a file that may set keys; keys are dotted as in the file (`docker.memory`). Combining
is a fold with a named operator per key; what lost stays visible next to what won.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.model import Candidate, Resolved

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import KeyPath, Origin

Candidates = Sequence[Candidate[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block that may set keys: `values` nested as the file has them, `origin` of a path inside it.

    `ignored`: why this layer's keys of a group (`docker`, `browser`, `prune`) do not count, by group.
    """

    values: Mapping[str, Any]
    origin: Callable[[KeyPath], Origin] = lambda _path: BUILT_IN
    built_in: bool = False
    ignored: Mapping[str, str] = field(default_factory=dict)

    def said(self, key: str) -> Candidate[Any] | None:
        """What this layer says about a dotted key; None if it is silent. JSON null is silence."""
        path = tuple(key.split("."))
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return None
        return Candidate(origin=self.origin(path), value=value, why_lost=self.ignored.get(path[0], ""))

    def child_origin(self, key: str, child: str | int) -> Origin:
        """Where one entry of a map or list stands."""
        return self.origin((*key.split("."), child))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fold left: the combined value, and each leaf with its own origin."""

    value: Any
    leaves: Mapping[str, Resolved[Any]]


Operator = Callable[[str, Sequence[Layer]], Outcome | None]


def _resolved(key: str, said: Candidates) -> Resolved[Any] | None:
    counting = [candidate for candidate in said if not candidate.why_lost]
    if not counting:
        return None
    winner = counting[-1]
    lost = tuple(candidate for candidate in said if candidate is not winner)
    return Resolved(key=key, value=winner.value, origin=winner.origin, overridden=lost)


def replace(key: str, layers: Sequence[Layer]) -> Outcome | None:
    """The last layer that sets the key wins, lists as a whole."""
    said = [candidate for layer in layers if (candidate := layer.said(key)) is not None]
    resolved = _resolved(key, said)
    return None if resolved is None else Outcome(value=resolved.value, leaves={key: resolved})


def _speaking(key: str, layers: Sequence[Layer]) -> list[tuple[Layer, Candidate[Any]]]:
    pairs = [(layer, candidate) for layer in layers if (candidate := layer.said(key)) is not None]
    return [(layer, said) for layer, said in pairs if not said.why_lost]


def merge_keys(key: str, layers: Sequence[Layer]) -> Outcome | None:
    """Maps are overlaid entry by entry. The built-in map counts only if the lowest file layer is silent."""
    speaking = _speaking(key, layers)
    lowest = next((layer for layer in layers if not layer.built_in), None)
    if any(layer is lowest for layer, _ in speaking):
        speaking = [(layer, said) for layer, said in speaking if not layer.built_in]
    if not speaking:
        return None
    merged: dict[str, list[Candidate[Any]]] = {}
    for layer, said in speaking:
        for name, value in said.value.items():
            entry = Candidate(origin=layer.child_origin(key, name), value=value)
            merged.setdefault(name, []).append(entry)
    leaves = {f"{key}.{name}": _resolved(f"{key}.{name}", entries) for name, entries in merged.items()}
    return Outcome(
        value={name: entries[-1].value for name, entries in merged.items()},
        leaves={name: leaf for name, leaf in leaves.items() if leaf is not None},
    )


def append(key: str, layers: Sequence[Layer]) -> Outcome | None:
    """Lists are joined, lowest layer first; nothing is removed or merged."""
    speaking = _speaking(key, layers)
    if not speaking:
        return None
    entries = [
        Candidate(origin=layer.child_origin(key, index), value=value)
        for layer, said in speaking
        for index, value in enumerate(said.value)
    ]
    leaves = {
        f"{key}.{index}": Resolved(key=f"{key}.{index}", value=entry.value, origin=entry.origin)
        for index, entry in enumerate(entries)
    }
    return Outcome(value=[entry.value for entry in entries], leaves=leaves)


#: Why a value lost where the strictest wins.
LOOSER = "a stricter value wins"


def strictest(key: str, said: Candidates, order: Callable[[Any], Any]) -> Resolved[Any]:
    """Of what was said (at least once) the value that is smallest by `order`; of equal ones the first."""
    winner = min(said, key=lambda candidate: order(candidate.value))
    lost = tuple(Candidate(origin=c.origin, value=c.value, why_lost=LOOSER) for c in said if c is not winner)
    return Resolved(key=key, value=winner.value, origin=winner.origin, overridden=lost)


def smallest(key: str, said: Candidates) -> Resolved[Any] | None:
    """Strictest wins for a limit: the lowest number, whoever set it; None if nobody did."""
    return strictest(key, said, lambda value: value) if said else None


#: How openclaw.json's own layers meet: OpenClaw's default, `agents.defaults.sandbox`, the agent's `sandbox`.
#: A key that is not listed is not part of the sandbox. The order is that of OpenClaw's resolved document.
COMBINE: Mapping[str, Operator] = {
    "mode": replace,
    "workspaceAccess": replace,
    "workspaceRoot": replace,
    "docker.image": replace,
    "docker.containerPrefix": replace,
    "docker.workdir": replace,
    "docker.readOnlyRoot": replace,
    "docker.tmpfs": replace,
    "docker.network": replace,
    "docker.user": replace,
    "docker.capDrop": replace,  # as OpenClaw does: a list that got weaker is reported
    "docker.env": merge_keys,
    "docker.setupCommand": replace,
    "docker.pidsLimit": replace,
    "docker.memory": replace,
    "docker.memorySwap": replace,
    "docker.cpus": replace,
    "docker.ulimits": merge_keys,
    "docker.seccompProfile": replace,
    "docker.apparmorProfile": replace,
    "docker.dns": replace,
    "docker.extraHosts": replace,
    "docker.binds": append,
    "browser.enabled": replace,
    "browser.image": replace,
    "browser.containerPrefix": replace,
    "browser.cdpPort": replace,
    "browser.vncPort": replace,
    "browser.noVncPort": replace,
    "browser.headless": replace,
    "browser.enableNoVnc": replace,
    "browser.allowHostControl": replace,
    "browser.autoStart": replace,
    "browser.autoStartTimeoutMs": replace,
    "browser.binds": append,
    "prune.idleHours": replace,
    "prune.maxAgeDays": replace,
}


def ignored(layers: Sequence[Layer], table: Mapping[str, Operator] = COMBINE) -> dict[str, Candidate[Any]]:
    """What layers say that does not count, by key, each with its reason."""
    said = ((key, layer.said(key)) for key in table for layer in layers)
    return {key: candidate for key, candidate in said if candidate is not None and candidate.why_lost}


def fold(layers: Sequence[Layer], table: Mapping[str, Operator] = COMBINE) -> dict[str, Outcome]:
    """Every key that somebody sets, combined by its operator. `layers` run from the lowest to the highest."""
    outcomes = {key: operator(key, layers) for key, operator in table.items()}
    return {key: outcome for key, outcome in outcomes.items() if outcome is not None}


#: Keys that only releases after 2026.2.17 know. They are combined the same way, and are in no hash of ours.
NEWER: Mapping[str, Operator] = {
    "backend": replace,
    "ssh": replace,
    "docker.gpus": replace,
    "docker.dangerouslyAllowReservedContainerTargets": replace,
    "docker.dangerouslyAllowExternalBindSources": replace,
    "docker.dangerouslyAllowContainerNamespaceJoin": replace,
    "browser.network": replace,
    "browser.cdpSourceRange": replace,
    "browser.noVncEnabled": replace,
}
