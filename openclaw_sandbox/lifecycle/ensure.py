"""Make the policy's container exist and run: exactly one, whoever asks at the same time."""

from __future__ import annotations

import time
from dataclasses import field, replace
from typing import TYPE_CHECKING, assert_never

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import SandboxBusyError, SandboxGoneError, StateFileError
from openclaw_sandbox.lifecycle import plan as planning
from openclaw_sandbox.lifecycle.blueprint import (
    Blueprint,
    draw_blueprint,
    masks_fixed,
    missing_image,
    refuse_remote,
    seccomp_profile,
)
from openclaw_sandbox.lifecycle.busy import running_execs
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.lifecycle.make import Ready, create, discard, finish, make, retire
from openclaw_sandbox.lifecycle.plan import OnBusy
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry
from openclaw_sandbox.lifecycle.settle import entry_of, settle
from openclaw_sandbox.lifecycle.setup_command import SetupFailedError
from openclaw_sandbox.lifecycle.starting import start
from openclaw_sandbox.lifecycle.survivors import survivors_of
from openclaw_sandbox.lifecycle.way_out import open_way_out
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy

__all__ = [
    "RETRY_PAUSES_S",
    "Blueprint",
    "OnBusy",
    "Ready",
    "SetupFailedError",
    "create",
    "discard",
    "draw_blueprint",
    "draw_scope",
    "ensure",
    "make",
    "missing_image",
    "refuse_remote",
    "seccomp_profile",
]

