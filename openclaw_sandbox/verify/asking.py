"""The sandbox's own word: the program runs inside, and its answers count as far as they can be believed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.verify.capabilities import NAMES
from openclaw_sandbox.verify.judge import told_by_filter
from openclaw_sandbox.verify.limits import ULIMITS, size_bytes
from openclaw_sandbox.verify.model import Answer, Verdict
from openclaw_sandbox.verify.program import Told, arguments, parse
from openclaw_sandbox.verify.witness import available_memory_bytes, inner_id, kernel_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from openclaw_sandbox.engine.base import Engine
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.interpreter import Interpreter
    from openclaw_sandbox.verify.model import Probe
    from openclaw_sandbox.verify.traps import Traps
    from openclaw_sandbox.verify.witness import Witness

_TIMEOUT_S = 120.0
_TRIAL_S = 10.0
_MIB = 1 << 20
_MARGIN = 512 * _MIB  # what this host keeps while a sandbox tries to take more than it may
_LARGEST_FILL = 1 << 30
_FORKS = 600  # as many as the probe starts
_FORK_NEEDS = _MIB // 16
_PROGRAM_NEEDS = 24 * _MIB
_UNTRIED = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="not tried: the policy sets no bound")
_UNUSED = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="not tried in a container that others use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one container. `made`: it is for this alone, so its limits may be used up.

    `ways` bring an interpreter into it, the best one first; None: this one cannot.
    """

    probes: Sequence[Probe]
    spec: ContainerSpec
    container_id: str
    made: bool
    ways: Sequence[Callable[[], AbstractContextManager[Interpreter | None]]]


def ask(question: Question, engine: Engine, witness: Witness, traps: Traps) -> Told:
    """Run the probes with the first interpreter that proves to be one."""
    problems = []
    for bring in question.ways:
        with bring() as interpreter:
            if interpreter is None:
                continue
            told = _try(interpreter, question, engine, _facts(question, witness, traps))
            if not told.problem:
                return told
            problems.append(told.problem)
    return Told(answers={}, problem="; ".join(problems) or "there is no interpreter")


def _try(interpreter: Interpreter, question: Question, engine: Engine, facts: Mapping[str, Any]) -> Told:
    """One that the image brings may do anything, even nothing for ever: it shows first that it is Python."""
    if not interpreter.ours:
        trial = _run(interpreter, question, engine, {"probes": []}, timeout_s=_TRIAL_S)
        if trial.problem:
            return trial
    return _run(interpreter, question, engine, facts, timeout_s=_TIMEOUT_S)


def _run(
    interpreter: Interpreter,
    question: Question,
    engine: Engine,
    facts: Mapping[str, Any],
    *,
    timeout_s: float,
) -> Told:
    nonce = secrets.token_hex(16)
    argv = (*interpreter.command, *arguments({**facts, "nonce": nonce}))
    command = ExecSpec(argv=argv, env=interpreter.env, workdir="/")
    try:
        output = engine.exec_capture(question.container_id, command, timeout_s=timeout_s)
    except EngineError as error:
        told = Told(answers={}, problem=f"could not run inside: {error.brief.rstrip('.')}")
    else:
        absent = output.exit_code in (126, 127)
        told = Told(answers={}, problem="does not start") if absent else parse(output.stdout, nonce=nonce)
    problem = f"{interpreter.name} {told.problem}" if told.problem else ""
    return replace(told, problem=problem, interpreter=interpreter.name)


def _facts(question: Question, witness: Witness, traps: Traps) -> dict[str, Any]:
    probes, spec = question.probes, question.spec
    asked = [p.id for p in probes if not p.heavy or (question.made and _affordable(p, spec, witness))]
    return {
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
        "capabilities": list(NAMES),
        "shm_bytes": spec.shm_bytes,
        "ulimits": [[u.name, ULIMITS.get(u.name, ""), u.hard] for u in spec.ulimits],
        "nofile_hard": next((u.hard for u in spec.ulimits if u.name == "nofile"), 0),
        "memory_attempt": (spec.memory_bytes or 0) + 128 * _MIB,
        "workspace_attempt": (spec.disk.volume_bytes or 80 * _MIB) + 16 * _MIB,
        "tmp_attempt": (_tmp_bytes(spec) or 0) + 16 * _MIB,
    }


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
            forks = min(spec.pids_limit or _FORKS, _FORKS)
            return memory >= _PROGRAM_NEEDS + forks * _FORK_NEEDS and available > _MARGIN
        case "rs.disk-tmp":
            size = _tmp_bytes(spec)
            return size is not None and size < _LARGEST_FILL and available > size + _MARGIN
        case "rs.disk-workspace":
            return (spec.disk.volume_bytes or 0) < _LARGEST_FILL
        case "rs.disk-shm":
            return spec.shm_bytes < _LARGEST_FILL and available > spec.shm_bytes + _MARGIN
    return bool(witness.pid)


def _unbounded(probe: Probe, spec: ContainerSpec) -> bool:
    """Whether the policy itself sets no bound that an attempt could meet."""
    match probe.id:
        case "rs.memory-alloc":
            return not spec.memory_bytes
        case "ps.fork-limit":
            return not spec.pids_limit
        case "rs.disk-tmp":
            return _tmp_bytes(spec) is None
    return False


def _tmp_bytes(spec: ContainerSpec) -> int | None:
    """The promised size of /tmp; None without one."""
    return next((size_bytes(tmpfs) for tmpfs in spec.tmpfs if tmpfs.destination == "/tmp"), None)


def contradiction(told: Told, witness: Witness) -> str:
    """Where the interpreter says other than the kernel about a process of this container."""
    status = witness.status
    if status is None or not told.uid:
        return ""
    facts = (
        ("user", told.uid, inner_id(status.get("Uid", told.uid).split()[0], witness.uid_map)),
        ("bounding set", told.bounding, status.get("CapBnd", told.bounding)),
        ("filter", told.seccomp, status.get("Seccomp", told.seccomp)),
    )
    wrong = [f"{what} {said}, which is {real}" for what, said, real in facts if said != real]
    return f"{told.interpreter} misstates its {wrong[0]}" if wrong else ""


def believed(told: Told, problem: str, question: Question, *, filtered: bool) -> dict[str, Answer]:
    """The sandbox's answers; errors in their place if it cannot be believed."""
    if problem:
        return {probe.id: Answer(verdict=Verdict.ERROR, evidence=problem) for probe in question.probes}
    known = kernel_calls() if filtered else None
    answers = {name: told_by_filter(answer, known) for name, answer in told.answers.items()}
    heavy = [probe for probe in question.probes if probe.heavy]
    unused = {} if question.made else {probe.id: _UNUSED for probe in heavy}
    untried = {probe.id: _UNTRIED for probe in heavy if _unbounded(probe, question.spec)}
    return {**untried, **unused, **answers}
