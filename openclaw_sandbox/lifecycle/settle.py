"""Clearing up after makers that were killed, by the intents they left."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import EngineError, EngineUnavailableError, SandboxBusyError
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.busy import running_execs
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry, Source
from openclaw_sandbox.policy.naming import slug
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.intents import Intent

#: What a container is called while, or because, it is not the one of its scope.
_OWN_NAME = re.compile(r"(?P<base>.+)-(?P<what>setup|run|job|old)-[0-9a-f]{8}")


def what_for(container: Observed) -> str:
    """What a container of ours is there for, by its name: "setup", "run", "job", "old"; empty: a scope.

    The container of a scope can have such a name too: that of an agent called "job".
    """
    found = _OWN_NAME.fullmatch(container.name)
    of_scope = container.name.endswith(slug(container.labels.get(labels.SESSION_KEY, "")))
    return found["what"] if found and not of_scope else ""


def settle(state_dir: Path, engine: Engine, registry: Registry) -> list[str]:
    """Remove what killed makers left half-made, and register what they had just finished; the names removed.

    Costs one look at a folder when nobody was killed. What is still needed, or cannot be cleared up now,
    waits for the next time.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """
    if not intents.any_declared(state_dir):
        return []
    removed = []
    left = intents.abandoned(state_dir)
    try:
        while left:
            if _settled(left[-1], state_dir, engine, registry):
                removed.append(left[-1].name)
            left.pop()
    finally:
        for intent in left:
            intent.release()
    return removed


def _settled(intent: Intent, state_dir: Path, engine: Engine, registry: Registry) -> bool:
    """See `_settle_one`. What an engine refuses to remove is in nobody else's way: it waits, too."""
    try:
        return _settle_one(intent, state_dir, engine, registry)
    except EngineUnavailableError:
        raise
    except EngineError:
        intent.release()
        return False


def _settle_one(intent: Intent, state_dir: Path, engine: Engine, registry: Registry) -> bool:
    """End the intent, or release it for the next time. True if a container was removed."""
    container = _made_by(intent, engine)
    if container is None:
        intent.done()
        return False
    what = what_for(container)
    if what == "old" and running_execs(engine, container):
        intent.release()
        return False
    if what == "job" and _stands_alone(container):
        intent.done()
        return False
    if what:
        engine.remove(container.id, force=True)
        intent.done()
        return True
    return _settle_scope(intent, container, state_dir, engine, registry)


def _stands_alone(job: Observed) -> bool:
    """It was started: that was all its maker had to do, unless its command waits for that maker's word."""
    return job.state is not ContainerState.CREATED and labels.GATED not in job.labels


def _settle_scope(
    intent: Intent, container: Observed, state_dir: Path, engine: Engine, registry: Registry
) -> bool:
    """The container has its final name: another process may be about to use it."""
    try:
        with sandbox_lock(state_dir, container.name, timeout_s=0):
            if container.running:
                registry.remember(Kind.CONTAINER, [entry_of(container, now_ms=time.time_ns() // 1_000_000)])
            else:
                engine.remove(container.id, force=True)
            intent.done()
    except SandboxBusyError:
        intent.release()
        return False
    return not container.running


def _made_by(intent: Intent, engine: Engine) -> Observed | None:
    """The container that this attempt made, under its first name or its final one."""
    found = _OWN_NAME.fullmatch(intent.name)
    names = (intent.name, found["base"]) if found and found["what"] == "setup" else (intent.name,)
    for name in names:
        container = engine.inspect(name)
        if container is not None and is_by(container, intent.owner):
            return container
    return None


def is_by(container: Observed, owner: str) -> bool:
    """Whether this attempt made the container, or (by its id) gave it away."""
    return container.labels.get(labels.OWNER) == owner or container.id.startswith(owner)


def entry_of(container: Observed, *, now_ms: int) -> Entry:
    """What its labels tell of a container, as an entry that says it was used just now."""
    created = container.labels.get(labels.CREATED_AT_MS, "")
    return Entry(
        container_name=container.name,
        session_key=container.labels.get(labels.SESSION_KEY, ""),
        created_at_ms=int(created) if created.isdecimal() and len(created) < 16 else container.created_at_ms,
        last_used_at_ms=now_ms,
        image=container.image,
        config_hash=container.labels.get(labels.CONFIG_HASH),
        source=Source.LABELS,
    )


def remove_quietly(engine: Engine, container_id: str) -> bool:
    """Remove it on the way out of a failure; False if the engine would not, or is gone."""
    try:
        engine.remove(container_id, force=True)
    except EngineError:
        return False
    return True
