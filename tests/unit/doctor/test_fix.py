"""What `doctor --fix` offers to do."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.doctor.facts import ContainerFacts, Facts, StateFacts
from openclaw_sandbox.doctor.fix import fixes
from tests.unit.doctor.machines import image, machine

FLEET: Any = object()  # what a fix is made from, until it runs


def offered(facts: Facts) -> list[str]:
    return [fix.finding for fix in fixes(facts, FLEET, lambda _name: "built")]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"state": StateFacts(folder="/s", registry_problem="It is damaged.")}, ["state.registry"]),
        ({"state": StateFacts(folder="/s", registry_problem="A link.", registry_hint="Move it.")}, []),
        ({"containers": ContainerFacts(half_made=("a",))}, ["containers.half-made"]),
        ({"containers": ContainerFacts(foreign=(("a", "/x"),), impostors=("b",), orphans=("c",))}, []),
        ({"image": image(found=None)}, ["image.present"]),
        ({"image": image(why_rebuild="the recipe has changed")}, ["image.recipe"]),
        ({"image": image(found=None, reference="registry.example/mine:1")}, []),
    ],
)
def test_only_what_is_safe_is_offered(changes: dict[str, Any], wanted: list[str]) -> None:
    assert offered(machine(**changes)) == wanted


def test_nothing_is_offered_without_an_engine_and_no_image_offline() -> None:
    broken = machine(image=image(found=None), containers=ContainerFacts(half_made=("a",)))
    assert list(fixes(broken, None, lambda _name: "built")) == []
    assert [fix.finding for fix in fixes(broken, FLEET, None)] == ["containers.half-made"]
