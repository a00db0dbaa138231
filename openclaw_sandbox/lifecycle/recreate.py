"""Removing sandboxes so that they are made anew, at once or when they are next used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineError, SandboxError
from openclaw_sandbox.lifecycle.busy import is_busy
from openclaw_sandbox.lifecycle.pool import in_parallel
from openclaw_sandbox.lifecycle.registry import Kind, Source
from openclaw_sandbox.spec.build import state_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openclaw_sandbox.engine.base import Engine
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.stock import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One sandbox that is to go. `busy`: a command runs in it now."""

    item: Item
    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What became of one. `error`: it is still there, and so is its entry."""

    item: Item
    error: SandboxError | None = None


def targets_of(items: Sequence[Item], engine: Engine) -> list[Target]:
    """The same with what runs in them, in the same order.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """

    def look(numbered: tuple[int, Item]) -> tuple[int, Target]:
        number, item = numbered
        busy = item.observed is not None and item.running and is_busy(engine, item.observed.id)
        return number, Target(item=item, busy=busy)

    found = dict(in_parallel(look, list(enumerate(items))))
    return [found[number] for number in sorted(found)]


def remove_all(
    items: Sequence[Item], fleet: Fleet, *, progress: Callable[[Removed], None] = lambda _one: None
) -> list[Removed]:
    """Remove the containers, several at once, and then their entries; one result per item, as they came.

    An entry stays when its container does. When somebody interrupts, what was removed is forgotten too.

    Raises:
        StateFileError: the registry could not be written; the containers are gone.
    """
    done: list[Removed] = []
    try:
        for result in in_parallel(lambda item: _remove(item, fleet.engine), items):
            done.append(result)
            progress(result)
    finally:
        forget([result.item for result in done if result.error is None], fleet)
    return done


def _remove(item: Item, engine: Engine) -> Removed:
    if item.observed is None:
        return Removed(item=item)
    try:
        engine.remove(item.observed.id, force=True)
    except EngineError as error:
        return Removed(item=item, error=error)
    return Removed(item=item)


def forget(items: Iterable[Item], fleet: Fleet) -> None:
    """Drop the entries of containers that are gone. What OpenClaw's database says is OpenClaw's to drop."""
    gone = list(items)
    for kind in Kind:
        entries = [item.entry for item in gone if item.kind is kind and item.entry is not None]
        fleet.registry.forget(kind, [entry for entry in entries if entry.source is not Source.DATABASE])


def remove_unused_helpers(fleet: Fleet) -> list[str]:
    """The ways out of sandboxes that are gone; the names of what was removed. Failing waits for next time."""
    from openclaw_sandbox.egress.service import remove_unused

    try:
        return remove_unused(fleet.engine, state_hash(str(fleet.state_dir)))
    except EngineError:
        return []
