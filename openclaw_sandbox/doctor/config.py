"""The config: what explain warns of, best practices, known traps. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.image import OLD_DAYS
from openclaw_sandbox.doctor.model import Finding, Status, fail, ok, skip, warn
from openclaw_sandbox.policy.model import Mode, SeccompKind, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.facts import Facts, ImageFacts
    from openclaw_sandbox.errors import SandboxError
    from openclaw_sandbox.policy.model import EffectivePolicy

_STRONG_RUNTIMES = ("runsc", "kata")
_STATUS = {Severity.ERROR: Status.FAIL, Severity.WARNING: Status.WARN}
#: The families of explain's codes, each told as `config.CODE`.
WARNINGS = (
    *("bind", "capability", "disk", "dns", "elevated", "engine", "env", "exec", "hosts", "image", "key"),
    *("limit", "mount", "name", "network", "ports", "release", "scope", "seccomp", "session", "tmpfs"),
    *("user", "weak", "workdir", "workspace"),
)
#: What explain says of the engine, and checks of their own say for all agents at once.
_TOLD_ELSEWHERE = frozenset({"engine.unreachable", "engine.slow", "engine.unenforced"})


def check_config(facts: Facts) -> Iterator[Finding]:
    """Every agent's policy."""
    if facts.config_error is not None:
        yield _invalid(facts.config_error)
        return
    for agent, reason in facts.refused_agents:
        yield fail("config.agent", f"Agent {agent}: {reason}", f"openclaw-sandbox explain --agent {agent}")
    if not facts.policies:
        yield skip("config.valid", "No config was read.")
        return
    yield ok("config.valid", f"The config can be read; agents: {len(facts.policies)}.")
    yield from _warnings(facts)
    yield _mode(facts.policies)
    yield _exec_host(facts.policies)
    yield from _practices(facts)


def _invalid(error: SandboxError) -> Finding:
    """With every mistake and its place."""
    issues = (f"{issue.where()}: {issue.path or '<root>'}: {issue.message}" for issue in error.issues)
    hint = error.hint or "openclaw-sandbox config validate"
    return fail("config.valid", error.brief, hint, *(line.lstrip(": ") for line in issues), *error.details)


def _warnings(facts: Facts) -> Iterator[Finding]:
    """What explain says, once for each place."""
    seen: dict[tuple[str, str], tuple[Status, str, str, list[str]]] = {}
    for policy in facts.policies:
        for finding in (*policy.findings, *facts.observed.get(policy.agent_id, ())):
            status = _STATUS.get(finding.severity)
            if status is None or finding.code.startswith("mode.") or _is_told(finding.code, policy, facts):
                continue
            where = f"{finding.message} ({finding.origin.text()})" if finding.origin else finding.message
            entry = seen.setdefault((finding.code, where), (status, where, finding.hint, []))
            entry[3].append(policy.agent_id)
    for (code, _), (status, message, hint, agents) in seen.items():
        told = _of_agents(agents, facts) or ()
        yield Finding(id=f"config.{code}", status=status, message=message, fix=hint, details=told)
    if not seen:
        yield ok("config.findings", "explain warns of nothing.")


def _is_told(code: str, policy: EffectivePolicy, facts: Facts) -> bool:
    """The image of the first agent has an area of its own; that of another one has not."""
    is_checked = facts.image is not None and facts.image.reference == policy.hardening.image
    return code in _TOLD_ELSEWHERE or (code == "image.missing" and is_checked)


def _mode(policies: tuple[EffectivePolicy, ...]) -> Finding:
    loose = [p.agent_id for p in policies if p.mode is not Mode.ALL or not p.enabled]
    if not loose:
        return ok("config.mode", "Every session of every agent runs in a sandbox.")
    message = f"OpenClaw runs sessions of these agents on the host: {', '.join(loose)}."
    return warn("config.mode", message, 'Set agents.defaults.sandbox.mode to "all".')


