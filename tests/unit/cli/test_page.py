"""The page: everything from outside is escaped, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from openclaw_sandbox.cli.render.page import page
from openclaw_sandbox.cli.render.verify import junit, report_text
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.doctor.model import fail, ok, warn
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.judge import judge
from openclaw_sandbox.verify.model import Answer, Expectation, Expected, Report, Severity, Verdict

EVIL = '<script src="https://evil.example/x.js"></script>\x1b[2J'
FINDINGS = (
    ok("engine.api", "API 1.41."),
    warn("config.mode", f"Loose: {EVIL}", EVIL, EVIL),
    fail("image.present", "There is none.", "openclaw-sandbox setup"),
)


def report() -> Report:
    answers = {p.id: Answer(verdict=Verdict.OPEN, evidence=EVIL) for p in PROBES}
    promised = {p.id: Expectation(expected=Expected.BLOCKED) for p in PROBES}
    return Report(
        container=EVIL,
        agent_id="main",
        session_key=EVIL,
        image=EVIL,
        made=True,
        seconds=1.0,
        results=judge(PROBES, promised, host={}, sandbox=answers, origin_of=lambda _setting: EVIL),
    )


def test_nothing_from_outside_becomes_markup() -> None:
    text = page(FINDINGS, report(), host=EVIL)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script" in text


def test_no_other_report_holds_what_drives_a_terminal_or_no_xml_parser_takes() -> None:
    odd = replace(report(), session_key="agent:main:\udcff\x01\n\u202e<&>")
    text = report_text(Ui(color=ColorChoice.NEVER), odd, Severity.LOW)
    assert all(char.isprintable() for line in text.split("\n") for char in line)
    assert "agent:main:\\udcff\\x01\\n\\u202e<&>)" in text
    suites = ElementTree.fromstring(junit([odd], Severity.LOW).encode())
    assert suites[0].get("name") == "agent:main:\\udcff\\x01\\n\\u202e<&>"


def test_nothing_is_fetched() -> None:
    text = page(FINDINGS, report(), host="vm")
    assert not re.search(r"<(?:link|img|iframe|object|embed|form|script)\b|@import|url\(", text)
    assert "default-src 'none'" in text


def test_without_a_sandbox_it_says_so() -> None:
    text = page(FINDINGS, None, host="vm")
    assert "No sandbox was tried." in text
    assert text.startswith("<!doctype html>")
    assert 'name="viewport"' in text


def test_every_probe_and_every_finding_is_on_it() -> None:
    text = page(FINDINGS, report(), host="vm")
    assert all(probe.id in text for probe in PROBES)
    assert all(finding.id in text for finding in FINDINGS)
