"""Exactly one container, as the policy promises it, and nothing left whatever goes wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import (
    EngineError,
    EngineLostError,
    ImageMissingError,
    SandboxBusyError,
    SandboxConflictError,
    SandboxGoneError,
    SpecRefusedError,
    StateFileError,
)
from openclaw_sandbox.lifecycle import ensure as module
from openclaw_sandbox.lifecycle.make import discard, make
from openclaw_sandbox.lifecycle.plan import OnBusy
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.setup_command import SetupFailedError
from openclaw_sandbox.spec import labels
from tests.unit.lifecycle.fake_command import OUT
from tests.unit.lifecycle.fake_engine import FakeEngine, SetupStream
from tests.unit.lifecycle.sandboxes import IMAGE, House, config, entry_for

if TYPE_CHECKING:
    from pathlib import Path

NAME = "openclaw-sbx-agent-main-f331f052"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def changed(house: House, **docker: Any) -> House:
    """The same house with another config."""
    return House(house.folder, config(docker=docker), house.engine)


def alone(house: House) -> None:
    """One container, running, registered, and nobody has to look after anything."""
    assert house.engine.names == [NAME]
    assert house.engine.named(NAME).running
    assert [entry.container_name for entry in house.entries] == [NAME]
    assert house.intents() == []


# ---- making one


def test_first_use(house: House) -> None:
    ready = house.ensure(now_ms=12345)
    assert (ready.action, ready.made, ready.warnings) == ("made", True, ())
    alone(house)
    (entry,) = house.entries
    assert (entry.session_key, entry.created_at_ms, entry.image) == ("agent:main", 12345, IMAGE)
    assert entry.config_hash == house.engine.named(NAME).labels[labels.CONFIG_HASH]


def test_a_warm_one_costs_one_call(house: House) -> None:
    first = house.ensure()
    blueprint = house.blueprint()
    house.engine.calls.clear()
    again = module.ensure(blueprint, house.engine)
    assert (again.container_id, again.action, again.made) == (first.container_id, "kept", False)
    assert house.engine.calls == ["inspect"]


def test_a_stopped_one_is_started(house: House) -> None:
    made = house.ensure()
    house.engine.containers[made.container_id] = replace(
        house.engine.named(NAME), state=ContainerState.EXITED
    )
    assert house.ensure().action == "started"
    alone(house)


def test_one_that_stops_before_it_has_its_way_out_is_started_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.ensure()
    tries: list[str] = []

    def stops_twice(_policy: object, engine: FakeEngine, container_id: str, **_: object) -> None:
        tries.append(container_id)
        if len(tries) < 3:
            engine.containers[container_id] = replace(
                engine.containers[container_id], state=ContainerState.EXITED
            )
            raise SandboxGoneError("It stopped.")

    monkeypatch.setattr(module, "open_way_out", stops_twice)
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    assert house.ensure().action == "started"
    assert len(tries) == 3
    alone(house)


def test_one_that_always_stops_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ensure()

    def stops(*_: object, **__: object) -> None:
        raise SandboxGoneError("It stopped.")

    monkeypatch.setattr(module, "open_way_out", stops)
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    with pytest.raises(SandboxGoneError):
        house.ensure()


def test_a_lost_entry_comes_back(house: House) -> None:
    house.ensure()
    house.registry.forget(Kind.CONTAINER, house.entries)
    house.ensure()
    alone(house)


def test_a_use_is_noted(house: House) -> None:
    house.ensure()
    (entry,) = house.entries
    house.registry.remember(Kind.CONTAINER, [replace(entry, last_used_at_ms=5)])
    house.ensure()
    assert house.entries[0].last_used_at_ms > time.time() * 1000 - 60_000
    assert house.entries[0].created_at_ms == entry.created_at_ms


# ---- replacing one


def test_what_protects_the_host_replaces_an_idle_container_at_once(house: House) -> None:
    old = house.ensure().container_id
    ready = changed(house, memory="256m").ensure()
    assert ready.action == "replaced"
    assert "limits" in ready.reason
    assert ready.container_id != old
    alone(house)


def test_what_can_wait_is_told(house: House) -> None:
    old = house.ensure().container_id
    ready = changed(house, env={"GREETING": "hi"}).ensure()
    assert (ready.action, ready.container_id) == ("kept", old)
    assert "environment" in ready.warnings[0]
    assert "openclaw-sandbox recreate --session agent:main" in ready.warnings[0]


def test_and_waits_no_longer_than_the_hot_window(house: House) -> None:
    house.ensure()
    (entry,) = house.entries
    house.registry.remember(Kind.CONTAINER, [replace(entry, last_used_at_ms=entry.last_used_at_ms - 300_000)])
    assert changed(house, env={"GREETING": "hi"}).ensure().action == "replaced"
    alone(house)


def busy(house: House) -> str:
    """A command runs in the container, which must be replaced."""
    made = house.ensure()
    house.engine.execs["e9"] = True
    house.engine.containers[made.container_id] = replace(house.engine.named(NAME), exec_ids=("e9",))
    house.data = config(docker={"memory": "256m"})
    return made.container_id


def test_a_busy_one_is_not_replaced(house: House) -> None:
    busy(house)
    with pytest.raises(SandboxBusyError, match="limits") as caught:
        house.ensure()
    assert "--on-busy wait, new or use" in caught.value.hint
    alone(house)


def test_use_it_as_it_is(house: House) -> None:
    old = busy(house)
    ready = house.ensure(on_busy=OnBusy.USE)
    assert (ready.container_id, ready.action) == (old, "kept")
    assert "limits" in ready.warnings[0]


def test_wait_for_its_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    old = busy(house)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            house.engine.execs["e9"] = False

    monkeypatch.setattr(module.time, "sleep", nap)
    ready = house.ensure(on_busy=OnBusy.WAIT)
    assert ready.action == "replaced"
    assert ready.container_id != old
    assert len(naps) == 3
    assert len([line for line in house.said if "waiting" in line]) == 1
    alone(house)


def test_a_new_one_beside_it(house: House) -> None:
    old = busy(house)
    ready = house.ensure(on_busy=OnBusy.NEW)
    assert ready.action == "replaced"
    assert ready.name == NAME
    (retired,) = [name for name in house.engine.names if name != NAME]
    assert retired.startswith(f"{NAME}-old-")
    assert house.engine.named(retired).id == old
    house.ensure()
    assert retired in house.engine.names, "its command still runs"
    house.engine.execs["e9"] = False
    house.ensure()
    alone(house)


def test_what_was_announced_and_never_started_keeps_nobody_busy(house: House) -> None:
    busy(house)
    house.engine.execs["e9"] = False
    assert house.ensure().action == "replaced"
    alone(house)


def test_an_exec_that_the_engine_forgot_is_over(house: House) -> None:
    busy(house)
    house.engine.execs.clear()
    assert house.ensure().action == "replaced"


def test_a_newer_version_replaces_an_idle_container(house: House) -> None:
    made = house.ensure()
    old = house.engine.named(NAME)
    house.engine.containers[made.container_id] = replace(old, labels={**old.labels, labels.VERSION: "0.0.1"})
    ready = house.ensure()
    assert ready.action == "replaced"
    assert "version 0.0.1 of this tool made it" in ready.reason


# ---- somebody else's


def test_a_foreign_container_of_the_name_is_left_alone(house: House) -> None:
    foreign = house.engine.add(NAME, labels={"openclaw.sandboxed": "1", "openclaw-sandbox.x": "1"})
    with pytest.raises(SandboxConflictError, match="no OpenClaw sandbox"):
        house.ensure()
    assert list(house.engine.containers.values()) == [foreign]
    assert house.entries == []


def test_another_state_folders_is_left_alone(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", engine=house.engine)
    other.ensure()
    with pytest.raises(SandboxConflictError, match="another state folder"):
        house.ensure()
    assert house.engine.names == [NAME]


def test_one_of_openclaw_that_is_registered_is_replaced(house: House) -> None:
    theirs = house.add_theirs(NAME)
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs)])
    ready = house.ensure()
    assert ready.action == "replaced"
    assert "it was made by OpenClaw" in ready.reason
    alone(house)


# ---- whatever goes wrong


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("create", SpecRefusedError("no")),
        ("create", ImageMissingError("no")),
        ("create", EngineError("no")),
        ("create", EngineLostError("no")),
        ("create", KeyboardInterrupt()),
        ("created", EngineLostError("no")),
        ("created", KeyboardInterrupt()),
        ("start", SpecRefusedError("no")),
        ("start", EngineLostError("no")),
        ("start", KeyboardInterrupt()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_failure_leaves_nothing(house: House, call: str, error: BaseException) -> None:
    house.engine.faults[call] = error
    with pytest.raises(type(error)):
        house.ensure()
    assert house.engine.names == []
    assert house.entries == []
    house.engine.faults.clear()
    house.ensure()
    alone(house)


@pytest.mark.parametrize("call", ["created", "start"])
def test_what_could_not_be_removed_goes_the_next_time(house: House, call: str) -> None:
    house.engine.faults = {call: EngineLostError("gone"), "remove": EngineLostError("gone")}
    with pytest.raises(EngineLostError):
        house.ensure()
    assert house.engine.names == [NAME]
    assert len(house.intents()) == 1
    house.engine.faults.clear()
    first = next(iter(house.engine.containers))
    assert house.ensure("agent:main:main").container_id != first
    alone(house)


def test_somebody_makes_one_of_the_name_at_this_moment(house: House) -> None:
    house.engine.on["create"] = lambda: house.add_theirs(NAME) and None
    with pytest.raises(SandboxConflictError, match="at this moment"):
        house.ensure()
    assert house.intents() == []
    assert house.engine.names == [NAME]


def test_nothing_is_made_that_cannot_be_written_down(house: House) -> None:
    (house.state_dir / "sandbox").mkdir()
    (house.state_dir / "sandbox" / "intents").write_text("in the way")
    with pytest.raises(StateFileError):
        house.ensure()
    assert house.engine.names == []


def test_a_registry_that_is_too_new_stops_before_anything_is_made(house: House) -> None:
    path = house.state_dir / "sandbox" / "containers.json"
    path.parent.mkdir()
    path.write_text('{"version": 2, "entries": []}')
    with pytest.raises(StateFileError, match="newer format"):
        house.ensure()
    assert house.engine.names == []


def test_a_running_sandbox_is_used_though_that_cannot_be_noted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.ensure()
    (entry,) = house.entries
    house.registry.remember(Kind.CONTAINER, [replace(entry, last_used_at_ms=5)])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openclaw_sandbox.lifecycle.registry_file.write", full)
    ready = house.ensure()
    assert ready.container_id == made.container_id
    assert "No space left on device" in ready.warnings[0]


def test_a_damaged_registry_is_rebuilt_on_the_way(house: House) -> None:
    house.ensure("agent:main:main")
    path = house.state_dir / "sandbox" / "containers.json"
    path.write_text("{ half")
    ready = house.ensure()
    assert "was damaged" in ready.warnings[0]
    alone(house)
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1


# ---- the setup command


@pytest.fixture
def with_setup(tmp_path: Path) -> House:
    house = House(tmp_path, config(docker={"setupCommand": "make things"}))
    house.engine.stream = SetupStream([(OUT, b"one\ntw"), (OUT, b"o\r\nthree")])
    return house


def test_it_gets_its_name_when_its_setup_succeeded(with_setup: House) -> None:
    seen: list[list[str]] = []
    with_setup.engine.on["exec_start"] = lambda: seen.append(with_setup.engine.names)
    with_setup.ensure()
    assert len(seen[0]) == 1
    assert seen[0][0].startswith(f"{NAME}-setup-")
    assert with_setup.shown == ["one", "two", "three"]
    alone(with_setup)


def test_a_failed_setup_leaves_nothing_that_looks_ready(with_setup: House) -> None:
    with_setup.engine.exec_exit = 3
    with pytest.raises(SetupFailedError, match="failed with status 3") as caught:
        with_setup.ensure()
    assert caught.value.details == ("one", "two", "three")
    assert (with_setup.engine.names, with_setup.entries, with_setup.intents()) == ([], [], [])


def test_what_a_setup_prints_of_its_secrets_is_not_repeated(tmp_path: Path) -> None:
    secrets = {"NPM_TOKEN": "npm-s3cret", "DEPLOY_PRIVATE_KEY": "-- begin --\nabcdef0\n", "APP_TOKEN": "x"}
    house = House(tmp_path, config(docker={"setupCommand": "make things", "env": secrets}))
    house.engine.stream = SetupStream([(OUT, b"auth npm-s3cret, box\n"), (OUT, b"key: abcdef0")])
    house.engine.exec_exit = 1
    with pytest.raises(SetupFailedError) as caught:
        house.ensure()
    assert caught.value.details == ("auth ***, box", "key: ***")
    assert house.shown == ["auth ***, box", "key: ***"]


def test_a_setup_that_never_ends(with_setup: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_sandbox.lifecycle.setup_command.SETUP_TIMEOUT_S", -1.0)
    with pytest.raises(SetupFailedError, match="did not end within"):
        with_setup.ensure()
    assert (with_setup.engine.names, with_setup.intents()) == ([], [])


# ---- killed


class Killed(BaseException):
    """SIGKILL: nothing that we wrote runs any more, and every lock falls."""


def kill_at(house: House, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a first use as SIGKILL would, before or in the middle of a call."""
    from openclaw_sandbox.lifecycle import make as making

    house.engine.faults[call] = Killed()
    with monkeypatch.context() as patch:
        patch.setattr(making, "_give_up", lambda intent, *_: intent.release())
        with pytest.raises(Killed):
            house.ensure()
    for intent in making._IN_HAND.values():
        intent.release()
    making._IN_HAND.clear()
    house.engine.faults.clear()


