"""config.yml meets the rest: from that file upwards limits and denials only get tighter.

Over the built-in hardening the file may go either way, with a warning where it is weaker. Over openclaw.json,
and between the file's own blocks, the strictest value wins; the looser one stays visible with the reason.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import BUILT_IN, OriginKind
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.layers import LOOSER, strictest
from openclaw_sandbox.policy.model import Candidate, Hardening, Resolved, Ulimit
from openclaw_sandbox.policy.sizes import human_size
from openclaw_sandbox.policy.volume import LOOP

if TYPE_CHECKING:
    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.hardening_file import FileLayers

Order = Callable[[Any], Any]


def _as_swap(value: int) -> float:
    return float("inf") if value < 0 else value


def _no_volume(value: str) -> bool:
    return value != LOOP


def _swap(value: int) -> str:
    return "unlimited" if value < 0 else human_size(value)


def _word(value: object) -> str:
    return "true" if value else "false"


def _plain(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of config.yml.

    `key` in config.yml, `field` of Hardening, `value_key` in the policy's values. By `order` smaller is
    stricter.
    """

    key: str
    field: str
    value_key: str
    order: Order = _plain
    show: Callable[[Any], str] = str


def _seconds(value: float) -> str:
    return f"{value:g} s"


#: Every key whose strictest value wins, with the field that it ends in.
LIMITS: tuple[Limit, ...] = (
    Limit(key="timeout", field="timeout_s", value_key="timeout", show=_seconds),
    Limit(key="resource_limits.memory", field="memory_bytes", value_key="docker.memory", show=human_size),
    Limit(
        key="resource_limits.memory_swap",
        field="memory_swap_bytes",
        value_key="docker.memorySwap",
        order=_as_swap,
        show=_swap,
    ),
    Limit(
        key="resource_limits.memory_reservation",
        field="memory_reservation_bytes",
        value_key="resource_limits.memory_reservation",
        show=human_size,
    ),
    Limit(key="resource_limits.cpus", field="cpus", value_key="docker.cpus"),
    Limit(key="resource_limits.cpu_shares", field="cpu_shares", value_key="resource_limits.cpu_shares"),
    Limit(key="resource_limits.pids", field="pids_limit", value_key="docker.pidsLimit"),
    Limit(
        key="resource_limits.disk",
        field="disk_bytes",
        value_key="resource_limits.disk",
        show=human_size,
    ),
    Limit(
        key="workspace_volume",
        field="workspace_volume",
        value_key="workspace_volume",
        order=_no_volume,
    ),
    Limit(key="resource_limits.disk_iops", field="disk_iops", value_key="resource_limits.disk_iops"),
    Limit(
        key="resource_limits.disk_io_weight",
        field="disk_io_weight",
        value_key="resource_limits.disk_io_weight",
    ),
    Limit(key="disk_read_bps", field="disk_read_bps", value_key="disk_read_bps", show=human_size),
    Limit(key="disk_write_bps", field="disk_write_bps", value_key="disk_write_bps", show=human_size),
    Limit(
        key="logging.max_output_size",
        field="max_output_bytes",
        value_key="logging.max_output_size",
        show=human_size,
    ),
    Limit(
        key="readonly_root",
        field="read_only_root",
        value_key="docker.readOnlyRoot",
        order=operator.not_,
        show=_word,
    ),
)


