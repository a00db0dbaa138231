"""From which version on a known hole is closed. The table is data: `floors.toml`."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

STALE_AFTER_DAYS = 180
#: gVisor numbers its releases by day. The first that can hold the fix of CVE-2026-96812, and how old is old.
GVISOR_FIXED = date(2026, 9, 28)
GVISOR_OLD_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """One hole; the head of the table says what the fields mean."""

    cve: str
    fixed: tuple[str, ...]
    what: str
    only_if: str
    needs: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The table and the day on which it was true."""

    as_of: date
    runc: tuple[Floor, ...]
    containerd: tuple[Floor, ...]
    docker: tuple[Floor, ...]
    kernel: tuple[Floor, ...]


@functools.cache
def floors() -> Floors:
    """The shipped table."""
    import tomllib

    table = tomllib.loads(Path(__file__).with_name("floors.toml").read_text(encoding="utf-8"))
    rows = {
        name: tuple(_floor(row) for row in table[name]) for name in ("runc", "containerd", "docker", "kernel")
    }
    return Floors(as_of=table["as_of"], **rows)


def _floor(row: dict[str, str]) -> Floor:
    return Floor(
        cve=row["cve"],
        fixed=tuple(row["fixed"].split()),
        what=row["what"],
        only_if=row["if"],
        needs=row.get("needs", ""),
        since=row.get("since", ""),
    )


#: What the built-in profile keeps a sandbox from.
REFUSED_BY_PROFILE = frozenset({"userns", "io_uring", "af_alg", "af_packet", "af_rxrpc"})


def numbers(version: str) -> tuple[int, ...]:
    """The numbers at the front: "1.1.5+ds1-1" is (1, 1, 5); empty if there is none."""
    found = []
    for part in version.lstrip("v").split("."):
        digits = part[: next((i for i, c in enumerate(part) if not c.isdigit()), len(part))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)


def is_fixed(version: str, floor: Floor) -> bool:
    """Whether a release is free of a hole.

    It is if its branch (the first two numbers) got the fix, if it is newer than all that did, or if it is
    older than the hole.
    """
    mine = _order(version)
    if floor.since and mine < _order(floor.since):
        return True
    fixed = [_order(first) for first in floor.fixed]
    return mine >= max(fixed) or any(mine >= first and mine[:2] == first[:2] for first in fixed)


#: A release candidate is older than the release of its numbers.
_STAGE = re.compile(r"[-~](alpha|beta|rc)\.?(\d*)")
_STAGES = {"alpha": 0, "beta": 1, "rc": 2}
_RELEASED = (3, 0)


def _order(version: str) -> tuple[int, ...]:
    """Three numbers, the stage and its number."""
    padded = (*numbers(version), 0, 0, 0)[:3]
    early = _STAGE.search(version)
    stage = (_STAGES[early[1]], int(early[2] or 0)) if early else _RELEASED
    return (*padded, *stage)


def newest(holes: list[Floor]) -> str:
    """The release that holds the fix of all of them; a candidate's fix is in the release of its numbers."""
    return max((_STAGE.sub("", floor.fixed[-1]) for floor in holes), key=_order)
