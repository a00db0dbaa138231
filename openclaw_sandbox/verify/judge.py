"""From answers to verdicts. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.verify.model import Answer, Expected, Judged, Observer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openclaw_sandbox.verify.model import Expectation, Probe

#: Probes that look at several settings: what begins so points to this one.
_SETTINGS = {
    "ps.ns-compare": {"net": "docker.network", "ipc": "ipc", "uts": "uts", "pid": "pid", "mnt": "engine"},
    "net.names": {"resolver": "docker.dns"},
    "ps.oom": {"OomKillDisable": "oom_kill_disable"},
}
#: The kernel's own name of a call, where it differs.
_KERNEL_NAMES = {"umount2": "umount"}
_NO_ANSWER = Answer(verdict=Verdict.ERROR, evidence="nobody could tell")


def judge(
    probes: Sequence[Probe],
    promised: Mapping[str, Expectation],
    *,
    host: Mapping[str, Answer],
    sandbox: Mapping[str, Answer],
    origin_of: Callable[[str], str] = lambda _setting: "",
) -> tuple[Judged, ...]:
    """Hold what was seen against what was promised. `origin_of` tells who set a setting."""
    return tuple(_judge(probe, promised[probe.id], host, sandbox, origin_of) for probe in probes)


def _judge(
    probe: Probe,
    expectation: Expectation,
    host: Mapping[str, Answer],
    sandbox: Mapping[str, Answer],
    origin_of: Callable[[str], str],
) -> Judged:
    answer, observer = combine(host.get(probe.id), sandbox.get(probe.id))
    undeclared = [item for item in answer.items if item not in expectation.allowed]
    items = undeclared or answer.items
    setting = dict(expectation.settings).get(items[0] if items else "") or setting_of(probe, items)
    if answer.items and not undeclared and expectation.expected is Expected.BLOCKED:
        expectation = replace(expectation, expected=Expected.OPEN)
    return Judged(
        probe=probe if setting == probe.setting else replace(probe, setting=setting),
        expectation=expectation,
        verdict=answer.verdict,
        evidence=_evidence(answer, undeclared),
        observer=observer,
        kept=_kept(answer, expectation),
        origin=origin_of(setting) if setting else "",
    )


def combine(host: Answer | None, sandbox: Answer | None) -> tuple[Answer, Observer]:
    """One word against another: open wins, then the host's, then the sandbox's.

    The host's "blocked" is about the kernel's own record; the sandbox's "open" is a deed. An error of the one
    is mended by the other.
    """
    if host is None:
        return (sandbox, Observer.SANDBOX) if sandbox is not None else (_NO_ANSWER, Observer.NOBODY)
    if sandbox is None or sandbox.verdict in (Verdict.ERROR, Verdict.NOT_APPLICABLE):
        return host, Observer.HOST
    if host.verdict is sandbox.verdict:
        items = tuple(dict.fromkeys((*host.items, *sandbox.items)))
        told = dict.fromkeys((host.evidence, sandbox.evidence))
        return replace(host, items=items, evidence="; ".join(told)), Observer.BOTH
    if host.verdict is Verdict.OPEN:
        return host, Observer.HOST
    return sandbox, Observer.SANDBOX


def _evidence(answer: Answer, undeclared: Sequence[str]) -> str:
    if not undeclared or len(undeclared) == len(answer.items):
        return answer.evidence
    return f"{answer.evidence} (not promised: {' '.join(undeclared[:6])})"


def _kept(answer: Answer, expectation: Expectation) -> bool | None:
    """None: not judged. An error keeps no promise, not even one of being open."""
    if expectation.expected is Expected.ANY or answer.verdict is Verdict.NOT_APPLICABLE:
        return None
    if answer.verdict is Verdict.ERROR:
        return False
    return answer.verdict is Verdict.BLOCKED or expectation.expected is Expected.OPEN


def setting_of(probe: Probe, items: Sequence[str]) -> str:
    """The setting that a success points to; where a probe looks at several, by what it found."""
    first = items[0] if items else ""
    if probe.id == "rs.shares":
        return first or probe.setting
    known = _SETTINGS.get(probe.id, {}).items()
    return next((setting for start, setting in known if first.startswith(start)), probe.setting)


def told_by_filter(answer: Answer, kernel_calls: frozenset[str] | None) -> Answer:
    """ENOSYS from a call that the kernel has is the filter's word: a refusal."""
    names = [item.partition(":")[2] for item in answer.items if item.startswith("ENOSYS:")]
    if answer.verdict is not Verdict.NOT_APPLICABLE or not names:
        return answer
    if kernel_calls is not None and _KERNEL_NAMES.get(names[0], names[0]) in kernel_calls:
        return Answer(verdict=Verdict.BLOCKED, evidence=f"{names[0]}: ENOSYS, by the filter")
    return replace(answer, items=())
