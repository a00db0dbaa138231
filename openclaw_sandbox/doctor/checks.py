"""All checks. A new one is a function that makes findings of Facts, and one line here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.components import check_components
from openclaw_sandbox.doctor.config import check_config, check_state, check_tool
from openclaw_sandbox.doctor.containers import check_containers
from openclaw_sandbox.doctor.enforcement import check_enforcement, check_runtimes
from openclaw_sandbox.doctor.engine import check_engine, check_host_kernel
from openclaw_sandbox.doctor.image import check_image
from openclaw_sandbox.doctor.model import Area, Finding
from openclaw_sandbox.doctor.packages import package_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.facts import Facts


def _components(facts: Facts) -> Iterator[Finding]:
    info = facts.engine.info
    if info is not None:
        versions = {"docker": info.version, **info.components}
        yield from check_components(versions, package_of, today=datetime.now(UTC).date())


def _engine(facts: Facts) -> Iterator[Finding]:
    yield from check_engine(facts)
    yield from check_runtimes(facts)


def _config(facts: Facts) -> Iterator[Finding]:
    yield from check_config(facts)
    yield from check_enforcement(facts)


CHECKS: Mapping[Area, Callable[[Facts], Iterator[Finding]]] = {
    Area.ENGINE: _engine,
    Area.COMPONENTS: _components,
    Area.KERNEL: check_host_kernel,
    Area.IMAGE: check_image,
    Area.CONFIG: _config,
    Area.CONTAINERS: check_containers,
    Area.STATE: check_state,
    Area.TOOL: check_tool,
}


def areas_of(only: tuple[str, ...]) -> frozenset[Area]:
    """The areas in which a check whose id begins with one of `only` can be."""
    if not only:
        return frozenset(Area)
    return frozenset(
        a for a in Area if any(f"{a.value}.".startswith(o) or o.startswith(f"{a.value}.") for o in only)
    )


def examine(facts: Facts, only: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Every finding, or those whose id begins with one of `only`."""
    wanted = areas_of(only)
    found = [finding for area, check in CHECKS.items() if area in wanted for finding in check(facts)]
    return tuple(finding for finding in found if not only or finding.id.startswith(only))
