"""Promises, words against words, verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.verify.catalogue import BY_ID, PROBES
from openclaw_sandbox.verify.judge import combine, judge, told_by_filter
from openclaw_sandbox.verify.model import (
    Answer,
    Expectation,
    Expected,
    Judged,
    Observer,
    Report,
    Severity,
    Verdict,
)

BLOCKED = Answer(verdict=Verdict.BLOCKED, evidence="refused")
OPEN = Answer(verdict=Verdict.OPEN, evidence="it worked")
ERROR = Answer(verdict=Verdict.ERROR, evidence="no answer")
ABSENT = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="no such feature")


def judged(name: str, *, host: Answer | None = None, sandbox: Answer | None = None, **promise: Any) -> Judged:
    probe = BY_ID[name]
    expectation = Expectation(**{"expected": Expected.BLOCKED, **promise})
    found = judge(
        [probe],
        {name: expectation},
        host={} if host is None else {name: host},
        sandbox={} if sandbox is None else {name: sandbox},
        origin_of=lambda setting: f"origin of {setting}",
    )
    return found[0]


@pytest.mark.parametrize(
    ("host", "sandbox", "verdict", "observer"),
    [
        (None, None, Verdict.ERROR, Observer.NOBODY),
        (None, BLOCKED, Verdict.BLOCKED, Observer.SANDBOX),
        (BLOCKED, None, Verdict.BLOCKED, Observer.HOST),
        (BLOCKED, BLOCKED, Verdict.BLOCKED, Observer.BOTH),
        (OPEN, BLOCKED, Verdict.OPEN, Observer.HOST),  # the sandbox lies
        (BLOCKED, OPEN, Verdict.OPEN, Observer.SANDBOX),  # a deed
        (BLOCKED, ERROR, Verdict.BLOCKED, Observer.HOST),
        (OPEN, ERROR, Verdict.OPEN, Observer.HOST),
        (OPEN, ABSENT, Verdict.OPEN, Observer.HOST),
        (None, ERROR, Verdict.ERROR, Observer.SANDBOX),
    ],
)
def test_words_against_words(
    host: Answer | None, sandbox: Answer | None, verdict: Verdict, observer: Observer
) -> None:
    answer, found = combine(host, sandbox)
    assert (answer.verdict, found) == (verdict, observer)


@pytest.mark.parametrize(
    ("answer", "expected", "kept"),
    [
        (BLOCKED, Expected.BLOCKED, True),
        (OPEN, Expected.BLOCKED, False),
        (OPEN, Expected.OPEN, True),
        (BLOCKED, Expected.OPEN, True),
        (ERROR, Expected.BLOCKED, False),
        (ERROR, Expected.OPEN, False),  # an unknown is never a pass
        (ABSENT, Expected.BLOCKED, None),
        (OPEN, Expected.ANY, None),
        (ERROR, Expected.ANY, None),
    ],
)
def test_promises(answer: Answer, expected: Expected, kept: bool | None) -> None:
    assert judged("sc.mount", sandbox=answer, expected=expected).kept is kept


def test_what_is_allowed_by_name_keeps_the_promise() -> None:
    answer = Answer(verdict=Verdict.OPEN, evidence="1: /data:ro", items=("/data:ro",))
    kept = judged("fs.host-binds", sandbox=answer, allowed=frozenset({"/data:ro"}))
    assert kept.kept is True
    assert kept.expectation.expected is Expected.OPEN


def test_one_more_breaks_it_and_is_named() -> None:
    answer = Answer(verdict=Verdict.OPEN, evidence="2: /data:ro /etc:rw", items=("/data:ro", "/etc:rw"))
    broken = judged("fs.host-binds", sandbox=answer, allowed=frozenset({"/data:ro"}))
    assert broken.kept is False
    assert broken.evidence.endswith("(not promised: /etc:rw)")


def test_open_without_names_is_never_allowed() -> None:
    assert judged("ps.caps", sandbox=OPEN, allowed=frozenset({"anything"})).kept is False


@pytest.mark.parametrize(
    ("item", "setting"), [("net", "docker.network"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")]
)
def test_a_shared_namespace_names_its_own_setting(item: str, setting: str) -> None:
    answer = Answer(verdict=Verdict.OPEN, evidence="", items=(item,))
    found = judged("ps.ns-compare", host=answer)
    assert (found.probe.setting, found.origin) == (setting, f"origin of {setting}")


def test_a_setting_may_belong_to_one_item() -> None:
    settings = (("/workspace:rw", "workspaceAccess"),)
    opened = [Answer(verdict=Verdict.OPEN, evidence="", items=(item,)) for item in ("/workspace:rw", "/x:rw")]
    found = [judged("fs.host-binds", host=answer, settings=settings) for answer in opened]
    assert [result.probe.setting for result in found] == ["workspaceAccess", "docker.binds"]


@pytest.mark.parametrize(
    ("calls", "verdict"),
    [
        (frozenset({"clone3"}), Verdict.BLOCKED),
        (frozenset({"read"}), Verdict.NOT_APPLICABLE),
        (None, Verdict.NOT_APPLICABLE),
    ],
)
def test_enosys_is_the_filter_where_the_kernel_has_the_call(
    calls: frozenset[str] | None, verdict: Verdict
) -> None:
    answer = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="clone3: ENOSYS", items=("ENOSYS:clone3",))
    assert told_by_filter(answer, calls).verdict is verdict


def test_the_kernel_calls_umount2_otherwise() -> None:
    answer = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="", items=("ENOSYS:umount2",))
    assert told_by_filter(answer, frozenset({"umount"})).verdict is Verdict.BLOCKED


# ---- what decides the exit status


def report(*results: Judged) -> Report:
    return Report(
        container="c",
        agent_id="main",
        session_key="agent:main:main",
        image="i",
        made=True,
        seconds=1.0,
        results=results,
    )


@pytest.mark.parametrize(
    ("name", "fail_on", "failed"),
    [
        ("fs.tmp-exec", Severity.LOW, True),
        ("fs.tmp-exec", Severity.MEDIUM, True),
        ("fs.tmp-exec", Severity.HIGH, False),
        ("net.routes", Severity.CRITICAL, True),  # it gates, although its severity is high
        ("sc.mount", Severity.CRITICAL, True),
    ],
)
def test_fail_on(name: str, fail_on: Severity, failed: bool) -> None:
    found = report(judged(name, sandbox=OPEN))
    assert bool(found.failures(fail_on)) is failed


def test_an_error_fails_like_an_open_probe() -> None:
    assert report(judged("ps.caps", sandbox=ERROR)).failures(Severity.LOW)


def test_everything_blocked_fails_nothing() -> None:
    expectations = {probe.id: Expectation(expected=Expected.BLOCKED) for probe in PROBES}
    results = judge(PROBES, expectations, host={}, sandbox={probe.id: BLOCKED for probe in PROBES})
    assert report(*results).failures(Severity.LOW) == ()


def test_nobody_answering_fails_everything_that_is_promised() -> None:
    expectations = {probe.id: Expectation(expected=Expected.BLOCKED) for probe in PROBES}
    results = judge(PROBES, expectations, host={}, sandbox={})
    assert len(report(*results).failures(Severity.INFO)) == len(PROBES)
    assert replace(results[0], kept=True) not in report(*results).failures(Severity.LOW)