def _exec_host(policies: tuple[EffectivePolicy, ...]) -> Finding:
    """OpenClaw falls back to "sandbox" for exec even where there is no sandbox."""
    torn = [p.agent_id for p in policies if p.mode is Mode.OFF and p.exec_host.setting == "sandbox"]
    if not torn:
        return ok("config.exec-host", "tools.exec.host fits the mode.")
    message = f'tools.exec.host is "sandbox" and mode is off, so exec runs on the host: {", ".join(torn)}.'
    fix = 'Set agents.defaults.sandbox.mode to "all", or tools.exec.host to "gateway".'
    return warn("config.exec-host", message, fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A best practice that a policy keeps or not, and what to set."""

    words: str
    kept: str
    broken: str
    holds: Callable[[EffectivePolicy], bool]
    fix: str


#: By the end of the check's id.
PRACTICES: Mapping[str, Practice] = {
    "user": Practice(
        words="a user that is not root",
        kept="Commands run as a user that is not root.",
        broken="Commands run as root.",
        holds=lambda p: not _is_root(p.hardening.user),
        fix="Remove docker.user.",
    ),
    "read-only": Practice(
        words="a read-only root",
        kept="The root is read-only.",
        broken="The root can be written to.",
        holds=lambda p: p.hardening.read_only_root,
        fix="Remove docker.readOnlyRoot.",
    ),
    "seccomp": Practice(
        words="the built-in filter of system calls",
        kept="The built-in filter of system calls is on.",
        broken="The built-in filter of system calls is not used.",
        holds=lambda p: p.hardening.seccomp.kind is SeccompKind.OURS,
        fix="Remove docker.seccompProfile.",
    ),
    "capabilities": Practice(
        words="no capabilities",
        kept="Every capability is dropped.",
        broken="Capabilities are kept.",
        holds=lambda p: p.hardening.cap_drop == ("ALL",) and not p.hardening.cap_add,
        fix='Set docker.capDrop to ["ALL"].',
    ),
    "limits": Practice(
        words="limits of memory, processes and processors",
        kept="Memory, processes and processors are limited.",
        broken="Memory, processes or processors are not limited.",
        holds=lambda p: bool(p.hardening.memory_bytes and p.hardening.pids_limit and p.hardening.cpus),
        fix="Set docker.memory, docker.pidsLimit and docker.cpus.",
    ),
    "network": Practice(
        words="no network",
        kept="There is no network.",
        broken="There is a network.",
        holds=lambda p: p.hardening.network == "none",
        fix='Set docker.network to "none".',
    ),
    "runtime": Practice(
        words="gVisor or Kata where the stakes are high",
        kept="Sandboxes have a kernel of their own.",
        broken="Sandboxes share the host's kernel: where the stakes are high, use gVisor or Kata.",
        holds=lambda p: (p.hardening.runtime or "").startswith(_STRONG_RUNTIMES),
        fix="Install gVisor and set sandbox.runtime to runsc in config.yml.",
    ),
}


def _is_root(user: str | None) -> bool:
    return (user or "").partition(":")[0] in ("0", "root")


def _practices(facts: Facts) -> Iterator[Finding]:
    """Ten: seven of the policies, the behaviour watched, the image fresh and scanned (see image.*)."""
    kept: dict[str, bool | None] = {}
    for name, practice in PRACTICES.items():
        broken = [policy.agent_id for policy in facts.policies if not practice.holds(policy)]
        kept[practice.words] = not broken
        yield _practice(f"config.practice-{name}", practice, _of_agents(broken, facts))
    kept["behaviour is watched"] = bool(facts.monitors)
    if facts.monitors:
        yield ok("config.practice-watched", f"Behaviour is watched by {', '.join(facts.monitors)}.")
    else:
        message = "Nothing watches what sandboxes do (Falco or Tetragon)."
        yield warn("config.practice-watched", message, "Install Falco.")
    kept |= {"images are up to date": _is_fresh(facts.image), "images are scanned": _is_scanned(facts.image)}
    yield _posture(kept)


def _of_agents(agents: list[str], facts: Facts) -> tuple[str, ...] | None:
    """Of whom a warning is: nothing to say where there is one agent; None if it is nobody's."""
    if not agents:
        return None
    return (f"agents: {', '.join(agents)}",) if len(facts.policies) > 1 else ()


def _practice(name: str, practice: Practice, broken: tuple[str, ...] | None) -> Finding:
    if broken is None:
        return ok(name, practice.kept)
    return warn(name, practice.broken, practice.fix, *broken)


def _is_fresh(image: ImageFacts | None) -> bool | None:
    return None if image is None or image.age_days is None else image.age_days <= OLD_DAYS


def _is_scanned(image: ImageFacts | None) -> bool | None:
    """None where the scanner was not asked."""
    if image is None or (image.scanner and image.scan is None):
        return None
    return image.scan is not None


def _posture(kept: Mapping[str, bool | None]) -> Finding:
    judged = [holds for holds in kept.values() if holds is not None]
    share = round(100 * sum(judged) / len(judged))
    message = f"Posture: {sum(judged)} of {len(judged)} best practices, {share} %."
    details = tuple(f"not kept: {words}" for words, holds in kept.items() if holds is False)
    return Finding(id="config.posture", status=Status.OK, message=message, details=details)
