"""Collecting what an operator should know, and refusing when something must not run."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, Issue
from openclaw_sandbox.policy.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.config.origin import Origin


@dataclass(slots=True)
class Findings:
    """A growing list of findings; each is kept once."""

    found: list[Finding] = field(default_factory=list)

    def add(
        self, severity: Severity, code: str, message: str, *, hint: str = "", origin: Origin | None = None
    ) -> None:
        """Note one thing. `code` is stable; `hint` is the command or key that helps."""
        finding = Finding(code=code, severity=severity, message=message, hint=hint, origin=origin)
        if finding not in self.found:
            self.found.append(finding)

    def error(self, code: str, message: str, *, hint: str = "", origin: Origin | None = None) -> None:
        """Something that must not run."""
        self.add(Severity.ERROR, code, message, hint=hint, origin=origin)

    def warn(self, code: str, message: str, *, hint: str = "", origin: Origin | None = None) -> None:
        """Weaker than the default, or not what it looks like."""
        self.add(Severity.WARNING, code, message, hint=hint, origin=origin)

    def info(self, code: str, message: str, *, hint: str = "", origin: Origin | None = None) -> None:
        """Good to know; nothing to do."""
        self.add(Severity.INFO, code, message, hint=hint, origin=origin)


_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors first; within one severity the order of discovery."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


def errors(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that stop a run."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def _issue(finding: Finding) -> Issue:
    origin = finding.origin
    place = origin.location() if origin is not None else None
    return Issue(
        path=origin.key if origin is not None else "",
        message=finding.message,
        file=origin.file if origin is not None else None,
        line=place.line if place else None,
        column=place.column if place else None,
        hint=finding.hint or None,
    )


def refuse(findings: Sequence[Finding]) -> None:
    """Do nothing if nothing stops a run.

    Raises:
        ConfigError: something does. All of it at once, each with file, line and the key that helps.
    """
    stopping = errors(findings)
    if not stopping:
        return
    count = len(stopping)
    brief = stopping[0].message if count == 1 else f"The config asks for {count} things that are refused."
    raise ConfigError(
        brief,
        hint=stopping[0].hint if count == 1 else "openclaw-sandbox explain shows the whole policy.",
        issues=[_issue(finding) for finding in stopping],
    )
