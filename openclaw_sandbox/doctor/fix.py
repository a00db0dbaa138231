"""What can be mended without risk: each step says what it does, and undoes nothing that anybody needs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.image.recipes import ImageName, reference_of
from openclaw_sandbox.lifecycle.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.doctor.facts import Facts
    from openclaw_sandbox.lifecycle.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """`finding` is the id it mends; `run` does it and says what came of it."""

    finding: str
    words: str
    run: Callable[[], str]


def fixes(facts: Facts, fleet: Fleet | None, set_up: Callable[[ImageName], str] | None) -> Iterator[Fix]:
    """What would be done. `set_up` builds an image of ours; None where that must not be tried."""
    if fleet is None or facts.engine.info is None:
        return
    if facts.state.registry_problem and not facts.state.registry_hint:
        words = "Set the damaged registry aside and rebuild it from the labels of the containers."
        yield Fix(finding="state.registry", words=words, run=lambda: _rebuilt(fleet))
    half_made = facts.containers.half_made if facts.containers is not None else ()
    if half_made or facts.state.half_made_markers:
        words = "Remove what killed commands left half-made."
        yield Fix(finding="containers.half-made", words=words, run=lambda: _settled(fleet))
    image = facts.image
    if set_up is None or image is None or not (image.found is None or image.why_rebuild):
        return
    name = next((name for name in ImageName if reference_of(name) == image.reference), None)
    if name is not None:
        missing = image.found is None
        words = f"Build the image {image.reference}, as setup does."
        yield Fix(
            finding="image.present" if missing else "image.recipe",
            words=words,
            run=functools.partial(set_up, name),
        )


def _rebuilt(fleet: Fleet) -> str:
    kept = sum(len(fleet.registry.entries(kind)) for kind in Kind)
    return f"The registry has {kept} entries."


def _settled(fleet: Fleet) -> str:
    removed = fleet.settle()
    return f"Removed: {', '.join(removed)}." if removed else "There was nothing to remove."
