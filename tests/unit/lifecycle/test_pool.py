"""Work that is begun before its result is wanted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import EngineLostError
from openclaw_sandbox.lifecycle.pool import ahead
from openclaw_sandbox.lifecycle.registry import Kind
from tests.unit.lifecycle.sandboxes import House

if TYPE_CHECKING:
    from pathlib import Path


def test_it_runs_before_anybody_asks_and_once() -> None:
    begun, go, calls = threading.Event(), threading.Event(), list[int]()

    def work() -> str:
        begun.set()
        assert go.wait(10)
        calls.append(1)
        return "done"

    result = ahead(work)
    assert begun.wait(10)
    go.set()
    assert (result(), result(), calls) == ("done", "done", [1])


@pytest.mark.parametrize("error", [EngineLostError("gone"), MemoryError("none")])
def test_what_it_raises_is_raised_where_it_is_asked_for(error: Exception) -> None:
    def work() -> None:
        raise error

    result = ahead(work)
    with pytest.raises(type(error)) as caught:
        result()
    assert caught.value is error


def test_a_fleet_uses_its_first_look_only_until_something_changed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.ensure()
    fleet = house.fleet(first_look=lambda: [])
    assert [item.observed for item in fleet.items(Kind.CONTAINER)] == [None]
    fleet.look_again()
    assert [item.running for item in fleet.items(Kind.CONTAINER)] == [True]
