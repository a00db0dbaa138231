"""`ensure` for several sandboxes, a few at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.ensure import OnBusy, ensure
from openclaw_sandbox.lifecycle.pool import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openclaw_sandbox.engine.base import Engine, Observed
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
            blueprint = draw_blueprint(policy, engine, now_ms=now_ms, on_displaced=on_displaced)
            return Ensured(policy=policy, ready=ensure(blueprint, engine, on_busy=on_busy, log=log, show=log))
        except SandboxError as error:
            return Ensured(policy=policy, error=error)

    distinct = {policy.container_name: policy for policy in reversed(policies)}
    yield from in_parallel(one, list(reversed(distinct.values())))


def remake_shared(
    policies: Policies, engine: Engine, *, now_ms: int, log: Callable[[str], None]
) -> Callable[[Observed], None]:
    """For `draw_blueprint`: a running shared sandbox that had to go comes back, the new folder masked."""
    from openclaw_sandbox.spec import labels

    def remake(container: Observed) -> None:
        log(f"removed {container.name}: it would have seen the new workspace")
        found = policies.of_scope(
            container.labels.get(labels.SESSION_KEY, ""), container.labels.get(labels.AGENT, "")
        )
        if found.policy is not None and container.running:
            ensure(draw_blueprint(found.policy, engine, now_ms=now_ms), engine, log=log)

    return remake
