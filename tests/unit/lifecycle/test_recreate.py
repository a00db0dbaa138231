"""Removing several at once; shared sandboxes that must not see a new workspace; several at once made."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.errors import (
    EngineError,
    EngineLostError,
    SandboxBusyError,
    SandboxConflictError,
    WorkspaceError,
)
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.ensure import ensure
from openclaw_sandbox.lifecycle.ensure_all import ensure_all, remake_shared
from openclaw_sandbox.lifecycle.pool import in_parallel
from openclaw_sandbox.lifecycle.recreate import Removed, remove_all, targets_of
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.shared import is_scope_folder
from openclaw_sandbox.spec import labels
from tests.unit.lifecycle.sandboxes import House, config

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.engine.base import Observed


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Ten sandboxes."""
    house = House(tmp_path, config(scope="session"))
    for number in range(10):
        house.ensure(f"agent:main:{number}")
    return house


def busy(house: House, name: str, *, busy: bool = True) -> None:
    house.engine.execs["e9"] = busy
    container = house.engine.named(name)
    house.engine.containers[container.id] = replace(container, exec_ids=("e9",))


# ---- removing


def test_all_of_them(house: House) -> None:
    fleet, told = house.fleet(), list[Removed]()
    results = remove_all(fleet.items(Kind.CONTAINER), fleet, progress=told.append)
    assert results == told
    assert len(results) == 10
    assert all(result.error is None for result in results)
    assert (house.engine.names, house.entries) == ([], [])


def test_what_failed_keeps_its_entry(house: House) -> None:
    fleet = house.fleet()
    stubborn = house.engine.names[3]
    real = house.engine.remove

    def remove(container_id: str, *, force: bool = False) -> bool:
        if house.engine.containers[container_id].name == stubborn:
            raise EngineError("device or resource busy")
        return real(container_id, force=force)

    house.engine.remove = remove  # type: ignore[method-assign]  # one call of the fake
    results = remove_all(fleet.items(Kind.CONTAINER), fleet)
    assert [r.item.name for r in results if r.error is not None] == [stubborn]
    assert house.engine.names == [stubborn]
    assert [entry.container_name for entry in house.entries] == [stubborn]


def test_an_engine_that_goes_away_keeps_the_entries(house: House) -> None:
    fleet = house.fleet()
    items = fleet.items(Kind.CONTAINER)
    house.engine.faults["remove"] = EngineLostError("gone")
    assert all(result.error is not None for result in remove_all(items, fleet))
    assert len(house.entries) == 10


def test_an_interrupt_forgets_what_was_removed(house: House) -> None:
    fleet, told = house.fleet(), list[Removed]()

    def progress(result: Removed) -> None:
        told.append(result)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_all(fleet.items(Kind.CONTAINER), fleet, progress=progress)
    gone = {result.item.name for result in told}
    assert not gone & {entry.container_name for entry in house.entries}
    assert set(house.engine.names) <= {entry.container_name for entry in house.entries}


def test_one_that_is_gone_already(house: House) -> None:
    fleet = house.fleet()
    items = fleet.items(Kind.CONTAINER)
    house.engine.containers.clear()
    assert all(result.error is None for result in remove_all(items, fleet))
    assert house.entries == []


def test_an_entry_that_was_made_anew_stays(house: House) -> None:
    fleet = house.fleet()
    items = fleet.items(Kind.CONTAINER)
    again = replace(house.entries[0], created_at_ms=99)
    house.registry.remember(Kind.CONTAINER, [again])
    remove_all(items, fleet)
    assert house.entries == [again]


def test_which_are_busy(house: House) -> None:
    busy(house, house.engine.names[5])
    fleet = house.fleet()
    items = fleet.items(Kind.CONTAINER)
    targets = targets_of(items, house.engine)
    assert [target.item for target in targets] == items
    assert [target.item.name for target in targets if target.busy] == [house.engine.names[5]]


# ---- the pool


def test_several_at_once() -> None:
    together = threading.Barrier(4, timeout=10)

    def meet(number: int) -> int:
        together.wait()
        return number

    assert sorted(in_parallel(meet, [1, 2, 3, 4])) == [1, 2, 3, 4]
    assert list(in_parallel(meet, [])) == []


