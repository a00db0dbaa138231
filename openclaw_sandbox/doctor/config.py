"""The config: what explain warns of, best practices, known traps. And the state folder. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.model import Finding, Status, fail, ok, skip, warn
from openclaw_sandbox.policy.model import Mode, SeccompKind, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.facts import Facts
    from openclaw_sandbox.policy.model import EffectivePolicy

_STRONG_RUNTIMES = ("runsc", "kata")
_STATUS = {Severity.ERROR: Status.FAIL, Severity.WARNING: Status.WARN}


def check_config(facts: Facts) -> Iterator[Finding]:
    """Every agent's policy."""
    if facts.config_error is not None:
        error = facts.config_error
        yield fail("config.valid", error.brief, error.hint or "openclaw-sandbox explain", *error.details)
        return
    if not facts.policies:
        yield skip("config.valid", "No config was read.")
        return
    yield ok("config.valid", f"The config can be used; agents: {len(facts.policies)}.")
    yield from _warnings(facts.policies)
    yield _mode(facts.policies)
    yield _exec_host(facts.policies)
    yield from _practices(facts)


def _warnings(policies: tuple[EffectivePolicy, ...]) -> Iterator[Finding]:
    """What explain says, once for each place."""
    seen: dict[tuple[str, str], tuple[Status, str, str, list[str]]] = {}
    for policy in policies:
        for finding in policy.findings:
            status = _STATUS.get(finding.severity)
            if status is None or finding.code.startswith("mode."):
                continue
            where = f"{finding.message} ({finding.origin.text()})" if finding.origin else finding.message
            entry = seen.setdefault((finding.code, where), (status, where, finding.hint, []))
            entry[3].append(policy.agent_id)
    for (code, _), (status, message, hint, agents) in seen.items():
        told = (f"agents: {', '.join(agents)}",) if len(policies) > 1 else ()
        yield Finding(id=f"config.{code}", status=status, message=message, fix=hint, details=told)
    if not seen:
        yield ok("config.findings", "explain warns of nothing.")


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
    return warn("config.exec-host", message, "openclaw-sandbox explain --tool exec")


#: Best practice -> (whether a policy keeps it, what to set).
PRACTICES: Mapping[str, tuple[Callable[[EffectivePolicy], bool], str]] = {
    "a user that is not root": (lambda p: not _is_root(p.hardening.user), "Remove docker.user."),
    "a read-only root": (lambda p: p.hardening.read_only_root, "Remove docker.readOnlyRoot."),
    "the built-in filter of system calls": (
        lambda p: p.hardening.seccomp.kind is SeccompKind.OURS,
        "Remove docker.seccompProfile.",
    ),
    "no capabilities": (
        lambda p: p.hardening.cap_drop == ("ALL",) and not p.hardening.cap_add,
        'Set docker.capDrop to ["ALL"].',
    ),
    "limits of memory, processes and processors": (
        lambda p: bool(p.hardening.memory_bytes and p.hardening.pids_limit and p.hardening.cpus),
        "Set docker.memory, docker.pidsLimit and docker.cpus.",
    ),
    "no network": (lambda p: p.hardening.network == "none", 'Set docker.network to "none".'),
    "gVisor or Kata where the stakes are high": (
        lambda p: (p.hardening.runtime or "").startswith(_STRONG_RUNTIMES),
        "Install gVisor and set sandbox.runtime to runsc in config.yml.",
    ),
}


def _is_root(user: str | None) -> bool:
    return (user or "").partition(":")[0] in ("0", "root")


def _practices(facts: Facts) -> Iterator[Finding]:
    """Ten: seven of the policy; fresh and scanned images have checks of their own; behaviour watched."""
    kept = 0
    for words, (holds, fix) in PRACTICES.items():
        broken = [policy.agent_id for policy in facts.policies if not holds(policy)]
        kept += not broken
        if broken:
            name = f"config.practice-{words.split()[-1]}"
            yield warn(name, f"Not for every agent: {words}.", fix, f"agents: {', '.join(broken)}")
    if facts.monitors:
        yield ok("config.practice-watched", f"Behaviour is watched by {', '.join(facts.monitors)}.")
    else:
        message = "Nothing watches what sandboxes do (Falco or Tetragon)."
        yield warn("config.practice-watched", message, "Install Falco.")
    total = len(PRACTICES) + 1
    kept += bool(facts.monitors)
    yield ok("config.posture", f"Posture: {kept} of {total} best practices, {round(100 * kept / total)} %.")


def check_state(facts: Facts) -> Iterator[Finding]:
    """The registry, the workspaces, the way out."""
    state = facts.state
    if state.registry_problem:
        yield fail("state.registry", state.registry_problem, "openclaw-sandbox doctor --fix")
    else:
        yield ok("state.registry", "The registry can be read.")
    for agent, problem, hint in state.workspace_problems:
        yield fail("state.workspace", f"Agent {agent}: {problem}", hint)
    if not state.workspace_problems:
        yield ok("state.workspace", "Every workspace can be used by its sandbox.")
    if facts.gateway_problems is None:
        yield skip("state.gateway", "No sandbox has allowed hosts: there is no gateway.")
    elif facts.gateway_problems:
        message = "The egress gateway does not answer: sandboxes with allowed hosts reach nothing."
        yield warn("state.gateway", message, "It is made again by the next run.", *facts.gateway_problems)
    else:
        yield ok("state.gateway", "The egress gateway answers.")


def check_tool(facts: Facts) -> Iterator[Finding]:
    """This installation."""
    kinds = {policy.hardening.seccomp.kind for policy in facts.policies}
    if kinds and kinds != {SeccompKind.OURS}:
        message = "Some agents do not use the built-in filter of system calls."
        yield warn("tool.seccomp", message, "Remove docker.seccompProfile.")
    elif kinds:
        yield ok("tool.seccomp", "The built-in filter is what every sandbox gets.")
    if facts.completion is None:
        yield skip("tool.completion", "The shell is not known.")
    elif facts.completion:
        yield ok("tool.completion", "Shell completion is installed.")
    else:
        yield skip("tool.completion", "Shell completion is not installed.")
