"""`ensure` for several sandboxes, a few at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, SandboxDisabledError, SandboxError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.ensure import OnBusy, draw_scope, ensure
from openclaw_sandbox.lifecycle.pool import in_parallel
from openclaw_sandbox.lifecycle.settle import what_for
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.blueprint import Blueprint
    from openclaw_sandbox.lifecycle.make import Ready
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.policy.model import EffectivePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensured:
    """What became of one sandbox: `ready`, or the error."""

    policy: EffectivePolicy
    ready: Ready | None = None
    error: SandboxError | None = None


def ensure_all(
    policies: Sequence[EffectivePolicy],
    engine: Engine,
    *,
    now_ms: int,
    on_busy: OnBusy = OnBusy.REFUSE,
    log: Callable[[str], None],
    on_displaced: Callable[[Observed], None] = lambda _container: None,
) -> Iterator[Ensured]:
    """Make each policy's sandbox run, once per container however many policies share it; as they come."""

    def one(policy: EffectivePolicy) -> Ensured:
        try:
            blueprint = draw_scope(policy, engine, now_ms=now_ms, warn=log, on_displaced=on_displaced)
            return Ensured(policy=policy, ready=ensure(blueprint, engine, on_busy=on_busy, log=log, show=log))
        except SandboxError as error:
            return Ensured(policy=policy, error=error)

    distinct = {policy.container_name: policy for policy in reversed(policies)}
    yield from in_parallel(one, list(reversed(distinct.values())))


def remake_shared(
    policies: Callable[[], Policies],
    engine: Engine,
    *,
    now_ms: int,
    log: Callable[[str], None],
    warn: Callable[[str], None],
) -> Callable[[Observed], None]:
    """For `draw_blueprint`: a running shared sandbox that had to go comes back, the new folder masked.

    Failing at that is `warn`ed of and fails nothing else: whoever uses it next makes it.
    """

    def remake(container: Observed) -> None:
        log(f"removed {container.name}: it would have seen the new workspace")
        if not container.running or what_for(container):
            return
        try:
            ready = ensure(_blueprint_like(container, policies(), engine, now_ms), engine, log=log)
        except SandboxError as error:
            warn(f"{container.name} had to go for the new workspace and is not made anew: {error.brief}")
        else:
            for warning in ready.warnings:
                log(warning)

    return remake


def _blueprint_like(container: Observed, policies: Policies, engine: Engine, now_ms: int) -> Blueprint:
    """What the config asks for in place of a container.

    Raises:
        ConfigError: it asks for none, or is refused.
        SandboxError: as `draw_blueprint`.
    """
    key, agent = container.labels.get(labels.SESSION_KEY, ""), container.labels.get(labels.AGENT, "")
    found = policies.of_scope(key, agent)
    if found.policy is None:
        raise ConfigError(f"{found.why_not}.")
    if not found.policy.enabled:
        raise SandboxDisabledError("it is switched off in config.yml.")
    return draw_blueprint(found.policy, engine, now_ms=now_ms)
