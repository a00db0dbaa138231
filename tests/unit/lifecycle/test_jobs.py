"""What a detached command cannot have, and who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.errors import EgressError, EngineLostError, UsageError
from openclaw_sandbox.lifecycle import jobs
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.dryrun import visible_env
from openclaw_sandbox.lifecycle.jobs import find_job, refuse_what_cannot_last, start_job
from openclaw_sandbox.lifecycle.run import RunRequest
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule
from openclaw_sandbox.policy.model import Resolved
from openclaw_sandbox.spec import labels
from tests.unit.lifecycle.fake_command import FakeStream
from tests.unit.lifecycle.sandboxes import House

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("request_", "flag"),
    [
        (RunRequest(argv=("true",), timeout_s=5), "--timeout"),
        (RunRequest(argv=("true",), output_limit=5), "--max-output"),
        (RunRequest(argv=("true",), tty=True), "--tty"),
    ],
)
def test_flags_that_need_somebody_there(request_: RunRequest, flag: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{flag} does not go with --detach"):
        refuse_what_cannot_last(House(tmp_path).policy(), request_)


def test_a_limit_from_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    policy = House(tmp_path).policy()
    origin = Origin(kind=OriginKind.FILE, key="sandbox.timeout", file="config.yml")
    said = {**policy.values, "timeout": Resolved(key="timeout", value=600.0, origin=origin)}
    from_file = replace(policy, values=said)
    with pytest.raises(UsageError, match=r"^timeout \(config.yml.* does not go with --detach"):
        refuse_what_cannot_last(from_file, RunRequest(argv=("true",), timeout_s=600))


def test_nothing_in_the_way(tmp_path: Path) -> None:
    refuse_what_cannot_last(House(tmp_path).policy(), RunRequest(argv=("true",)))


@pytest.mark.parametrize("variable", [("APP_TOKEN", "x"), ("DB", "postgres://app:s3cret@db.example.com/x")])
def test_a_secret_would_stand_in_inspect(variable: tuple[str, str], tmp_path: Path) -> None:
    name, value = variable
    with pytest.raises(UsageError, match=f"^--detach cannot pass {name}: ") as caught:
        refuse_what_cannot_last(House(tmp_path).policy(), RunRequest(argv=("true",), env={name: value}))
    assert "s3cret" not in str(caught.value)


def test_a_dry_run_shows_no_secret(tmp_path: Path) -> None:
    env = {"APP_TOKEN": "x", "DB": "postgres://app:s3cret@db.example.com/x", "PLAIN": "y"}
    shown = visible_env(House(tmp_path).blueprint(), RunRequest(argv=("true",), env=env))
    assert {name: shown[name] for name in env} == {"APP_TOKEN": "***", "DB": "***", "PLAIN": "y"}


@pytest.mark.parametrize("name", ["", " "])
def test_a_blank_name_is_nobodys(name: str, tmp_path: Path) -> None:
    """It is the end of every name, and there is only one."""
    house = House(tmp_path)
    spec = house.blueprint().spec
    said = {**spec.labels, labels.ROLE: labels.JOB}
    only = house.engine.add(f"{spec.name}-job-0123abcd", labels=said)
    assert find_job("abcd", str(house.state_dir), house.engine).id == only.id
    with pytest.raises(UsageError, match="must not be blank"):
        find_job(name, str(house.state_dir), house.engine)


# ---- with allowed hosts


@dataclass
class Gates:
    """What `start_job` was seen to do, in order."""

    house: House
    stream: FakeStream = field(default_factory=lambda: FakeStream([]))
    done: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def attach(self, _container_id: str, *, stdin: bool, tty: bool) -> FakeStream:
        assert (stdin, tty) == (True, False)
        self.done.append("attach")
        return self.stream

    def open_way_out(self, *_: object, **__: object) -> None:
        self.done.append(f"way out, word {bytes(self.stream.stdin)!r}, starts {self.starts}")
        if self.fault is not None:
            raise self.fault

    @property
    def starts(self) -> int:
        return self.house.engine.calls.count("start")

    def start(self, **request: Any) -> str:
        open_policy = replace(
            self.house.policy(), egress=EgressPolicy(allow=(parse_rule("example.com", origin="x"),))
        )
        blueprint = draw_blueprint(open_policy, self.house.engine, now_ms=1)
        asked = RunRequest(argv=("make", "it"), **request)
        return start_job(blueprint, asked, self.house.engine, listener=self)

    def debug(self, text: str) -> None:
        self.done.append(text)

    note = warn = debug


@pytest.fixture
def gates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gates:
    made = Gates(House(tmp_path))
    monkeypatch.setattr(made.house.engine, "attach", made.attach, raising=False)
    monkeypatch.setattr(jobs, "open_way_out", made.open_way_out)
    monkeypatch.setattr(jobs, "close_way_out", lambda *_: None)
    return made


def test_it_starts_when_its_way_out_is_proven(gates: Gates) -> None:
    name = gates.start()
    assert gates.done == ["attach", "way out, word b'', starts 1"]
    assert (bytes(gates.stream.stdin), gates.stream.closed.is_set()) == (b"start\n", True)
    job = gates.house.engine.named(name)
    assert (job.labels[labels.ROLE], job.labels[labels.GATED]) == ("job", "1")
    assert gates.house.intents() == []


def test_without_a_way_out_it_never_starts(gates: Gates) -> None:
    gates.fault = EgressError("no gateway")
    with pytest.raises(EgressError, match="no gateway"):
        gates.start()
    assert (bytes(gates.stream.stdin), gates.stream.closed.is_set()) == (b"", True)
    assert (gates.house.engine.names, gates.house.intents()) == ([], [])


def test_an_engine_that_does_not_pass_the_word_on(gates: Gates) -> None:
    gates.stream.reads_stdin = False
    with pytest.raises(EngineLostError, match="before it started"):
        gates.start()
    assert (gates.house.engine.names, gates.house.intents()) == ([], [])


def test_a_name_that_a_shell_drops(gates: Gates) -> None:
    with pytest.raises(UsageError, match=r"cannot pass the variable a\.b"):
        gates.start(env={"a.b": "1"})
    assert (gates.house.engine.names, gates.house.intents()) == ([], [])
