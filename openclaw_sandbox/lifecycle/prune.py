"""What may go, and its removal: idle and old sandboxes, what killed makers left, and what belonged to them.

Never a container in which a command runs, never one that is not this state folder's, and nothing of which it
cannot be said for certain. The plan is data; carrying it out looks once more before each removal.
"""

from __future__ import annotations

import enum
import re
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineError, SandboxBusyError, SandboxError
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.busy import is_busy
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.lifecycle.pool import in_parallel
from openclaw_sandbox.lifecycle.recreate import forget
from openclaw_sandbox.lifecycle.registry import Kind, Source
from openclaw_sandbox.lifecycle.settle import entry_of
from openclaw_sandbox.lifecycle.stock import Role, State
from openclaw_sandbox.policy.prune import is_due
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.stock import Item

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Thing(enum.Enum):
    """What a step is about."""

    CONTAINER = "container"
    ENTRY = "entry"  # in the registry, without a container
    HELPER = "helper"  # of the way out of a sandbox
    NETWORK = "network"
    VOLUME = "volume"
    IMAGE = "image"
    WORKSPACE = "workspace"


class Doing(enum.Enum):
    """What is done to it."""

    REMOVE = "remove"
    REGISTER = "register"  # its entry was lost
    KEEP = "keep"  # it could have gone, but for the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing, what to do with it, and why. `size_bytes` is what that frees, where it is known."""

    thing: Thing
    doing: Doing
    name: str
    reason: str
    item: Item | None = None
    size_bytes: int | None = None
    error: SandboxError | None = None


def plan_containers(fleet: Fleet, *, now_ms: int) -> list[Step]:
    """What is to be done to containers and entries of both kinds.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """
    items = [item for kind in Kind for item in fleet.items(kind)]
    steps = [step for item in items if (step := _plan(item, fleet, now_ms)) is not None]
    candidates = [step for step in steps if step.doing is Doing.REMOVE and _may_be_busy(step.item)]

    def look(step: Step) -> tuple[int, Step]:
        return id(step), _kept_if_busy(step, fleet)

    looked = dict(in_parallel(look, candidates))
    return [looked.get(id(step), step) for step in steps]


def _plan(item: Item, fleet: Fleet, now_ms: int) -> Step | None:
    if not item.ours or (item.entry is not None and item.entry.source is Source.DATABASE):
        return None  # somebody else's: the newer OpenClaw tidies up what it keeps itself
    remove = Step(thing=Thing.CONTAINER, doing=Doing.REMOVE, name=item.name, reason="", item=item)
    match item.state:
        case State.MISSING if fleet.engine.local:
            return replace(remove, thing=Thing.ENTRY, reason="its container is gone")
        case State.HALF_MADE:
            return _plan_half_made(item, fleet, remove, now_ms)
        case State.ORPHAN:
            return _plan_orphan(item, fleet, remove)
        case State.RUNNING | State.STOPPED:
            reason = _why_due(item, fleet, now_ms)
            return replace(remove, reason=reason) if reason else None
    return None


def _plan_half_made(item: Item, fleet: Fleet, remove: Step, now_ms: int) -> Step:
    """A maker leaves its word in the state folder. Where that was wiped, only age tells that it is gone."""
    owner = item.observed.labels.get(labels.OWNER, "") if item.observed else ""
    if item.running and not intents.is_known(fleet.state_dir, owner):
        idle_hours, _ = fleet.policies.prune_rules(item.scope_key, item.agent_hint)
        if now_ms - item.created_at_ms < (idle_hours or 24) * _HOUR_MS:
            return replace(remove, doing=Doing.KEEP, reason="nobody can tell whether its maker still lives")
    return replace(remove, reason="whoever made it was killed")


def _plan_orphan(item: Item, fleet: Fleet, remove: Step) -> Step:
    verdict = fleet.verdict(item)
    if verdict.match in (Match.DRIFTED, Match.UNUSED):
        return replace(remove, reason=f"nobody registered it, and {verdict.reason}")
    return replace(remove, doing=Doing.REGISTER, reason="its entry was lost")


def _why_due(item: Item, fleet: Fleet, now_ms: int) -> str:
    if item.role is Role.RETIRED:
        return "another one took its place"
    if item.role is Role.JOB:
        return _why_job_due(item, fleet, now_ms)
    if item.role not in (Role.SANDBOX, Role.BROWSER) or item.last_used_at_ms is None:
        return ""
    idle_hours, max_age_days = fleet.policies.prune_rules(item.scope_key, item.agent_hint)
    idle_ms, age_ms = now_ms - item.last_used_at_ms, now_ms - item.created_at_ms
    if not is_due(idle_hours=idle_hours, max_age_days=max_age_days, idle_ms=idle_ms, age_ms=age_ms):
        return ""
    if is_due(idle_hours=idle_hours, max_age_days=0, idle_ms=idle_ms, age_ms=age_ms):
        return f"unused for {idle_ms // _HOUR_MS} h; the limit is {idle_hours} h"
    return f"{age_ms // _DAY_MS} days old; the limit is {max_age_days} days"


