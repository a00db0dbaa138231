"""One verification: the container as `run` makes it, the traps, the program inside, the verdicts."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.fit import find_gaps, fit
from openclaw_sandbox.lifecycle.make import needs_of
from openclaw_sandbox.verify.asking import Question, ask, believed, contradiction
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.expect import Promise, expectations
from openclaw_sandbox.verify.judge import judge
from openclaw_sandbox.verify.model import Report
from openclaw_sandbox.verify.place import place_of
from openclaw_sandbox.verify.scene import Scene
from openclaw_sandbox.verify.testimony import testify
from openclaw_sandbox.verify.traps import laid
from openclaw_sandbox.verify.witness import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.verify.model import Probe


class NotSandboxedError(VerbFailedError):
    """The config leaves the session on the host: there is nothing to prove."""

    code = "verify.not-sandboxed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to try and where. `only`: ids or beginnings of ids ("net."); empty for all.

    `attach`: a running container. Without it the policy's own one if it runs, unless `fresh` asks for a new
    one, which is removed afterwards.
    """

    only: tuple[str, ...] = ()
    quick: bool = False
    attach: str | None = None
    fresh: bool = False


def chosen(request: Request) -> tuple[Probe, ...]:
    """The probes that the request asks for."""
    wanted = [p for p in PROBES if not request.only or p.id.startswith(request.only)]
    return tuple(p for p in wanted if not (request.quick and p.slow))


def nameless(request: Request) -> tuple[str, ...]:
    """What `only` names and the catalogue has not: a probe that never runs must not look like a pass."""
    return tuple(
        name or '""' for name in request.only if not name or not any(p.id.startswith(name) for p in PROBES)
    )


def verify(
    policy: EffectivePolicy,
    engine: Engine,
    request: Request,
    *,
    now_ms: int,
    on_displaced: Callable[[Observed], None] = lambda _container: None,
) -> Report:
    """Try to break out of the policy's sandbox and hold the outcome against the policy.

    `on_displaced`: see `draw_blueprint`.

    Raises:
        NotSandboxedError: OpenClaw would run the session on the host.
        NoSuchContainerError: there is no running container of the name in `request.attach`.
        TamperedError: the session's container is stopped, and weaker than promised.
        EngineError: the container could not be made, see `ensure`.
    """
    if not policy.sandboxed_by_openclaw and request.attach is None:
        raise NotSandboxedError(
            f"OpenClaw runs {policy.session_key} on the host, without a sandbox (mode {policy.mode.value}).",
            hint='Set agents.defaults.sandbox.mode to "all", or name a session with --session.',
        )
    started = time.monotonic()
    blueprint = draw_blueprint(policy, engine, now_ms=now_ms, on_displaced=on_displaced)
    info, needs = engine.info(), needs_of(blueprint.spec, blueprint)
    spec = fit(blueprint.spec, info, allowed=policy.hardening.allow_unenforced, needs=needs).spec
    # What this engine does not enforce, and the operator allowed it not to, is no promise.
    unenforced = frozenset(gap.key for gap in find_gaps(spec, info, needs))
    with (
        laid(policy.workspace.workspace_dir) as traps,
        place_of(blueprint, engine, attach=request.attach, fresh=request.fresh) as place,
    ):
        spec = replace(spec, mounts=(*spec.mounts, *place.brought))
        question = Question(
            probes=chosen(request),
            spec=spec,
            container_id=place.observed.id,
            made=place.made,
            ways=place.ways,
        )
        witness = look(place.observed.pid)
        told = ask(question, engine, witness, traps)
        scene = Scene(
            spec=spec,
            observed=place.observed,
            witness=witness,
            sprung=traps.sprung(),
            image_id=blueprint.image_id,
            promised_runtime=spec.runtime or info.default_runtime,
        )
        scene = replace(scene, on_this_kernel=is_on_this_kernel(scene.runtime or scene.promised_runtime))
    problem = told.problem or (contradiction(told, witness) if scene.on_this_kernel else "")
    filtered = (witness.status or {}).get("Seccomp", told.seccomp) == "2"
    results = judge(
        question.probes,
        expectations(
            Promise(spec=spec, info=info, canaries=traps.canaries, unenforced=unenforced),
        ),
        host=testify(scene),
        sandbox=believed(told, problem, question, filtered=filtered),
        origin_of=lambda setting: origin_of(policy, setting),
    )
    return Report(
        container=place.observed.name,
        agent_id=policy.agent_id,
        session_key=policy.session_key,
        image=blueprint.spec.image,
        made=place.made,
        seconds=time.monotonic() - started,
        results=results,
        interpreter="" if problem else told.interpreter,
        notes=(*place.notes, *((f"Only this host's own findings count: {problem}.",) if problem else ())),
    )


def is_on_this_kernel(runtime: str) -> bool:
    """Whether a runtime starts ordinary processes; gVisor and Kata bring a kernel of their own."""
    return not runtime.startswith(("runsc", "kata", "io.containerd.runsc", "io.containerd.kata"))


def origin_of(policy: EffectivePolicy, setting: str) -> str:
    """Who set a setting: a file's line, or nobody."""
    parts = (key for key in policy.values if key.startswith(f"{setting}."))
    value = policy.values.get(setting) or policy.values.get(next(parts, ""))
    return value.origin.text() if value is not None else "built-in hardening"
