"""One verification: the container as `run` makes it, the traps, the program inside, the verdicts."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import EngineError, VerbFailedError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.fit import find_gaps, fit
from openclaw_sandbox.lifecycle.make import discard, make, own_name
from openclaw_sandbox.lifecycle.plan import whose
from openclaw_sandbox.lifecycle.way_out import close_way_out
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.expect import Promise, expectations
from openclaw_sandbox.verify.judge import judge, told_by_filter
from openclaw_sandbox.verify.model import Answer, Report, Verdict
from openclaw_sandbox.verify.program import Told, argv, parse
from openclaw_sandbox.verify.scene import Scene
from openclaw_sandbox.verify.testimony import testify
from openclaw_sandbox.verify.traps import laid
from openclaw_sandbox.verify.witness import available_memory_bytes, kernel_calls, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.blueprint import Blueprint
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.model import Probe
    from openclaw_sandbox.verify.traps import Traps
    from openclaw_sandbox.verify.witness import Witness

_TIMEOUT_S = 120.0
_MIB = 1 << 20
_MARGIN = 512 * _MIB  # what this host keeps while a sandbox tries to take more than it may
_LARGEST_FILL = 1 << 30
_FORKS_NEED = 256 * _MIB
_UNUSED = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="not tried in a container that others use")


class NotSandboxedError(VerbFailedError):
    """The config leaves the session on the host: there is nothing to prove."""

    code = "verify.not-sandboxed"


class NoSuchContainerError(VerbFailedError):
    """`--attach` names no running container."""

    code = "verify.no-container"


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
    observed: Observed
    made: bool
    notes: tuple[str, ...] = field(default=())


def chosen(request: Request) -> tuple[Probe, ...]:
    """The probes that the request asks for."""
    wanted = [p for p in PROBES if not request.only or p.id.startswith(request.only)]
    return tuple(p for p in wanted if not (request.quick and p.slow))


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
        probes = chosen(request)
        witness = look(place.observed.pid)
        told = _ask(probes, spec, engine, place, witness, traps)
        scene = Scene(
            spec=spec,
            observed=place.observed,
            witness=witness,
            sprung=traps.sprung(),
            on_this_kernel=is_on_this_kernel(spec.runtime or info.default_runtime),
        )
    problem = told.problem or (contradiction(told, witness) if scene.on_this_kernel else "")
    filtered = (witness.status or {}).get("Seccomp", told.seccomp) == "2"
    sandbox = _believed(told, problem, probes, place, filtered=filtered)
    results = judge(
        probes,
        expectations(
            Promise(spec=spec, info=info, canaries=traps.canaries, unenforced=unenforced),
        ),
        host=testify(scene),
        sandbox=sandbox,
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
        yield _Place(observed=own, made=False, notes=(f"Looked at the running container {own.name}.",))
        return
    # Named like a container of `run --rm`: if this process is killed, the next tool that looks removes it.
    name = own_name(blueprint.spec.name, "run")
    ready = make(replace(blueprint, spec=replace(blueprint.spec, name=name)), engine)
    try:
        observed = engine.inspect(ready.container_id)
        if observed is None or not observed.running:
            raise EngineError("The container that was made for this did not stay up.")
        yield _Place(observed=observed, made=True, notes=ready.warnings)
    finally:
        discard(ready.container_id, engine)
        close_way_out(blueprint.policy, engine, ready.container_id)


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
    return _Place(observed=observed, made=False, notes=notes)


# ---- the sandbox's own word


def _ask(
    probes: Sequence[Probe],
    spec: ContainerSpec,
    engine: Engine,
    place: _Place,
    witness: Witness,
    traps: Traps,
) -> Told:
    nonce = secrets.token_hex(16)
    asked = [p.id for p in probes if not p.heavy or (place.made and _affordable(p, spec, witness))]
    facts: dict[str, Any] = {
        "nonce": nonce,
        "probes": [name for name in asked if _possible(name, traps)],
        "canaries": list(traps.canaries),
        "parent_canary": traps.parent_canary,
        "workspace": spec.workdir,
        "host_ns": dict(witness.host_namespaces),
        "host_ips": list(traps.host_ips),
        "port": traps.port,
        "loopback_port": traps.loopback_port,
        "abstract": traps.abstract,
        "env_canary": traps.env_canary,
        "shm_bytes": spec.shm_bytes,
        "nofile_hard": next((u.hard for u in spec.ulimits if u.name == "nofile"), 0),
        "memory_attempt": (spec.memory_bytes or 0) + 128 * _MIB,
        "tmp_attempt": (_tmp_bytes(spec) or 0) + 16 * _MIB,
    }
    command = ExecSpec(argv=argv(facts), workdir="/")
    try:
        output = engine.exec_capture(place.observed.id, command, timeout_s=_TIMEOUT_S)
    except EngineError as error:
        return Told(answers={}, problem=f"the program could not run inside: {error.brief.rstrip('.')}")
    if output.exit_code in (126, 127):
        return Told(answers={}, problem="the image has no python3")
    return parse(output.stdout, nonce=nonce)


def _possible(name: str, traps: Traps) -> bool:
    """A listener that does not work on this host would call everything blocked."""
    return not (
        (name == "net.host-gateway" and not traps.port)
        or (name == "net.host-loopback" and not traps.loopback_port)
    )


def _affordable(probe: Probe, spec: ContainerSpec, witness: Witness) -> bool:
    """Whether this machine survives the attempt even if nothing bounds it; the host's word remains."""
    memory, available = spec.memory_bytes or 0, available_memory_bytes()
    match probe.id:
        case "rs.memory-alloc":
            return bool(memory) and available > memory + 128 * _MIB + _MARGIN
        case "ps.fork-limit":
            return memory >= _FORKS_NEED and available > _MARGIN
        case "rs.disk-tmp":
            size = _tmp_bytes(spec)
            return size is not None and size < _LARGEST_FILL and available > size + _MARGIN
        case "rs.disk-shm":
            return spec.shm_bytes < _LARGEST_FILL and available > spec.shm_bytes + _MARGIN
    return bool(witness.pid)


