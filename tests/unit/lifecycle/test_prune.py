"""What may go, what must stay, and what is only registered again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import EngineError, EngineLostError
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.locks import entering
from openclaw_sandbox.lifecycle.prune import Doing, Step, Thing, carry_out, plan_containers
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash
from tests.unit.lifecycle.sandboxes import House, config, entry_for

if TYPE_CHECKING:
    from pathlib import Path

NAME = "openclaw-sbx-agent-main-f331f052"
HOUR, DAY = 3_600_000, 86_400_000
NOW = 100 * DAY


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def used(house: House, *, idle_ms: int = 0, age_ms: int = 0) -> None:
    """A sandbox that was made and used so long before NOW."""
    house.ensure(now_ms=NOW - age_ms)
    (entry,) = house.entries
    house.registry.remember(Kind.CONTAINER, [replace(entry, last_used_at_ms=NOW - idle_ms)])


def planned(house: House) -> list[tuple[Doing, Thing, str]]:
    return [(s.doing, s.thing, s.name) for s in plan_containers(house.fleet(), now_ms=NOW)]


def prune(house: House) -> list[Step]:
    fleet = house.fleet()
    fleet.settle()
    return carry_out(plan_containers(fleet, now_ms=NOW), fleet)


REMOVED = [(Doing.REMOVE, Thing.CONTAINER, NAME)]


# ---- idle and age


@pytest.mark.parametrize(
    ("idle_ms", "age_ms", "rules", "goes"),
    [
        (0, 0, {}, False),
        (24 * HOUR, 0, {}, False),
        (24 * HOUR + 1, 0, {}, True),
        (0, 7 * DAY, {}, False),
        (0, 7 * DAY + 1, {}, True),
        (90 * DAY, 90 * DAY, {"idleHours": 0, "maxAgeDays": 0}, False),
        (90 * DAY, 0, {"idleHours": 0}, False),
        (2 * HOUR, 0, {"idleHours": 1}, True),
        (0, 2 * DAY, {"maxAgeDays": 1}, True),
        (-5 * DAY, -5 * DAY, {"idleHours": 1, "maxAgeDays": 1}, False),
    ],
)
def test_rules(house: House, idle_ms: int, age_ms: int, rules: dict[str, int], *, goes: bool) -> None:
    used(house, idle_ms=idle_ms, age_ms=age_ms)
    house.data = config(prune=rules)
    assert planned(house) == (REMOVED if goes else [])


def test_each_agent_has_its_own_rules(tmp_path: Path) -> None:
    strict = {"id": "strict", "sandbox": {"prune": {"idleHours": 1}}}
    house = House(tmp_path, config({"id": "main"}, strict))
    for agent in ("main", "strict"):
        house.ensure(agent=agent)
    idle = [replace(entry, last_used_at_ms=NOW - 2 * HOUR, created_at_ms=NOW) for entry in house.entries]
    house.registry.remember(Kind.CONTAINER, idle)
    for key, container in house.engine.containers.items():
        said = {**container.labels, labels.CREATED_AT_MS: str(NOW)}
        house.engine.containers[key] = replace(container, labels=said)
    assert [name for _, _, name in planned(house)] == [house.policy(agent="strict").container_name]


def test_the_age_is_the_containers_not_the_names(house: House) -> None:
    """OpenClaw's entry keeps the moment of the first container of a name."""
    used(house, age_ms=HOUR)
    (entry,) = house.entries
    house.registry.remember(Kind.CONTAINER, [replace(entry, created_at_ms=1)])
    assert planned(house) == []


def test_rules_for_an_agent_that_is_gone(house: House) -> None:
    theirs = house.add_theirs(
        "x", key="agent:gone", created_at_ms=NOW, labels={labels.CREATED_AT_MS: str(NOW)}
    )
    house.registry.remember(Kind.CONTAINER, [entry_for(theirs, last_used_at_ms=NOW - 2 * HOUR)])
    assert planned(house) == []
    house.data = config(prune={"idleHours": 1})
    assert [name for _, _, name in planned(house)] == ["x"]


