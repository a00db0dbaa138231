"""Who is asked, in which order, and what counts of the answers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import ExecOutput
from openclaw_sandbox.errors import EngineHangingError
from openclaw_sandbox.verify import asking
from openclaw_sandbox.verify.asking import Question, ask, believed
from openclaw_sandbox.verify.catalogue import BY_ID
from openclaw_sandbox.verify.interpreter import OF_IMAGE, Interpreter
from openclaw_sandbox.verify.model import Answer, Verdict
from openclaw_sandbox.verify.program import Told
from openclaw_sandbox.verify.traps import Traps
from openclaw_sandbox.verify.witness import Limits, Witness
from tests.specs import FULL, MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.engine.base import ExecSpec
    from openclaw_sandbox.spec.model import ContainerSpec

OURS = Interpreter(name="ours", command=("/kit/python3",), env={"LD_PRELOAD": ""}, ours=True)
WITNESS = Witness(pid=1, host_namespaces={}, cgroup=Limits())
TRAPS = Traps(
    port=0,
    loopback_port=0,
    abstract="",
    host_ips=(),
    canaries=(),
    parent_canary="",
    env_canary="",
    accepted=Counter(),
)


class FakeEngine:
    """Programs by name: what they print for the facts they are given, or what they raise."""

    def __init__(self, **programs: Callable[[dict[str, Any]], ExecOutput]) -> None:
        self._programs = programs
        self.asked: list[tuple[str, int, float]] = []

    def exec_capture(self, _container: str, spec: ExecSpec, *, timeout_s: float) -> ExecOutput:
        facts = json.loads(spec.argv[-1])
        name = spec.argv[0].rpartition("/")[2]
        name = "ours" if spec.argv[0].startswith("/kit") else name
        self.asked.append((name, len(facts["probes"]), timeout_s))
        return self._programs[name](facts)


def honest(facts: dict[str, Any]) -> ExecOutput:
    lines = [{"proof": hashlib.sha256(facts["nonce"].encode()).hexdigest(), "uid": 1000}]
    lines += [{"id": name, "state": "blocked", "evidence": "", "items": []} for name in facts["probes"]]
    return ExecOutput(exit_code=0, stdout="\n".join(map(json.dumps, lines)).encode(), stderr=b"")


def liar(_facts: dict[str, Any]) -> ExecOutput:
    return ExecOutput(exit_code=0, stdout=b'{"proof": "0"}\n', stderr=b"")


def absent(_facts: dict[str, Any]) -> ExecOutput:
    return ExecOutput(exit_code=127, stdout=b"", stderr=b"")


def hanging(_facts: dict[str, Any]) -> ExecOutput:
    raise EngineHangingError("It did not end.")


def question(*ways: Any, spec: ContainerSpec = FULL, made: bool = True, names: str = "ps.caps") -> Question:
    return Question(
        probes=[BY_ID[name] for name in names.split()],
        spec=spec,
        container_id="1",
        made=made,
        ways=[
            partial(nullcontext, way) if isinstance(way, Interpreter) or way is None else way for way in ways
        ],
    )


def told(engine: FakeEngine, *ways: Any) -> Told:
    return ask(question(*ways), engine, WITNESS, TRAPS)  # type: ignore[arg-type]  exec_capture is all it takes


def test_ours_is_believed_at_once() -> None:
    engine = FakeEngine(ours=honest)
    answer = told(engine, OURS, OF_IMAGE)
    assert (answer.problem, answer.interpreter) == ("", "ours")
    assert [(name, count) for name, count, _ in engine.asked] == [("ours", 1)]


def test_the_images_must_first_show_that_it_is_python() -> None:
    engine = FakeEngine(python3=honest)
    assert told(engine, OF_IMAGE).interpreter == "the image's python3"
    trial, whole = engine.asked
    assert (trial[1], whole[1]) == (0, 1)
    assert trial[2] < whole[2]


@pytest.mark.parametrize("image", [liar, absent, hanging])
def test_the_next_one_is_asked_where_one_is_none(image: Callable[[dict[str, Any]], ExecOutput]) -> None:
    engine = FakeEngine(ours=honest, python3=image)
    assert told(engine, OF_IMAGE, None, OURS).interpreter == "ours"
    assert [(name, count) for name, count, _ in engine.asked] == [("python3", 0), ("ours", 1)]


def test_where_none_is_left_everything_is_an_error_and_says_why() -> None:
    answer = told(FakeEngine(ours=absent, python3=liar), OURS, OF_IMAGE)
    assert answer.problem == (
        "ours does not start; the image's python3 is not Python: its answers do not count"
    )
    answers = believed(answer, answer.problem, question(), filtered=False)
    assert answers["ps.caps"].verdict is Verdict.ERROR
    assert told(FakeEngine(), None).problem


def test_what_was_brought_goes_again_whatever_happens() -> None:
    there: list[str] = []

    @contextmanager
    def bring() -> Iterator[Interpreter]:
        there.append("kit")
        try:
            yield OURS
        finally:
            there.clear()

    def look(facts: dict[str, Any]) -> ExecOutput:
        assert there
        return honest(facts)

    assert told(FakeEngine(ours=look), bring).problem == ""
    assert there == []
    with pytest.raises(KeyError):
        told(FakeEngine(), bring)
    assert there == []


@pytest.mark.parametrize(
    ("name", "spec", "wanted"),
    [
        ("rs.memory-alloc", replace(FULL, memory_bytes=None), Verdict.NOT_APPLICABLE),
        ("rs.memory-alloc", FULL, None),
        ("ps.fork-limit", replace(FULL, pids_limit=None), Verdict.NOT_APPLICABLE),
        ("rs.disk-tmp", replace(FULL, tmpfs=()), Verdict.NOT_APPLICABLE),
        ("rs.disk-shm", FULL, None),
    ],
)
def test_without_a_bound_nothing_is_tried_and_that_is_no_error(
    name: str, spec: ContainerSpec, wanted: Verdict | None
) -> None:
    answers = believed(Told(answers={}), "", question(spec=spec, names=name), filtered=False)
    assert (answers[name].verdict if name in answers else None) is wanted


def test_a_container_that_others_use_keeps_what_it_has() -> None:
    answers = believed(Told(answers={}), "", question(made=False, names="rs.disk-shm"), filtered=False)
    assert answers["rs.disk-shm"].evidence == "not tried in a container that others use"


@pytest.mark.parametrize(
    ("memory", "pids", "wanted"), [(64, 512, True), (48, 512, False), (64, None, True), (24, 16, False)]
)
def test_a_few_processes_fit_into_little_memory(
    monkeypatch: pytest.MonkeyPatch, memory: int, pids: int | None, wanted: bool
) -> None:
    monkeypatch.setattr(asking, "available_memory_bytes", lambda: 8 << 30)
    spec = replace(FULL, memory_bytes=memory * MIB, pids_limit=pids)
    assert asking._affordable(BY_ID["ps.fork-limit"], spec, WITNESS) is wanted


def test_the_filter_explains_what_does_not_exist() -> None:
    answer = Answer(verdict=Verdict.NOT_APPLICABLE, evidence="", items=("ENOSYS:no_such_call",))
    told = Told(answers={"sc.fsopen": answer})
    assert believed(told, "", question(), filtered=True)["sc.fsopen"].verdict is Verdict.NOT_APPLICABLE
