"""What `verify` shows: broken promises first, then a line for each category; JSON; JUnit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.layout import columns_of, width
from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.verify.model import Category, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.errors import SandboxError
    from openclaw_sandbox.verify.model import Judged, Probe, Report


def catalogue_json(probes: Sequence[Probe]) -> dict[str, Any]:
    """`--list --json`."""
    return {"probes": [{**_probe_json(probe), "gates": probe.gates, "slow": probe.slow} for probe in probes]}


def catalogue_text(probes: Sequence[Probe]) -> str:
    """`--list`."""
    rows = [(probe.id, probe.severity.value, probe.attempted, probe.setting) for probe in probes]
    return "\n".join([*columns_of(rows, indent="", total=width()), "", f"{len(probes)} probes"])


def _probe_json(probe: Probe) -> dict[str, Any]:
    return {
        "id": probe.id,
        "category": probe.category.value,
        "severity": probe.severity.value,
        "attempted": probe.attempted,
        "risk": probe.risk,
        "setting": probe.setting or None,
    }


def report_json(report: Report, fail_on: Severity) -> dict[str, Any]:
    """One sandbox."""
    failed = report.failures(fail_on)
    return {
        "container": report.container,
        "agent": report.agent_id,
        "session": report.session_key,
        "image": report.image,
        "made": report.made,
        "interpreter": report.interpreter or None,
        "seconds": round(report.seconds, 2),
        "ok": not failed,
        "summary": summary(report, fail_on),
        "notes": list(report.notes),
        "probes": [_judged_json(result) for result in report.results],
    }


def _judged_json(result: Judged) -> dict[str, Any]:
    return {
        **_probe_json(result.probe),
        "expected": result.expectation.expected.value,
        "why": result.expectation.why or None,
        "verdict": result.verdict.value,
        "evidence": result.evidence,
        "observer": result.observer.value,
        "kept": result.kept,
        "origin": result.origin or None,
    }


def summary(report: Report, fail_on: Severity) -> dict[str, Any]:
    """Counts by verdict, and what decides the exit status."""
    counts = {verdict.value: 0 for verdict in Verdict}
    for result in report.results:
        counts[result.verdict.value] += 1
    failed = report.failures(fail_on)
    return {
        "total": len(report.results),
        **counts,
        "open_as_promised": sum(r.verdict is Verdict.OPEN and r.kept is True for r in report.results),
        "failed": [result.probe.id for result in failed],
        "settings": sorted({result.probe.setting for result in failed if result.probe.setting}),
        "fail_on": fail_on.value,
    }


def report_text(ui: Ui, report: Report, fail_on: Severity) -> str:
    """The verdict, what broke, what is open by promise, a line for each category."""
    failed = report.failures(fail_on)
    lines = [_headline(ui, report, failed)]
    for result in sorted(failed, key=lambda r: (not r.probe.gates, r.probe.severity.rank)):
        lines += _failure(ui, result)
    promised = [r for r in report.results if r.verdict is Verdict.OPEN and r.kept and r.expectation.why]
    if promised:
        lines += ["", "Open, as the policy promises:"]
        lines += columns_of([(r.probe.id, r.expectation.why) for r in promised], total=width())
    lines += ["", *_table(report)]
    if ui.verbose:
        lines += ["", *_everything(report)]
    lines += ["", f"Measured with {report.interpreter}."] if report.interpreter else []
    lines += ["", *(printable(note) for note in report.notes)] if report.notes else []
    return "\n".join(lines)


def _headline(ui: Ui, report: Report, failed: Sequence[Judged]) -> str:
    what = printable(f"{report.container} ({report.session_key})", keep="")
    if not failed:
        mark = ui.paint("PROVEN", "ok", sys.stdout)
        return f"{mark}  {what} keeps what its policy promises: {len(report.results)} probes."
    mark = ui.paint("BROKEN", "error", sys.stdout)
    return f"{mark}  {what}: {len(failed)} of {len(report.results)} probes."


def _failure(ui: Ui, result: Judged) -> list[str]:
    probe = result.probe
    word = "open" if result.verdict is Verdict.OPEN else "unknown"
    mark = ui.paint(word, "error" if result.verdict is Verdict.OPEN else "warning", sys.stdout)
    lines = [f"  {mark}  {probe.id} ({probe.severity.value}): {probe.attempted}"]
    lines.append(f"        seen: {printable(result.evidence)}")
    if result.verdict is Verdict.OPEN:
        lines.append(f"        risk: {probe.risk}")
    if probe.setting:
        lines.append(f"        setting: {probe.setting} ({printable(result.origin)})")
    return lines


def _table(report: Report) -> list[str]:
    rows = [("", "blocked", "open", "n/a", "error")]
    for category in Category:
        mine = [r for r in report.results if r.probe.category is category]
        if mine:
            counts = [sum(r.verdict is verdict for r in mine) for verdict in Verdict]
            blocked, opened, absent, wrong = (str(count or "") for count in counts)
            rows.append((category.value, blocked, opened, absent, wrong))
    return columns_of(rows, total=width())


def _everything(report: Report) -> list[str]:
    return columns_of([(r.probe.id, r.verdict.value, r.evidence) for r in report.results], total=width())


def junit(
    reports: Sequence[Report], fail_on: Severity, errors: Sequence[tuple[str, SandboxError]] = ()
) -> str:
    """One suite a sandbox, one case a probe. `errors`: what could not be verified, and why."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="openclaw-sandbox verify")
    for report in reports:
        failed = {result.probe.id for result in report.failures(fail_on)}
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=printable(report.session_key, keep=""),
            tests=str(len(report.results)),
            failures=str(sum(r.verdict is Verdict.OPEN for r in report.failures(fail_on))),
            errors=str(sum(r.verdict is Verdict.ERROR for r in report.failures(fail_on))),
            time=f"{report.seconds:.2f}",
        )
        for result in report.results:
            _case(suite, result, failed=result.probe.id in failed)
    for name, error in errors:
        suite = ElementTree.SubElement(root, "testsuite", name=name, tests="1", failures="0", errors="1")
        case = ElementTree.SubElement(suite, "testcase", name="verify", classname="verify")
        ElementTree.SubElement(case, "error", message=printable(error.brief, keep=""))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Any, result: Judged, *, failed: bool) -> None:
    from xml.etree import ElementTree

    name, kind = result.probe.id, f"verify.{result.probe.category.value}"
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=kind)
    text = printable(f"{result.verdict.value}: {result.evidence}", keep="")
    if failed:
        tag = "error" if result.verdict is Verdict.ERROR else "failure"
        ElementTree.SubElement(case, tag, message=text).text = f"setting: {result.probe.setting}"
    elif result.verdict is Verdict.NOT_APPLICABLE:
        ElementTree.SubElement(case, "skipped", message=text)
