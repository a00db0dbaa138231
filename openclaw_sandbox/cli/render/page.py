"""One page with what doctor and verify found: no script, no request to anywhere, readable on a phone."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.doctor.model import Area, Status, scores
from openclaw_sandbox.verify.model import Category, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.model import Finding
    from openclaw_sandbox.verify.model import Judged, Report

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#60646c;--line:#d9d9e0;--card:#f9f9fb;
--ok:#18794e;--warn:#8f5a00;--fail:#c62a2f}
@media (prefers-color-scheme:dark){:root{--bg:#111113;--fg:#edeef0;--dim:#b0b4ba;--line:#363a3f;
--card:#18191b;--ok:#3dd68c;--warn:#ffca16;--fail:#ff9592}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--bg);color:var(--fg);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .3rem}
p{margin:.2rem 0}.dim{color:var(--dim)}
.ok{color:var(--ok)}.warn{color:var(--warn)}.fail{color:var(--fail)}.skip{color:var(--dim)}
.scores{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.6rem;padding:0;list-style:none}
.scores li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem}
.scores b{display:block;font-size:1.4rem}
meter{width:100%;height:.6rem}
article{border-left:.25rem solid currentColor;background:var(--card);padding:.5rem .75rem;margin:.4rem 0}
article>*{color:var(--fg)}article>header{color:inherit;font-weight:600}
code{font-family:ui-monospace,monospace;font-size:.9em}
details{margin:.4rem 0}summary{cursor:pointer;min-height:2rem}
ul.plain{margin:.2rem 0;padding-left:1.2rem}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
"""
#: Whatever a name or a message holds, a browser fetches and runs nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_WORDS = {Status.OK: "ok", Status.WARN: "warning", Status.FAIL: "failure", Status.SKIP: "not judged"}


def page(findings: tuple[Finding, ...], report: Report | None, *, host: str) -> str:
    """The whole document. Everything from outside is escaped."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = [
        f"<h1>openclaw-sandbox on {_text(host)}</h1>",
        f'<p class="dim">{when}, version {_text(__version__)}</p>',
        *_verify(report),
        *_doctor(findings),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>openclaw-sandbox: {_text(host)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _text(value: str) -> str:
    return escape(printable(value, keep=""))


# ---- verify


def _verify(report: Report | None) -> Iterator[str]:
    yield "<section><h2>Is the sandbox what the policy promises?</h2>"
    if report is None:
        yield '<p class="dim">No sandbox was tried.</p></section>'
        return
    failed = report.failures(Severity.LOW)
    word, style = ("Broken", "fail") if failed else ("Proven", "ok")
    yield (
        f'<p><strong class="{style}">{word}</strong> {_text(report.session_key)}, {_text(report.image)}: '
        f"{len(report.results)} probes in {report.seconds:.0f} s.</p>"
    )
    for result in failed:
        yield _broken(result)
    for category in Category:
        mine = [result for result in report.results if result.probe.category is category]
        if mine:
            yield from _category(category, mine)
    yield "</section>"


def _broken(result: Judged) -> str:
    probe = result.probe
    style = "fail" if result.verdict is Verdict.OPEN else "warn"
    return (
        f'<article class="{style}"><header>{_text(probe.id)} ({probe.severity.value}): '
        f"{_text(result.verdict.value)}</header><p>{_text(probe.attempted)}: {_text(result.evidence)}</p>"
        f'<p class="dim">Risk: {_text(probe.risk)}. Setting: <code>{_text(probe.setting)}</code> '
        f"({_text(result.origin)})</p></article>"
    )


def _category(category: Category, results: list[Judged]) -> Iterator[str]:
    blocked = sum(result.verdict is Verdict.BLOCKED for result in results)
    yield f"<details><summary>{category.value}: {blocked} of {len(results)} blocked</summary>"
    yield '<div class="table"><table>'
    yield "<thead><tr><th>Probe</th><th>Verdict</th><th>Seen</th></tr></thead><tbody>"
    for result in results:
        style = {None: "skip", True: "ok", False: "fail"}[result.kept]
        yield (
            f"<tr><td><code>{_text(result.probe.id)}</code></td>"
            f'<td class="{style}">{result.verdict.value}</td><td>{_text(result.evidence)}</td></tr>'
        )
    yield "</tbody></table></div></details>"


# ---- doctor


def _doctor(findings: tuple[Finding, ...]) -> Iterator[str]:
    yield '<section><h2>This machine</h2><ul class="scores">'
    for score in scores(findings):
        yield (
            f"<li>{score.area.value}<b>{score.percent} %</b>"
            f'<meter min="0" max="100" low="50" high="90" optimum="100" value="{score.percent}">'
            f"{score.percent} %</meter></li>"
        )
    yield "</ul>"
    for area in Area:
        mine = [finding for finding in findings if finding.area is area]
        bad = [finding for finding in mine if finding.status in (Status.FAIL, Status.WARN)]
        good = [finding for finding in mine if finding not in bad]
        if mine:
            yield f"<h3>{area.value}</h3>"
        yield from (_finding(finding) for finding in sorted(bad, key=lambda f: f.status is Status.WARN))
        if good:
            yield f"<details><summary>{len(good)} more</summary>"
            yield from (_finding(finding) for finding in good)
            yield "</details>"
    yield "</section>"


def _finding(finding: Finding) -> str:
    lines = "".join(f"<li>{_text(detail)}</li>" for detail in finding.details)
    more = f'<ul class="plain">{lines}</ul>' if lines else ""
    mend = f"<p>Fix: <code>{_text(finding.fix)}</code></p>" if finding.fix else ""
    return (
        f'<article class="{finding.status.value}"><header>{_text(finding.id)}: '
        f"{_WORDS[finding.status]}</header><p>{_text(finding.message)}</p>{more}{mend}</article>"
    )