def test_removed_and_forgotten(house: House) -> None:
    used(house, idle_ms=25 * HOUR)
    (step,) = prune(house)
    assert (step.doing, step.error, step.reason) == (Doing.REMOVE, None, "unused for 25 h; the limit is 24 h")
    assert (house.engine.names, house.entries) == ([], [])


def test_an_entry_stays_with_its_container(house: House) -> None:
    used(house, idle_ms=25 * HOUR)
    house.engine.faults["remove"] = EngineError("no")
    (step,) = prune(house)
    assert step.error is not None
    assert (house.engine.names, len(house.entries)) == ([NAME], 1)


# ---- never


def running_in(house: House, exec_id: str = "e9") -> None:
    house.engine.execs[exec_id] = True
    container = house.engine.named(NAME)
    house.engine.containers[container.id] = replace(container, exec_ids=(exec_id,))


def test_never_a_busy_one(house: House) -> None:
    used(house, idle_ms=90 * DAY, age_ms=90 * DAY)
    running_in(house)
    (step,) = prune(house)
    assert step.doing is Doing.KEEP
    assert "a command runs in it" in step.reason
    assert house.engine.names == [NAME]


def test_never_one_that_became_busy_meanwhile(house: House) -> None:
    used(house, idle_ms=25 * HOUR)
    fleet = house.fleet()
    steps = plan_containers(fleet, now_ms=NOW)
    running_in(house)
    assert [step.doing for step in carry_out(steps, fleet)] == [Doing.KEEP]
    assert house.engine.names == [NAME]


def test_never_one_that_was_used_meanwhile(house: House) -> None:
    used(house, idle_ms=25 * HOUR)
    fleet = house.fleet()
    steps = plan_containers(fleet, now_ms=NOW)
    house.ensure()
    (step,) = carry_out(steps, fleet)
    assert (step.doing, step.reason) == (Doing.KEEP, "it was used just now")
    assert house.engine.names == [NAME]