def test_an_error_ends_it() -> None:
    def fail(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        list(in_parallel(fail, [1, 1, 1]))


# ---- making several


def test_one_container_for_policies_that_share_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    policies = [house.policy(key) for key in ("agent:main:a", "agent:main:b", None)]
    results = list(ensure_all(policies, house.engine, now_ms=1, log=house.said.append))
    assert [result.ready is not None for result in results] == [True]
    assert len(house.engine.names) == 1


def test_each_failure_is_told(house: House) -> None:
    house.engine.faults["start"] = EngineError("no")
    policies = [house.policy(f"agent:main:new{number}") for number in range(3)]
    results = list(ensure_all(policies, house.engine, now_ms=1, log=house.said.append))
    assert [str(result.error) for result in results] == ["no"] * 3
    assert len(house.engine.names) == 10


# ---- scope shared


def shared(tmp_path: Path) -> House:
    """An agent whose sandbox is shared, and one whose sessions have their own."""
    own = {"id": "own", "sandbox": {"scope": "session"}}
    return House(tmp_path, config({"id": "main"}, own, scope="shared"))


def masks(house: House) -> list[str]:
    spec = house.blueprint().spec
    return [tmpfs.destination for tmpfs in spec.tmpfs if "ro" in tmpfs.options]


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("agent-main-f331f052", True),
        ("agent-main-telegram-group--10012-ae91b72a", True),
        ("workspace-d8688b9c3c6cfad85d5153865acccb71", True),
        ("src", False),
        ("notes-2024", False),
        ("x-1234567", False),
        ("x-123456789", False),
        ("Agent-f331f052", False),
    ],
)
def test_names_of_scope_folders(name: str, *, yes: bool) -> None:
    assert is_scope_folder(name) is yes


def test_other_workspaces_are_masked(tmp_path: Path) -> None:
    house = shared(tmp_path)
    root = house.state_dir / "sandboxes"
    for name in ("agent-x-12345678", "src", "workspace-" + "0" * 32):
        (root / name).mkdir(parents=True)
    (root / "file-12345678").write_text("")
    (root / "link-12345678").symlink_to(root / "src")
    assert masks(house) == ["/workspace/agent-x-12345678", "/workspace/workspace-" + "0" * 32]


@pytest.mark.parametrize("sandbox", [{"scope": "agent"}, {"scope": "shared", "workspaceAccess": "rw"}])
def test_nothing_is_masked_where_nothing_shows(tmp_path: Path, sandbox: dict[str, Any]) -> None:
    house = House(tmp_path, config(**sandbox))
    (house.state_dir / "sandboxes" / "agent-x-12345678").mkdir(parents=True)
    assert masks(house) == []


def test_a_workspace_that_cannot_be_looked_into(tmp_path: Path) -> None:
    from openclaw_sandbox.lifecycle.shared import masked_folders

    house = shared(tmp_path)
    (house.state_dir / "sandboxes").write_text("a file")
    with pytest.raises(WorkspaceError, match="cannot be looked into"):
        masked_folders(house.policy())


def test_a_new_workspace_displaces_the_shared_sandbox(tmp_path: Path) -> None:
    house = shared(tmp_path)
    first = house.ensure()
    went: list[Observed] = []
    policy = house.policy("agent:own:a")
    blueprint = draw_blueprint(policy, house.engine, now_ms=1, on_displaced=went.append)
    assert [container.id for container in went] == [first.container_id]
    assert policy.workspace.sandbox_dir.is_dir()
    assert house.engine.names == []
    ensure(blueprint, house.engine)
    assert house.ensure().container_id != first.container_id
    assert masks(house) == [f"/workspace/{policy.slug}"]


def test_and_it_is_made_anew_masked(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    remake = remake_shared(house.fleet().policies, house.engine, now_ms=1, log=house.said.append)
    policies = [house.policy("agent:own:a")]
    (result,) = ensure_all(policies, house.engine, now_ms=1, log=house.said.append, on_displaced=remake)
    assert result.error is None
    assert house.engine.names == sorted(["openclaw-sbx-shared", policies[0].container_name])
    desired = house.blueprint().desired.spec_hash
    assert house.engine.named("openclaw-sbx-shared").labels[labels.SPEC] == desired


def test_a_workspace_that_is_there_displaces_nobody(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure("agent:own:a")
    first = house.ensure()
    house.ensure("agent:own:a")
    assert house.ensure().container_id == first.container_id


def test_not_while_a_command_runs_in_it(tmp_path: Path) -> None:
    house = shared(tmp_path)
    first = house.ensure()
    busy(house, "openclaw-sbx-shared")
    with pytest.raises(SandboxBusyError, match="would see the new workspace"):
        house.ensure("agent:own:a")
    assert not house.policy("agent:own:a").workspace.sandbox_dir.exists()
    assert house.engine.named("openclaw-sbx-shared").id == first.container_id


def test_not_that_of_another_state_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    house, other = shared(tmp_path), shared(tmp_path / "other")
    other.engine = house.engine
    other.data = config(
        scope="shared", workspaceRoot=str(house.state_dir / "sandboxes"), docker={"containerPrefix": "o-"}
    )
    other.ensure()
    with pytest.raises(SandboxConflictError, match="another state folder"):
        house.ensure("agent:own:a")
    assert house.engine.names == ["o-shared"]


def test_a_folder_that_appeared_meanwhile_is_masked(tmp_path: Path) -> None:
    """The blueprint was drawn before the other workspace was there."""
    house = shared(tmp_path)
    blueprint = house.blueprint()
    (house.state_dir / "sandboxes" / "agent-x-12345678").mkdir()
    ensure(blueprint, house.engine)
    made = house.engine.named("openclaw-sbx-shared")
    assert made.labels[labels.SPEC] == house.blueprint().desired.spec_hash
    assert made.labels[labels.SPEC] != blueprint.desired.spec_hash
