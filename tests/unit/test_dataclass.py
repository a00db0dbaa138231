"""Our `dataclass` against the standard one: the same class text, made by both, must behave the same."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from openclaw_sandbox.dataclass import dataclass

Decorator = Callable[..., Any]
BOTH = pytest.mark.parametrize("decorator", [dataclasses.dataclass, dataclass], ids=["standard", "ours"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A frozen record with every kind of field."""

    x: int
    y: int = 2
    tags: list[str] = dataclasses.field(default_factory=list)
    seen: int = dataclasses.field(default=0, compare=False)
    secret: str = dataclasses.field(default="", repr=False)


def point_made_by(decorator: Decorator) -> Any:
    @decorator(frozen=True, slots=True, kw_only=True)
    class Made:
        """A text."""

        unit: ClassVar[str] = "m"
        x: int
        y: int = 2
        seen: int = dataclasses.field(default=0, compare=False)
        secret: str = dataclasses.field(default="", repr=False)

    return Made


def pair_made_by(decorator: Decorator) -> Any:
    @decorator(slots=True)
    class Pair:
        left: int
        right: int = 7
        count: int = dataclasses.field(default=0, init=False)

    return Pair


@BOTH
def test_a_frozen_record(decorator: Decorator) -> None:
    made = point_made_by(decorator)
    one = made(x=1, seen=5, secret="hush")
    assert (one.x, one.y, one.seen, one.secret) == (1, 2, 5, "hush")
    assert one == made(x=1, seen=6, secret="hush") != made(x=2, secret="hush")
    assert hash(one) == hash(made(x=1, secret="hush"))
    assert repr(one).endswith("Made(x=1, y=2, seen=5)")
    assert one != (1, 2, "hush")
    assert made.__doc__ == "A text."
    assert made.unit == "m"


@BOTH
def test_nothing_can_be_set_or_deleted(decorator: Decorator) -> None:
    one = point_made_by(decorator)(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):  # the second is the standard one's slip
        one.other = 3
    assert not hasattr(one, "__dict__")


@BOTH
def test_wrong_arguments(decorator: Decorator) -> None:
    made, pair = point_made_by(decorator), pair_made_by(decorator)
    for wrong in (
        lambda: made(),
        lambda: made(x=1, z=1),
        lambda: made(1),
        lambda: pair(),
        lambda: pair(1, 2, 3),
        lambda: pair(1, left=1),
        lambda: pair(1, count=1),
    ):
        with pytest.raises(TypeError):
            wrong()


@BOTH
def test_a_changeable_record(decorator: Decorator) -> None:
    pair = pair_made_by(decorator)
    one = pair(1)
    one.left = 4
    assert one == pair(4, 7) == pair(left=4, right=7)
    assert (one.count, repr(one).rpartition(".")[2]) == (0, "Pair(left=4, right=7, count=0)")
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(AttributeError):
        one.other = 1
    match one:
        case pair(left, right):
            assert (left, right) == (4, 7)
        case _:
            pytest.fail("a record matches its own class")


@BOTH
def test_what_the_class_says_itself_stays(decorator: Decorator) -> None:
    @decorator(frozen=True, slots=True, kw_only=True)
    class Own:
        x: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 12

    assert (repr(Own(x=1)), Own(x=1) == Own(x=2), hash(Own(x=1))) == ("own", True, 12)


@BOTH
def test_a_derived_record(decorator: Decorator) -> None:
    @decorator(frozen=True, slots=True, kw_only=True)
    class Base:
        x: int = 1

    @decorator(frozen=True, slots=True, kw_only=True)
    class Derived(Base):
        y: int = 2

    assert [f.name for f in dataclasses.fields(Derived)] == ["x", "y"]
    assert (Derived(x=3).x, Derived(x=3).y) == (3, 2)
    assert Derived() != Base()


@BOTH
def test_a_record_without_fields(decorator: Decorator) -> None:
    @decorator(frozen=True, slots=True)
    class Empty:
        pass

    assert Empty() == Empty()
    assert hash(Empty()) == hash(())


@BOTH
def test_a_record_that_holds_itself_can_be_shown(decorator: Decorator) -> None:
    pair = pair_made_by(decorator)
    one = pair(1)
    one.right = one
    assert "..." in repr(one)


def test_each_instance_gets_defaults_of_its_own() -> None:
    one, other = Point(x=1), Point(x=1)
    one.tags.append("a")
    assert other.tags == []


def test_the_tools_of_the_standard_module_work() -> None:
    one = Point(x=1, tags=["a"])
    assert dataclasses.is_dataclass(one)
    assert dataclasses.replace(one, y=5) == Point(x=1, y=5, tags=["a"])
    with pytest.raises(TypeError):
        dataclasses.replace(one, **{"z": 1})
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "tags": ["a"], "seen": 0, "secret": ""}
    assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    assert copy.deepcopy(one).tags is not one.tags