def test_never_what_is_not_ours(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", config(docker={"containerPrefix": "o-"}), house.engine)
    other.ensure(now_ms=1)
    house.add_theirs("openclaw-sbx-theirs", key="agent:main")
    house.engine.add("openclaw-sbx-decoy", labels={"openclaw.sandboxed": "1"})
    house.engine.add(f"{NAME}-run-01234567", labels={"openclaw.sandbox": "yes"})
    before = house.engine.names
    prune(house)
    assert house.engine.names == before
    assert len(other.entries) == 1


def test_never_what_the_newer_openclaw_keeps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from openclaw_sandbox.lifecycle import registry as module

    theirs = house.add_theirs("x")
    entry = replace(entry_for(theirs), source=module.Source.DATABASE)
    monkeypatch.setattr(
        module.Registry, "_newer", lambda _self, kind: [entry] if kind is Kind.CONTAINER else []
    )
    assert planned(house) == []


# ---- what is left over


def test_an_entry_without_a_container(house: House) -> None:
    used(house)
    house.engine.containers.clear()
    (step,) = prune(house)
    assert (step.thing, step.doing) == (Thing.ENTRY, Doing.REMOVE)
    assert house.entries == []


def test_not_on_an_engine_that_is_elsewhere(house: House) -> None:
    used(house)
    house.engine.containers.clear()
    house.engine.local = False
    assert planned(house) == []


def test_a_lost_entry_is_made_again(house: House) -> None:
    used(house, idle_ms=90 * DAY, age_ms=DAY)
    house.registry.forget(Kind.CONTAINER, house.entries)
    (step,) = prune(house)
    assert step.doing is Doing.REGISTER
    (entry,) = house.entries
    assert (entry.container_name, entry.created_at_ms) == (NAME, NOW - DAY)
    assert entry.config_hash == house.policy().config_hash
    assert house.engine.names == [NAME]


def test_a_lost_entry_of_a_browser_gets_its_ports(house: House) -> None:
    ports = {"9222/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}], "6080/tcp": None}
    made = house.add_theirs(
        "browser", labels={labels.BROWSER: "1", labels.STATE: state_hash(str(house.state_dir))}
    )
    raw = {"NetworkSettings": {"Ports": ports}}
    house.engine.containers[made.id] = replace(made, raw=raw)
    prune(house)
    (entry,) = house.registry.entries(Kind.BROWSER)
    assert entry.document()["cdpPort"] == 49153
    assert "noVncPort" not in entry.document()


@pytest.mark.parametrize("change", [{"docker": {"memory": "99m"}}, {"scope": "session"}])
def test_an_orphan_that_nothing_wants_goes(house: House, change: dict[str, Any]) -> None:
    used(house)
    house.registry.forget(Kind.CONTAINER, house.entries)
    house.data = config(**change)
    assert planned(house) == REMOVED


def test_an_orphan_that_cannot_be_compared_stays(house: House) -> None:
    used(house)
    house.registry.forget(Kind.CONTAINER, house.entries)
    house.data = config(docker={"network": "host"})
    assert [doing for doing, _, _ in planned(house)] == [Doing.REGISTER]


def own(house: House, what: str, *, age_ms: int = 0, owner: str = "", **values: Any) -> str:
    blueprint = house.blueprint(now_ms=NOW - age_ms)
    said = {**blueprint.spec.labels, **blueprint.spec.volatile_labels, **blueprint.labels}
    said[labels.OWNER] = owner or "0" * 16
    return house.engine.add(f"{NAME}-{what}-01234567", labels=said, **values).name


@pytest.mark.parametrize("what", ["run", "setup"])
def test_half_made(house: House, what: str) -> None:
    intent = intents.declare(house.state_dir, f"{NAME}-{what}-01234567")
    name = own(house, what, owner=intent.owner)
    assert planned(house) == [], "its maker lives"
    intent.release()
    assert planned(house) == [(Doing.REMOVE, Thing.CONTAINER, name)]
    prune(house)
    assert (house.engine.names, house.intents()) == ([], [])


def test_what_an_engine_refuses_to_remove_is_in_nobodys_way(house: House) -> None:
    intent = intents.declare(house.state_dir, f"{NAME}-run-01234567")
    name = own(house, "run", owner=intent.owner)
    intent.release()
    house.engine.faults["remove"] = EngineError("device or resource busy")
    assert house.ensure().action == "made"
    assert house.engine.names == [NAME, name]
    assert house.intents() == [f"{name}.{intent.owner}"], "the next one tries again"
    del house.engine.faults["remove"]
    assert house.fleet().settle() == [name]
    assert (house.engine.names, house.intents()) == ([NAME], [])


def test_what_a_killed_maker_left_running_inside_keeps_nothing(house: House) -> None:
    intent = intents.declare(house.state_dir, f"{NAME}-run-01234567")
    own(house, "run", owner=intent.owner, exec_ids=("e9",))
    house.engine.execs["e9"] = True
    intent.release()
    prune(house)
    assert house.engine.names == []


def test_a_command_whose_state_folder_was_wiped_may_still_run(house: House) -> None:
    name = own(house, "run")
    assert planned(house) == [(Doing.KEEP, Thing.CONTAINER, name)]
    house.engine.containers.clear()
    own(house, "run", age_ms=25 * HOUR)
    assert planned(house) == [(Doing.REMOVE, Thing.CONTAINER, name)]
    house.engine.containers.clear()
    own(house, "run", state=ContainerState.EXITED)
    assert planned(house) == [(Doing.REMOVE, Thing.CONTAINER, name)]


def test_a_retired_one_goes_when_its_command_has_ended(house: House) -> None:
    name = own(house, "old", exec_ids=("e9",))
    house.engine.execs["e9"] = True
    assert planned(house) == [(Doing.KEEP, Thing.CONTAINER, name)]
    house.engine.execs["e9"] = False
    assert planned(house) == [(Doing.REMOVE, Thing.CONTAINER, name)]


@pytest.mark.parametrize(
    ("state", "finished_at", "goes"),
    [
        (ContainerState.RUNNING, "", False),
        (ContainerState.EXITED, "1970-04-10T23:00:00.123456789Z", False),
        (ContainerState.EXITED, "1970-04-09T23:00:00Z", True),
        (ContainerState.EXITED, "0001-01-01T00:00:00Z", False),
        (ContainerState.EXITED, "nonsense", False),
    ],
)
def test_a_detached_command_is_kept_for_its_log(
    house: House, state: ContainerState, finished_at: str, *, goes: bool
) -> None:
    name = own(house, "job", state=state, finished_at=finished_at)
    assert planned(house) == ([(Doing.REMOVE, Thing.CONTAINER, name)] if goes else [])


@pytest.mark.parametrize("agent", ["run", "job", "setup", "old"])
def test_the_sandbox_of_an_agent_of_such_a_name_is_no_commands(tmp_path: Path, agent: str) -> None:
    """It is called openclaw-sbx-agent-job-7f2c..., as a container for one command could be."""
    house = House(tmp_path, config({"id": agent}))
    name = house.ensure(now_ms=NOW).name
    house.registry.forget(Kind.CONTAINER, house.entries)
    assert planned(house) == [(Doing.REGISTER, Thing.CONTAINER, name)]
    house.registry.path(Kind.CONTAINER).write_text("damaged")
    assert [entry.container_name for entry in house.fleet().registry.entries(Kind.CONTAINER)] == [name]


@pytest.mark.parametrize("agent", ["run", "job", "setup", "old"])
def test_a_killed_maker_of_such_a_sandbox_is_cleared_up_after(tmp_path: Path, agent: str) -> None:
    house = House(tmp_path, config({"id": agent}))
    blueprint = house.blueprint(now_ms=NOW)
    name = blueprint.spec.name
    intent = intents.declare(house.state_dir, name)
    said = {**blueprint.spec.labels, **blueprint.spec.volatile_labels, **blueprint.labels}
    house.engine.add(name, labels={**said, labels.OWNER: intent.owner})
    intent.release()
    assert prune(house) == []
    assert [entry.container_name for entry in house.entries] == house.engine.names == [name]
    assert house.intents() == []


@pytest.mark.parametrize(("gated", "left"), [(False, True), (True, False)])
def test_a_detached_command_that_waits_for_a_killed_makers_word_goes(
    house: House, *, gated: bool, left: bool
) -> None:
    intent = intents.declare(house.state_dir, f"{NAME}-job-01234567")
    name = own(house, "job", owner=intent.owner)
    said = {**house.engine.named(name).labels, **({labels.GATED: "1"} if gated else {})}
    container = house.engine.named(name)
    house.engine.containers[container.id] = replace(container, labels=said)
    intent.release()
    prune(house)
    assert (house.engine.names, house.intents()) == ([name] if left else [], [])


def test_one_that_a_command_enters_at_this_moment_stays(house: House) -> None:
    """The engine does not know of that command yet."""
    used(house, idle_ms=25 * HOUR)
    with entering(house.state_dir, NAME):
        (step,) = prune(house)
    assert (step.doing, step.reason) == (Doing.KEEP, "somebody makes or enters it at this moment")
    assert house.engine.names == [NAME]
    prune(house)
    assert house.engine.names == []


def test_an_engine_that_goes_away_ends_it(house: House) -> None:
    used(house, idle_ms=25 * HOUR)
    house.engine.faults["list"] = EngineLostError("gone")
    with pytest.raises(EngineLostError):
        plan_containers(house.fleet(), now_ms=NOW)
    assert len(house.entries) == 1


# ---- networks, volumes, images
