"""What a check says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.Enum):
    """SKIP: it does not apply here, or this user may not look."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Area(enum.Enum):
    """What a check looks at; the score is told by these."""

    ENGINE = "engine"
    COMPONENTS = "components"
    KERNEL = "kernel"
    IMAGE = "image"
    CONFIG = "config"
    CONTAINERS = "containers"
    STATE = "state"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's answer. `id` is stable and begins with its area; `fix` is a command or a setting."""

    id: str
    status: Status
    message: str
    fix: str = ""
    details: tuple[str, ...] = ()

    @property
    def area(self) -> Area:
        """By the id."""
        return Area(self.id.partition(".")[0])


def ok(name: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(id=name, status=Status.OK, message=message)


def warn(name: str, message: str, fix: str = "", *details: str) -> Finding:
    """It works, and could be safer."""
    return Finding(id=name, status=Status.WARN, message=message, fix=fix, details=details)


def fail(name: str, message: str, fix: str = "", *details: str) -> Finding:
    """It does not work, or is dangerous."""
    return Finding(id=name, status=Status.FAIL, message=message, fix=fix, details=details)


def skip(name: str, message: str) -> Finding:
    """Not looked at, and why."""
    return Finding(id=name, status=Status.SKIP, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Points of an area: a warning counts half."""

    area: Area
    percent: int
    checks: int


def scores(findings: tuple[Finding, ...]) -> tuple[Score, ...]:
    """One for each area in which something was judged."""
    found = []
    for area in Area:
        judged = [f for f in findings if f.area is area and f.status is not Status.SKIP]
        if judged:
            points = sum({Status.OK: 2, Status.WARN: 1}.get(f.status, 0) for f in judged)
            found.append(Score(area=area, percent=round(50 * points / len(judged)), checks=len(judged)))
    return tuple(found)
