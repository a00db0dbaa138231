"""What `doctor` shows: a score for each area, then what is not well."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.layout import paragraph, width
from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.doctor.model import Area, Status, scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.doctor.model import Finding

_MARKS = {Status.OK: ("ok  ", "ok"), Status.WARN: ("warn", "warning"), Status.FAIL: ("FAIL", "error")}
_ORDER = (Status.FAIL, Status.WARN, Status.OK, Status.SKIP)
_SHOWN_DETAILS = 4
_BAR = 10


def report_json(findings: tuple[Finding, ...], mended: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """All findings, scores, and what `--fix` did."""
    counts = {status.value: sum(f.status is status for f in findings) for status in Status}
    return {
        "ok": not counts["fail"],
        "summary": counts,
        "scores": {score.area.value: score.percent for score in scores(findings)},
        "checks": [_finding_json(finding) for finding in findings],
        "fixed": [{"id": name, "result": result} for name, result in mended],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "area": finding.area.value,
        "status": finding.status.value,
        "message": finding.message,
        "fix": finding.fix or None,
        "details": list(finding.details),
    }


def report_text(ui: Ui, findings: tuple[Finding, ...]) -> str:
    """Failures and warnings by area; with -v everything."""
    lines: list[str] = []
    for score in scores(findings):
        filled = round(score.percent * _BAR / 100)
        style = "ok" if score.percent >= 90 else "warning" if score.percent >= 50 else "error"
        bar = ui.paint("█" * filled, style, sys.stdout) + "░" * (_BAR - filled)
        lines.append(f"{score.area.value:11} {bar} {score.percent:3} %  {_counted(score.checks, 'check')}")
    for area in Area:
        shown = [
            f for f in findings if f.area is area and (ui.verbose or f.status in (Status.WARN, Status.FAIL))
        ]
        if shown:
            lines += ["", ui.paint(area.value, "bold", sys.stdout)]
            for finding in sorted(shown, key=lambda f: _ORDER.index(f.status)):
                lines += _finding(ui, finding)
    return "\n".join([*lines, "", *_summary(ui, findings)])


def _summary(ui: Ui, findings: tuple[Finding, ...]) -> list[str]:
    """What is left on a small screen: the counts, and by name what failed."""
    counts = {status: sum(f.status is status for f in findings) for status in Status}
    failed = dict.fromkeys(finding.id for finding in findings if finding.status is Status.FAIL)
    more = "" if ui.verbose or not (counts[Status.OK] or counts[Status.SKIP]) else "; -v shows all"
    line = (
        f"{counts[Status.OK]} ok, {_counted(counts[Status.WARN], 'warning')}, "
        f"{_counted(counts[Status.FAIL], 'failure')}, {counts[Status.SKIP]} not looked at{more}"
    )
    names = paragraph(f"failed: {', '.join(failed)}", columns=width()) if failed else []
    return [line, *(ui.paint(name, "error", sys.stdout) for name in names)]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _finding(ui: Ui, finding: Finding) -> list[str]:
    mark, style = _MARKS.get(finding.status, ("skip", "dim"))
    head = f"  {ui.paint(mark, style, sys.stdout)} "
    text = paragraph(f"{finding.id}: {finding.message}", first="", rest="", columns=width() - 8)
    lines = [head + text[0], *(f"         {line}" for line in text[1:])]
    details = finding.details if ui.verbose else finding.details[:_SHOWN_DETAILS]
    for detail in details:
        lines += paragraph(detail, first="         - ", rest="           ", columns=width())
    left = len(finding.details) - len(details)
    lines += [f"         ... and {left} more (-v)"] if left else []
    if finding.fix and finding.status in (Status.WARN, Status.FAIL):
        lines.append(f"         fix: {printable(finding.fix)}")
    return lines
