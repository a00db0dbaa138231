"""One verification: the container as `run` makes it, the traps, the program inside, the verdicts."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineError, VerbFailedError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.compare import compare
from openclaw_sandbox.lifecycle.fit import find_gaps, fit
from openclaw_sandbox.lifecycle.internal_network import close_internal
from openclaw_sandbox.lifecycle.make import discard, make, own_name
from openclaw_sandbox.lifecycle.plan import whose
from openclaw_sandbox.lifecycle.way_out import close_way_out
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.model import BindMount
from openclaw_sandbox.verify.asking import Question, ask, believed, contradiction
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.expect import Promise, expectations
from openclaw_sandbox.verify.interpreter import MOUNT_POINT, OF_IMAGE, gather, lodged
from openclaw_sandbox.verify.judge import judge
from openclaw_sandbox.verify.model import Report
from openclaw_sandbox.verify.scene import Scene
from openclaw_sandbox.verify.testimony import testify
from openclaw_sandbox.verify.traps import Sprung, laid
from openclaw_sandbox.verify.witness import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from openclaw_sandbox.engine.base import Engine, EngineInfo, Observed
    from openclaw_sandbox.lifecycle.blueprint import Blueprint
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.interpreter import Interpreter, Kit
    from openclaw_sandbox.verify.model import Judged, Probe


class NotSandboxedError(VerbFailedError):
    """The config leaves the session on the host: there is nothing to prove."""

    code = "verify.not-sandboxed"


class NoSuchContainerError(VerbFailedError):
    """`--attach` names no running container."""

    code = "verify.no-container"


class TamperedError(VerbFailedError):
    """The stopped container that `run` would start is not what its label says."""

    code = "verify.tampered"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """`brought`: mounts that are there for this verification alone."""

    observed: Observed
    made: bool
    ways: tuple[Callable[[], AbstractContextManager[Interpreter | None]], ...]
    brought: tuple[BindMount, ...] = ()
    notes: tuple[str, ...] = field(default=())


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
    info = engine.info()
    spec = fit(blueprint.spec, info, allowed=policy.hardening.allow_unenforced).spec
    # What this engine does not enforce, and the operator allowed it not to, is no promise.
    unenforced = frozenset(gap.key for gap in find_gaps(spec, info))
    with laid(policy.workspace.workspace_dir) as traps, _place(blueprint, engine, request) as place:
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


@contextlib.contextmanager
def _place(blueprint: Blueprint, engine: Engine, request: Request) -> Iterator[_Place]:
    """The container to look at; one that is made for this goes again, whatever happens."""
    if request.attach is not None:
        yield _attached(request.attach, blueprint, engine)
        return
    own = None if request.fresh else engine.inspect(blueprint.spec.name)
    if own is not None and (conflict := whose(blueprint.desired, own)) is not None:
        raise conflict  # what `run` would say: this policy has no container to prove
    if own is not None and own.running:
        note = f"Looked at the running container {own.name}."
        yield _Place(observed=own, made=False, ways=_live(own, blueprint.spec), notes=(note,))
        return
    if own is not None:
        _refuse_tampered(own, blueprint, engine)
    with _kit(blueprint) as brought:
        yield from _made(blueprint, engine, brought)


def _refuse_tampered(own: Observed, blueprint: Blueprint, engine: Engine) -> None:
    """A new container would prove nothing about a stopped one: `run` starts it, and goes by its label."""
    if own.labels.get(labels.SPEC) != blueprint.desired.spec_hash:
        return  # `run` replaces it
    asked, _ = close_internal(blueprint.spec, engine)
    info = engine.info()
    spec = fit(asked, info, allowed=blueprint.policy.hardening.allow_unenforced).spec
    wrong = [check.key or check.field for check in compare(spec, own) if not check.agrees]
    wrong += [found.probe.setting for found in _by_record(own, spec, info) if found.kept is False]
    if wrong:
        again = f"openclaw-sandbox recreate --session {blueprint.policy.session_key}"
        raise TamperedError(
            f"{own.name} is stopped, and is not what its label says: {', '.join(dict.fromkeys(wrong))}.",
            hint=f"run would start it as it is. Make it anew: {again}",
        )


def _made(
    blueprint: Blueprint, engine: Engine, brought: tuple[BindMount, Interpreter] | None
) -> Iterator[_Place]:
    """One as `run` makes it; only its name differs, and the mount that brings the interpreter."""
    mounts = () if brought is None else (brought[0],)
    ways = [OF_IMAGE] if brought is None else [brought[1], OF_IMAGE]
    # Named like a container of `run --rm`: if this process is killed, the next tool that looks removes it.
    name = own_name(blueprint.spec.name, "run")
    spec = replace(blueprint.spec, name=name, mounts=(*blueprint.spec.mounts, *mounts))
    ready = make(replace(blueprint, spec=spec), engine)
    try:
        observed = engine.inspect(ready.container_id)
        if observed is None or not observed.running:
            raise EngineError("The container that was made for this did not stay up.")
        yield _Place(
            observed=observed,
            made=True,
            ways=tuple(partial(contextlib.nullcontext, way) for way in ways),
            brought=mounts,
            notes=ready.warnings,
        )
    finally:
        discard(ready.container_id, engine)
        close_way_out(blueprint.policy, engine, ready.container_id)


def _by_record(own: Observed, spec: ContainerSpec, info: EngineInfo) -> tuple[Judged, ...]:
    """What the engine's record alone tells of a container without processes."""
    sprung = Sprung(accepted={}, env_canary="")
    nothing = look(0)
    scene = Scene(spec=spec, observed=own, witness=nothing, sprung=sprung, on_this_kernel=False)
    told = testify(scene)
    probes = [probe for probe in PROBES if probe.id in told]
    return judge(probes, expectations(Promise(spec=spec, info=info)), host=told, sandbox={})