_POLL_S = 0.25
#: Somebody may stop the container between our look at it and our use of it; seconds until the next try.
RETRY_PAUSES_S = (0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What one call works with."""

    blueprint: Blueprint
    engine: Engine
    registry: Registry
    on_busy: OnBusy
    log: Callable[[str], None]
    show: Callable[[str], None]
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The container's."""
        return self.blueprint.spec.name


def draw_scope(
    policy: EffectivePolicy,
    engine: Engine,
    *,
    now_ms: int,
    warn: Callable[[str], None],
    on_displaced: Callable[[Observed], None] = lambda _container: None,
) -> Blueprint:
    """The blueprint of the scope's own container; see `draw_blueprint`.

    No workspace is made, and nobody displaced for it, where `ensure` would refuse the container's name.

    Raises:
        SandboxConflictError: the name belongs to somebody else.
    """
    if not policy.workspace.workspace_dir.exists():
        drawn = draw_blueprint(policy, engine, now_ms=now_ms, touch=False)
        observed = engine.inspect(drawn.spec.name)
        if observed is not None:
            survivors = survivors_of(engine, policy.state_dir)
            entry = Registry(policy.state_dir, survivors=survivors, warn=warn).find(
                Kind.CONTAINER, observed.name
            )
            if (error := planning.whose(drawn.desired, observed, entry)) is not None:
                raise error
    return draw_blueprint(policy, engine, now_ms=now_ms, on_displaced=on_displaced)


def ensure(
    blueprint: Blueprint,
    engine: Engine,
    *,
    on_busy: OnBusy = OnBusy.REFUSE,
    log: Callable[[str], None] = lambda _line: None,
    show: Callable[[str], None] | None = None,
) -> Ready:
    """The running container of the blueprint: kept, started, made, or made anew.

    A warm container costs one call and a look at the registry. Everything else happens under a lock per
    container name, so that any number of processes make exactly one. `show` hears a setup command's output.

    Raises:
        SandboxConflictError: the name belongs to somebody else.
        SandboxBusyError: it must be replaced and a command runs in it (see `on_busy`).
        SpecRefusedError: the engine cannot make it; nothing is left.
        SetupFailedError: the setup command failed; nothing is left.
        StateFileError: the registry is too new or unreadable, or what is to be made cannot be written down.
    """
    state_dir, warnings = blueprint.policy.state_dir, list[str]()
    survivors = survivors_of(engine, state_dir)
    desk = _Desk(
        blueprint=blueprint,
        engine=engine,
        registry=Registry(state_dir, survivors=survivors, warn=warnings.append),
        on_busy=on_busy,
        log=log,
        show=show or log,
        warnings=warnings,
    )
    settle(state_dir, engine, desk.registry)
    pauses = iter(RETRY_PAUSES_S)
    while True:
        ready = _stand(desk)
        pause_s = next(pauses, None)
        try:
            if not ready.made:
                open_way_out(blueprint.policy, engine, ready.container_id, log=log)
        except SandboxGoneError:
            if pause_s is None:
                raise
            log(f"{desk.name} stopped before it had its way out")
            time.sleep(pause_s)
            continue
        return replace(ready, warnings=(*ready.warnings, *dict.fromkeys(warnings)))


def _stand(desk: _Desk) -> Ready:
    """The running container, after however long a command stands in the way."""
    waiting = False
    while (ready := _attempt(desk)) is None:
        if not waiting:
            desk.log(f"waiting until no command runs in {desk.name}")
        waiting = True
        time.sleep(_POLL_S)
    return ready


def _attempt(desk: _Desk) -> Ready | None:
    """The container, or None when a command that runs in it must end first and the caller waits for that."""
    action, observed = _look(desk)
    if isinstance(action, planning.Keep) and observed is not None:
        return _kept(desk, observed, action.stale)
    if _must_wait(desk, action):
        return None
    state_dir = desk.blueprint.policy.state_dir
    with masks_fixed(desk.blueprint, desk.engine) as blueprint, sandbox_lock(state_dir, desk.name):
        desk = replace(desk, blueprint=blueprint)
        action, observed = _look(desk)
        return _carry_out(desk, action, observed)


def _look(desk: _Desk) -> tuple[planning.Action, Observed | None]:
    desired = desk.blueprint.desired
    observed = desk.engine.inspect(desk.name)
    entry = desk.registry.find(Kind.CONTAINER, desk.name)
    if observed is not None and observed.exec_ids and planning.differs(desired, observed):
        observed = replace(observed, exec_ids=running_execs(desk.engine, observed))
    return planning.plan_ensure(desired, observed, entry=entry, now_ms=_now_ms()), observed


def _must_wait(desk: _Desk, action: planning.Action) -> bool:
    return isinstance(action, planning.Recreate) and action.busy and desk.on_busy is OnBusy.WAIT


def _carry_out(desk: _Desk, action: planning.Action, observed: Observed | None) -> Ready | None:
    if observed is None or isinstance(action, planning.Create):
        return _made(desk)
    match action:
        case planning.Refuse(error=error):
            raise error
        case planning.Recreate(busy=True):
            return _replace_busy(desk, action, observed)
        case planning.Recreate(id=container_id, reason=reason):
            desk.log(f"replacing {desk.name}: {reason}")
            desk.engine.remove(container_id, force=True)
            return replace(_made(desk), action="replaced", reason=reason)
        case planning.Start(id=container_id):
            desk.log(f"starting {desk.name}")
            start(desk.engine, container_id, desk.blueprint.spec)
            return replace(_kept(desk, observed), action="started")
        case planning.Keep(stale=stale):
            return _kept(desk, observed, stale)
    assert_never(action)


def _replace_busy(desk: _Desk, action: planning.Recreate, observed: Observed) -> Ready | None:
    match desk.on_busy:
        case OnBusy.WAIT:
            return None
        case OnBusy.USE:
            desk.warnings.append(f"{desk.name} is used as it is, although {action.reason}.")
            return _kept(desk, observed)
        case OnBusy.NEW:
            old = retire(observed, desk.blueprint, desk.engine)
            desk.log(f"{desk.name} is now {old}, and goes when its command has ended")
            return replace(_made(desk), action="replaced", reason=action.reason)
    raise SandboxBusyError(
        f"The sandbox {desk.name} must be replaced ({action.reason}), and a command runs in it.",
        hint=f"Use --on-busy wait, new or use; or end the command: {_recreate_hint(desk)}",
    )


def _recreate_hint(desk: _Desk) -> str:
    return f"openclaw-sandbox recreate --session {desk.blueprint.policy.scope_key}"


def _made(desk: _Desk) -> Ready:
    desk.log(f"making {desk.name}")
    ready = make(desk.blueprint, desk.engine, log=desk.log, show=desk.show)
    policy = desk.blueprint.policy
    entry = Entry(
        container_name=ready.name,
        session_key=policy.scope_key,
        created_at_ms=int(ready.spec.volatile_labels[labels.CREATED_AT_MS]),
        last_used_at_ms=_now_ms(),
        image=ready.spec.image,
        config_hash=policy.config_hash,
    )
    _note(desk, lambda: desk.registry.remember(Kind.CONTAINER, [entry]))
    finish(ready.container_id)
    return ready


def _kept(desk: _Desk, observed: Observed, stale: str = "") -> Ready:
    if stale:
        desk.warnings.append(
            f"{desk.name} was used recently and is kept, although {stale}. To apply that now: "
            f"{_recreate_hint(desk)}"
        )
    entry = entry_of(observed, now_ms=_now_ms())
    _note(desk, lambda: desk.registry.touch(Kind.CONTAINER, entry))
    return Ready(
        container_id=observed.id, name=desk.name, spec=desk.blueprint.spec, action="kept", reason=stale
    )


def _note(desk: _Desk, write: Callable[[], None]) -> None:
    """A sandbox that runs is no less of one because that could not be written down."""
    try:
        write()
    except StateFileError as error:
        desk.warnings.append(error.brief)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