@pytest.mark.parametrize("call", ["create", "created", "start"])
def test_killed_on_the_way(house: House, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at(house, call, monkeypatch)
    assert len(house.intents()) == 1
    house.ensure()
    alone(house)


@pytest.mark.parametrize("call", ["created", "start", "exec_start", "rename"])
def test_killed_during_its_setup(with_setup: House, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at(with_setup, call, monkeypatch)
    assert len(with_setup.engine.names) == 1
    with_setup.engine.stream = SetupStream([])
    with_setup.ensure()
    alone(with_setup)


def test_killed_between_the_last_step_and_the_registry(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("openclaw_sandbox.lifecycle.registry.Registry.remember", killed)
        with pytest.raises(Killed):
            house.ensure()
    from openclaw_sandbox.lifecycle import make as making

    (intent,) = making._IN_HAND.values()
    intent.release()
    making._IN_HAND.clear()
    made = house.engine.named(NAME).id
    assert house.ensure().container_id == made
    alone(house)


def test_another_session_clears_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, config(scope="session"))
    kill_at(house, "start", monkeypatch)
    house.ensure("agent:main:other")
    assert house.engine.names == [house.policy("agent:main:other").container_name]
    assert house.intents() == []


def test_a_container_for_one_command(house: House) -> None:
    blueprint = house.blueprint()
    own = replace(blueprint, spec=replace(blueprint.spec, name=f"{NAME}-run-01234567"))
    ready = make(own, house.engine)
    house.ensure()
    assert f"{NAME}-run-01234567" in house.engine.names, "its maker lives"
    discard(ready.container_id, house.engine)
    alone(house)


def test_engines_that_are_elsewhere_are_refused(house: House) -> None:
    house.engine.local = False
    with pytest.raises(EngineError, match="is remote"):
        house.ensure()
    assert FakeEngine().containers == house.engine.containers