@contextlib.contextmanager
def _kit(blueprint: Blueprint) -> Iterator[tuple[BindMount, Interpreter] | None]:
    """This host's interpreter in the state folder, to be mounted; None where there is none."""
    folder = blueprint.policy.state_dir / "sandbox"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    with _lodged(folder) as found:
        if found is None:
            yield None
            return
        kit, name = found
        mount = BindMount(source=str(folder / name), destination=MOUNT_POINT, read_only=True, key="verify")
        yield mount, kit.at(MOUNT_POINT)


@contextlib.contextmanager
def _lodged(folder: Path) -> Iterator[tuple[Kit, str] | None]:
    """A place that cannot be written (full, read-only) is no reason to stop: the image may have a Python."""
    with contextlib.ExitStack() as stack:
        kit, name = gather(), None
        if kit is not None:
            with contextlib.suppress(OSError):
                name = stack.enter_context(lodged(kit, folder))
        yield None if kit is None or name is None else (kit, name)


def _live(
    observed: Observed, spec: ContainerSpec
) -> tuple[Callable[[], AbstractContextManager[Interpreter | None]], ...]:
    """Nothing can be mounted any more, and nobody should find foreign files in his workspace without need.

    So the image's own python3 comes first there, and the report says so.
    """
    return partial(contextlib.nullcontext, OF_IMAGE), partial(_in_workspace, observed, spec)


@contextlib.contextmanager
def _in_workspace(observed: Observed, spec: ContainerSpec) -> Iterator[Interpreter | None]:
    """This host's interpreter, for the moment in the workspace: the one place where programs may run."""
    promised = {(mount.source, mount.destination) for mount in spec.mounts}
    mounted = {m.destination: m.source for m in observed.mounts if (m.source, m.destination) in promised}
    source = mounted.get(spec.workdir)
    if source is None:
        yield None
        return
    with _lodged(Path(source)) as found:
        yield None if found is None else found[0].at(f"{spec.workdir}/{found[1]}")


def _attached(name: str, blueprint: Blueprint, engine: Engine) -> _Place:
    observed = engine.inspect(name)
    if observed is None or not observed.running:
        state = "does not exist" if observed is None else f"is {observed.state.value}"
        raise NoSuchContainerError(
            f"The container {name} {state}.", hint="See what runs: docker ps --filter label=openclaw.sandbox"
        )
    notes: tuple[str, ...] = ()
    if observed.name != blueprint.spec.name:
        session = blueprint.policy.session_key
        notes = (f"{observed.name} is not the container of {session}, whose policy it is held against.",)
    return _Place(observed=observed, made=False, ways=_live(observed, blueprint.spec), notes=notes)


def is_on_this_kernel(runtime: str) -> bool:
    """Whether a runtime starts ordinary processes; gVisor and Kata bring a kernel of their own."""
    return not runtime.startswith(("runsc", "kata", "io.containerd.runsc", "io.containerd.kata"))


def origin_of(policy: EffectivePolicy, setting: str) -> str:
    """Who set a setting: a file's line, or nobody."""
    parts = (key for key in policy.values if key.startswith(f"{setting}."))
    value = policy.values.get(setting) or policy.values.get(next(parts, ""))
    return value.origin.text() if value is not None else "built-in hardening"
