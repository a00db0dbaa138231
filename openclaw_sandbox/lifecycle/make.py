"""Making one container: whatever fails, interrupts or kills us, nothing is left that nobody looks after."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import (
    EngineError,
    ImageMissingError,
    SandboxConflictError,
    SpecRefusedError,
)
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.blueprint import missing_image
from openclaw_sandbox.lifecycle.fit import Needs, fit, judge_warnings
from openclaw_sandbox.lifecycle.internal_network import close_internal
from openclaw_sandbox.lifecycle.settle import remove_quietly
from openclaw_sandbox.lifecycle.setup_command import SETUP_TIMEOUT_S, run_setup
from openclaw_sandbox.lifecycle.starting import start
from openclaw_sandbox.lifecycle.way_out import close_way_out, open_way_out
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.blueprint import Blueprint
    from openclaw_sandbox.lifecycle.intents import Intent
    from openclaw_sandbox.spec.model import ContainerSpec

#: How long a container may still appear after the call that makes it was dropped.
_LATE_PAUSES_S = (0.0, 0.05, 0.1, 0.2, 0.4)
#: The containers this process is making or will remove, by id. At its end, however it comes, the locks go,
#: and the next tool that looks takes over.
_IN_HAND: dict[str, Intent] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A running container that is what the policy promises. `made`: it was created for this call."""

    container_id: str
    name: str
    spec: ContainerSpec
    made: bool = False
    #: What was done: "kept", "started", "made" or "replaced", and why it was replaced.
    action: str = "made"
    reason: str = ""
    warnings: tuple[str, ...] = ()


def make(
    blueprint: Blueprint,
    engine: Engine,
    *,
    log: Callable[[str], None] = lambda _line: None,
    show: Callable[[str], None] | None = None,
) -> Ready:
    """Create and start. Whatever fails or interrupts, no container is left that nobody asked for.

    A container with a setup command gets its name only when that command succeeded: until then nobody, the
    gateway included, can take it for ready. The container is in this process's hand: see `finish`, `discard`.
    """
    spec, policy = blueprint.spec, blueprint.policy
    staged = replace(spec, name=own_name(spec.name, "setup")) if policy.hardening.setup_command else spec
    container_id, warnings = create(staged, blueprint, engine)
    try:
        start(engine, container_id, spec)
        open_way_out(policy, engine, container_id, called=spec.name, log=log)
        if staged is not spec:
            log(f"running the setup command (at most {SETUP_TIMEOUT_S:g} s)")
            run_setup(container_id, policy, engine, show=show or log)
            engine.rename(container_id, spec.name)
    except BaseException:
        _give_up(_IN_HAND.pop(container_id), engine, container_id)
        with contextlib.suppress(EngineError):
            close_way_out(policy, engine, container_id)
        raise
    return Ready(container_id=container_id, name=spec.name, spec=spec, made=True, warnings=warnings)


def own_name(name: str, what: str) -> str:
    """A new name, after that of the scope's container, for one that is there for something else."""
    return f"{name}-{what}-{os.urandom(4).hex()}"


def create(spec: ContainerSpec, blueprint: Blueprint, engine: Engine) -> tuple[str, tuple[str, ...]]:
    """Create one container of the blueprint, perhaps under another name; its id and what to tell of it.

    The container is in this process's hand: see `finish` and `discard`.

    Raises:
        SpecRefusedError: the engine cannot or would not enforce a field. Nothing was made.
        StateFileError: what is to be made cannot be written down. Nothing was made.
    """
    policy = blueprint.policy
    allowed = policy.hardening.allow_unenforced
    spec, said = close_internal(spec, engine)
    fitted = fit(spec, engine.info(), allowed=allowed, needs=needs_of(spec, blueprint))
    intent = intents.declare(policy.state_dir, spec.name)
    try:
        named = {**blueprint.labels, labels.OWNER: intent.owner}
        container_id, warnings = engine.create(fitted.spec, labels=named)
    except (SpecRefusedError, ImageMissingError, SandboxConflictError) as error:
        intent.done()
        raise _said_better(error, spec) from None
    except BaseException:
        _give_up(intent, engine)
        raise
    try:
        told = judge_warnings(warnings, fitted, allowed=allowed)
    except SpecRefusedError:
        _give_up(intent, engine, container_id)
        raise
    _IN_HAND[container_id] = intent
    return container_id, (*said, *fitted.lowered, *fitted.unenforced, *told)


def needs_of(spec: ContainerSpec, blueprint: Blueprint) -> Needs:
    """What the engine must be able to do that only the policy and this host tell."""
    sockets = tuple(mount.destination for mount in spec.mounts if Path(mount.source).is_socket())
    return Needs(way_out=blueprint.policy.egress is not None, sockets=sockets, no_volume=blueprint.no_volume)


def finish(container_id: str) -> None:
    """The container is complete and stands on its own."""
    intent = _IN_HAND.pop(container_id, None)
    if intent is not None:
        intent.done()


def discard(container_id: str, engine: Engine) -> None:
    """Remove a container that this process made for itself.

    Raises:
        EngineError: it is still there; the next tool that looks removes it.
    """
    engine.remove(container_id, force=True)
    finish(container_id)


def retire(container: Observed, blueprint: Blueprint, engine: Engine) -> str:
    """Take the scope's name from a container in which a command still runs; it goes when that has ended."""
    name = own_name(blueprint.spec.name, "old")
    intent = intents.declare(blueprint.policy.state_dir, name, owner=container.id[: intents.OWNER_DIGITS])
    engine.rename(container.id, name)
    intent.release()
    return name


def _give_up(intent: Intent, engine: Engine, container_id: str = "") -> None:
    """Remove what there is of the container. The engine may even make it after we stopped listening."""
    found = None
    with contextlib.suppress(EngineError):
        for pause_s in (0.0,) if container_id else _LATE_PAUSES_S:
            time.sleep(pause_s)
            if (found := engine.inspect(container_id or intent.name)) is not None:
                break
    ours = found is not None and found.labels.get(labels.OWNER) == intent.owner
    if found is not None and ours and remove_quietly(engine, found.id):
        intent.done()
    else:
        intent.release()


def _said_better(error: EngineError, spec: ContainerSpec) -> EngineError:
    if isinstance(error, ImageMissingError):
        return missing_image(spec.image)
    if isinstance(error, SandboxConflictError):
        return SandboxConflictError(
            f"Another program made a container named {spec.name} at this moment.",
            hint="Run the command again.",
        )
    return error