def _why_job_due(item: Item, fleet: Fleet, now_ms: int) -> str:
    """A detached command that has ended is kept as long as a sandbox may idle: its log may be wanted."""
    if item.running or item.observed is None:
        return ""
    observed = fleet.engine.inspect(item.observed.id)
    if observed is None or observed.running or (ended_ms := _ended_ms(observed)) == 0:
        return ""
    idle_hours, _ = fleet.policies.prune_rules(item.scope_key, item.agent_hint)
    due = is_due(idle_hours=idle_hours, max_age_days=0, idle_ms=now_ms - ended_ms, age_ms=0)
    return (
        f"its command ended {(now_ms - ended_ms) // _HOUR_MS} h ago; the limit is {idle_hours} h"
        if due
        else ""
    )


def _ended_ms(observed: Observed) -> int:
    """When its main process ended; 0 if the engine does not say. Engines write nanoseconds."""
    found = re.match(r"(?!0001)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", observed.finished_at)
    if not found:
        return 0
    from datetime import UTC, datetime

    return int(datetime.fromisoformat(found[0]).replace(tzinfo=UTC).timestamp()) * 1000


def _may_be_busy(item: Item | None) -> bool:
    """What a killed maker left running inside has nobody who waits for it."""
    return item is not None and item.running and item.state is not State.HALF_MADE


def _kept_if_busy(step: Step, fleet: Fleet) -> Step:
    item = step.item
    if item is None or item.observed is None or not is_busy(fleet.engine, item.observed.id):
        return step
    return replace(step, doing=Doing.KEEP, reason=f"{step.reason}; but a command runs in it")


def carry_out(
    steps: Sequence[Step], fleet: Fleet, *, progress: Callable[[Step], None] = lambda _step: None
) -> list[Step]:
    """Do what the plan for containers says; the steps with what became of them, as they came.

    Raises:
        StateFileError: the registry could not be written.
    """
    lost = [step.item for step in steps if step.doing is Doing.REGISTER and step.item is not None]
    _register(lost, fleet)
    done: list[Step] = []
    try:
        for result in in_parallel(lambda step: _do(step, fleet), steps):
            done.append(result)
            progress(result)
    finally:
        gone = [s.item for s in done if s.doing is Doing.REMOVE and s.error is None and s.item is not None]
        forget(gone, fleet)
    return done


def _register(items: Sequence[Item], fleet: Fleet) -> None:
    now_ms = time.time_ns() // 1_000_000
    for kind in Kind:
        entries = [
            replace(entry_of(item.observed, now_ms=now_ms), raw=_ports(item, fleet))
            for item in items
            if item.kind is kind and item.observed is not None
        ]
        fleet.registry.remember(kind, entries)


#: OpenClaw's fields of a browser's entry, and the ports in the container they stand for.
_BROWSER_PORTS = {"cdpPort": "9222/tcp", "noVncPort": "6080/tcp"}


def _ports(item: Item, fleet: Fleet) -> dict[str, int]:
    """A browser's entry holds the ports of this host at which it answers."""
    observed = fleet.engine.inspect(item.name) if item.kind is Kind.BROWSER else None
    settings: Any = observed.raw.get("NetworkSettings") if observed else None
    published: Any = (settings or {}).get("Ports") or {}
    hosts = {field: published.get(port) for field, port in _BROWSER_PORTS.items()}
    return {field: int(host[0]["HostPort"]) for field, host in hosts.items() if host}


def _do(step: Step, fleet: Fleet) -> Step:
    item = step.item
    if step.doing is not Doing.REMOVE or item is None or item.observed is None:
        return step
    try:
        with _nobody_enters(item, fleet):
            if _may_be_busy(item) and is_busy(fleet.engine, item.observed.id):
                return replace(step, doing=Doing.KEEP, reason=f"{step.reason}; but a command runs in it")
            if _was_used_since(item, fleet):
                return replace(step, doing=Doing.KEEP, reason="it was used just now")
            fleet.engine.remove(item.observed.id, force=True)
    except SandboxBusyError:
        return replace(step, doing=Doing.KEEP, reason="somebody makes or enters it at this moment")
    except EngineError as error:
        return replace(step, error=error)
    return step


def _nobody_enters(item: Item, fleet: Fleet) -> AbstractContextManager[None]:
    """Held from the look at what runs in a scope's container to its removal."""
    if item.role is not Role.SANDBOX:
        return nullcontext()
    return sandbox_lock(fleet.state_dir, item.name, timeout_s=0)


def _was_used_since(item: Item, fleet: Fleet) -> bool:
    """A command may be about to start in it: who starts one writes that down first."""
    if item.entry is None:
        return False
    entry = fleet.registry.find(item.kind, item.name)
    return entry is not None and entry.last_used_at_ms > item.entry.last_used_at_ms
