"""Removing several at once; several at once made."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import (
    EngineError,
    EngineLostError,
)
from openclaw_sandbox.lifecycle.ensure_all import ensure_all
from openclaw_sandbox.lifecycle.pool import in_parallel
from openclaw_sandbox.lifecycle.recreate import Removed, remove_all, targets_of
from openclaw_sandbox.lifecycle.registry import Kind
from tests.unit.lifecycle.sandboxes import House, config

if TYPE_CHECKING:
    from pathlib import Path


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