@dataclass(slots=True, kw_only=True)
class Tightening:
    """One pass over a policy's hardening. `values` and `notes` grow with it."""

    layers: FileLayers
    values: dict[str, Resolved[Any]]
    notes: Findings
    changes: dict[str, Any] = field(default_factory=dict)

    def limits(self, base: Hardening) -> None:
        """Everything in LIMITS."""
        for limit in LIMITS:
            said = self.layers.said(limit.key)
            if said:
                self.changes[limit.field] = self._strictest(limit, said, getattr(base, limit.field))

    def _strictest(self, limit: Limit, said: Sequence[Candidate[Any]], current: Any) -> Any:
        before = self.values.get(limit.value_key)
        explicit = _explicit(before, current)
        winner = strictest(limit.value_key, [*said, *explicit], limit.order)
        for block in said[1:]:  # an agent's; the file as a whole may be tightened by whoever comes later
            self._say_lost(limit, block, winner)
        if explicit and winner.origin is not explicit[0].origin:
            self._say_lost(limit, explicit[0], winner)
        elif not explicit and current is not None and limit.order(winner.value) > limit.order(current):
            self._say_weaker(limit, winner, current)
        built_in = () if explicit or current is None else (Candidate(origin=BUILT_IN, value=current),)
        lost = (*_older(before, explicit), *built_in, *winner.overridden)
        resolved = replace(winner, overridden=lost)
        self.values[limit.value_key] = resolved
        self.values[limit.key] = replace(resolved, key=limit.key)
        return winner.value

    def _say_lost(self, limit: Limit, loser: Candidate[Any], winner: Resolved[Any]) -> None:
        if limit.order(loser.value) <= limit.order(winner.value):
            return
        asked, wins = limit.show(loser.value), limit.show(winner.value)
        message = f"{limit.value_key}: {asked} is looser than {wins} ({winner.origin.key}), which wins."
        hint = f"Raise {winner.origin.key}, or lower {loser.origin.key}."
        self.notes.warn("limit.lost", message, hint=hint, origin=loser.origin)

    def _say_weaker(self, limit: Limit, winner: Resolved[Any], current: Any) -> None:
        message = (
            f"{limit.key} is {limit.show(winner.value)}: weaker than the built-in {limit.show(current)}."
        )
        self.notes.warn(
            "weak.built-in", message, hint=f"Remove {limit.key}, or lower it.", origin=winner.origin
        )

    def joined(self, key: str) -> list[Candidate[Any]]:
        """The entries of a list in every block; they are noted as one value."""
        entries = self.layers.entries(key)
        if entries:
            value = [entry.value for entry in entries]
            self.values[key] = Resolved(key=key, value=value, origin=entries[-1].origin)
        return entries

    def union(self, key: str, current: Sequence[str]) -> tuple[str, ...]:
        """A list of denials: nobody can take an entry out again."""
        return tuple(dict.fromkeys([*current, *(entry.value for entry in self.joined(key))]))

    def last(self, key: str) -> Candidate[Any] | None:
        """A key where the highest block that speaks wins; it is noted as a value."""
        said = self.layers.said(key)
        if not said:
            return None
        *lost, winner = said
        self.values[key] = Resolved(key=key, value=winner.value, origin=winner.origin, overridden=tuple(lost))
        return winner

    def ulimits(self, current: tuple[Ulimit, ...]) -> tuple[Ulimit, ...]:
        """Each by name: the lower soft and hard value of whoever speaks."""
        by_name = {limit.name: limit for limit in current}
        named = dict.fromkeys(name for said in self.layers.said("ulimits") for name in said.value)
        for name in named:
            by_name[name] = self._ulimit(name, by_name.get(name))
        return tuple(by_name.values())

    def _ulimit(self, name: str, known: Ulimit | None) -> Ulimit:
        before = self.values.get(f"docker.ulimits.{name}")
        said = self.layers.said(f"ulimits.{name}")
        asked = [Ulimit(name=name, soft=each.value["soft"], hard=each.value["hard"]) for each in said]
        explicit = known is not None and before is not None and _is_explicit(before)
        merged = known if known is not None and explicit else asked[0]
        for limit in asked:
            merged = _lower(merged, limit)
        if known is not None and not explicit and _lower(known, merged) != merged:
            message = f"ulimits.{name} {_pair(merged)} is weaker than the built-in {_pair(known)}."
            hint = f"Remove ulimits.{name}, or lower it."
            self.notes.warn("weak.built-in", message, hint=hint, origin=said[-1].origin)
        for each, limit in zip(said[1:], asked[1:], strict=True):
            self._say_ulimit_lost(name, each, limit, merged)
        by_file = explicit and merged == known
        origin = before.origin if before is not None and by_file else said[-1].origin
        lost = tuple(
            Candidate(origin=each.origin, value=_pair(limit), why_lost=LOOSER)
            for each, limit in zip(said, asked, strict=True)
            if limit != merged
        )
        for key in (f"ulimits.{name}", f"docker.ulimits.{name}"):
            self.values[key] = Resolved(key=key, value=_pair(merged), origin=origin, overridden=lost)
        return merged

    def _say_ulimit_lost(self, name: str, said: Candidate[Any], asked: Ulimit, merged: Ulimit) -> None:
        if _lower(asked, merged) != asked:
            message = f"ulimits.{name}: {_pair(asked)} is looser than {_pair(merged)}, which wins."
            hint = f"Lower {said.origin.key}."
            self.notes.warn("limit.lost", message, hint=hint, origin=said.origin)


def _pair(limit: Ulimit) -> str:
    return f"{limit.soft}:{limit.hard}"


def _lower(one: Ulimit, other: Ulimit) -> Ulimit:
    def lower(a: int, b: int) -> int:
        return max(a, b) if min(a, b) < 0 else min(a, b)

    hard = lower(one.hard, other.hard)
    return Ulimit(name=one.name, soft=lower(lower(one.soft, other.soft), hard), hard=hard)


def _is_explicit(value: Resolved[Any] | None) -> bool:
    return value is not None and value.origin.kind is not OriginKind.BUILT_IN


def _explicit(before: Resolved[Any] | None, current: Any) -> list[Candidate[Any]]:
    """The value that openclaw.json or a flag set, in the engine's units; empty if nobody did."""
    if before is None or not _is_explicit(before) or current is None:
        return []
    return [Candidate(origin=before.origin, value=current)]


def _older(before: Resolved[Any] | None, explicit: Sequence[Candidate[Any]]) -> tuple[Candidate[Any], ...]:
    return before.overridden if before is not None and explicit else ()


def lost_to(value: Resolved[Any], why: str) -> tuple[Candidate[Any], ...]:
    """A value that was effective, as one that lost, and why."""
    return (Candidate(origin=value.origin, value=value.value, why_lost=why),)
