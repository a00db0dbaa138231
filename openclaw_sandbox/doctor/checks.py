"""All checks. A new one is a function that makes findings of Facts, and one line here."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.components import check_components, check_gvisor
from openclaw_sandbox.doctor.config import PRACTICES, WARNINGS, check_config
from openclaw_sandbox.doctor.containers import CIS, check_containers
from openclaw_sandbox.doctor.enforcement import check_enforcement, check_runtimes
from openclaw_sandbox.doctor.engine import check_engine, check_host_kernel
from openclaw_sandbox.doctor.image import check_image
from openclaw_sandbox.doctor.model import Area, Finding, Status, ok, skip
from openclaw_sandbox.doctor.packages import package_of
from openclaw_sandbox.doctor.state import check_state, check_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.facts import Facts


def _components(facts: Facts) -> Iterator[Finding]:
    info = facts.engine.info
    if info is not None:
        versions, today = {"docker": info.version, **info.components}, datetime.now(UTC).date()
        yield from check_components(versions, package_of, today=today)
        if facts.gvisor:
            yield check_gvisor(facts.gvisor, today=today)


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


_PLAIN: Mapping[Area, str] = {
    Area.ENGINE: (
        "api bridge cgroup disk group inodes limits live-restore logs reachable rootless runtimes security"
        " steady storage tcp"
    ),
    Area.COMPONENTS: "containerd docker floors runc runsc",
    Area.KERNEL: "settings version",
    Area.IMAGE: "age present recipe scan setuid updates user",
    Area.CONFIG: "agent disk enforced exec-host findings mode posture practice-watched valid",
    Area.CONTAINERS: "browser cis drift foreign half-made impostors orphans",
    Area.STATE: "gateway registry workspace",
    Area.TOOL: "completion seccomp",
}
#: Every id, of which a machine shows what it has. Those that end in a dot are families: what `explain` warns
#: of has its own codes.
KNOWN = (
    *(f"{area.value}.{name}" for area, names in _PLAIN.items() for name in names.split()),
    *(f"containers.cis-{rule.partition(' ')[0]}" for rule in CIS),
    *(f"config.practice-{name}" for name in PRACTICES),
    *(f"config.{family}." for family in WARNINGS),
)


def areas_of(only: tuple[str, ...]) -> frozenset[Area]:
    """The areas in which a check whose id begins with one of `only` can be."""
    if not only:
        return frozenset(Area)
    return frozenset(
        a for a in Area if any(f"{a.value}.".startswith(o) or o.startswith(f"{a.value}.") for o in only)
    )


def examine(facts: Facts, only: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Every finding, or those whose id begins with one of `only`; nothing for a word that begins no id."""
    wanted = areas_of(only)
    found = [finding for area, check in CHECKS.items() if area in wanted for finding in check(facts)]
    if not only:
        return tuple(found)
    chosen = [finding for finding in found if finding.id.startswith(only)]
    silent = [word for word in only if not any(finding.id.startswith(word) for finding in chosen)]
    return (*chosen, *(_quiet(word, found) for word in silent if _is_known(word)))


def _is_known(word: str) -> bool:
    return any(known.startswith(word) or (known.endswith(".") and word.startswith(known)) for known in KNOWN)


def _quiet(word: str, found: list[Finding]) -> Finding:
    """A check that was asked for and has nothing to say: all is well, if it could look."""
    area = word.partition(".")[0]
    looked = [finding for finding in found if finding.area.value == area]
    blind = all(finding.status in (Status.SKIP, Status.FAIL) for finding in looked)
    name = word.rstrip(".")
    return skip(name, "It could not be looked at.") if blind else ok(name, "Nothing of this kind was found.")


def nearest(word: str) -> str:
    """The id that somebody may have meant; empty if none is near."""
    known = (*KNOWN, *(f"{area.value}." for area in Area))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return near[0] if near else ""