def _tmp_bytes(spec: ContainerSpec) -> int | None:
    """The promised size of /tmp; None without one."""
    for mount in spec.tmpfs:
        if mount.destination == "/tmp":
            sizes = [option[5:] for option in mount.options if option.startswith("size=")]
            return int(sizes[0]) if sizes and sizes[0].isdigit() else None
    return None


def is_on_this_kernel(runtime: str) -> bool:
    """Whether a runtime starts ordinary processes; gVisor and Kata bring a kernel of their own."""
    return not runtime.startswith(("runsc", "kata", "io.containerd.runsc", "io.containerd.kata"))


def contradiction(told: Told, witness: Witness) -> str:
    """Where the image's python3 says other than the kernel about a process of this container."""
    status = witness.status
    if status is None or not told.uid:
        return ""
    facts = (
        ("user", told.uid, status.get("Uid", told.uid).split()[0]),
        ("bounding set", told.bounding, status.get("CapBnd", told.bounding)),
        ("filter", told.seccomp, status.get("Seccomp", told.seccomp)),
    )
    wrong = [f"{what} {said}, which is {real}" for what, said, real in facts if said != real]
    return f"the image's python3 misstates its {wrong[0]}" if wrong else ""


def _believed(
    told: Told, problem: str, probes: Sequence[Probe], place: _Place, *, filtered: bool
) -> dict[str, Answer]:
    """The sandbox's answers; errors in their place if it cannot be believed."""
    if problem:
        return {probe.id: Answer(verdict=Verdict.ERROR, evidence=problem) for probe in probes}
    known = kernel_calls() if filtered else None
    answers = {name: told_by_filter(answer, known) for name, answer in told.answers.items()}
    unused = {} if place.made else {probe.id: _UNUSED for probe in probes if probe.heavy}
    return {**unused, **answers}


def origin_of(policy: EffectivePolicy, setting: str) -> str:
    """Who set a setting: a file's line, or nobody."""
    value = policy.values.get(setting)
    return value.origin.text() if value is not None else "built-in hardening"
