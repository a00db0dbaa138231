"""The page in a real browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.cli.render.page import page
from openclaw_sandbox.doctor.model import fail, ok, warn
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.judge import judge
from openclaw_sandbox.verify.model import Answer, Expectation, Expected, Report, Verdict
from tests.integration.doctor.browser import look_at

if TYPE_CHECKING:
    from pathlib import Path

LONG = "/a/very/long/path/" + "x" * 200
FINDINGS = (
    ok("engine.api", "API 1.41."),
    warn("components.runc", "Its changelog does not mention 2 known holes.", "Update.", LONG, "CVE-1: short"),
    fail("image.present", f"There is no image {LONG}.", "openclaw-sandbox setup"),
)


@pytest.fixture(scope="module")
def text() -> str:
    answers = {p.id: Answer(verdict=Verdict.OPEN, evidence=LONG) for p in PROBES[:5]}
    answers |= {p.id: Answer(verdict=Verdict.BLOCKED, evidence="EPERM") for p in PROBES[5:]}
    promised = {p.id: Expectation(expected=Expected.BLOCKED) for p in PROBES}
    report = Report(
        container="c",
        agent_id="main",
        session_key="agent:main:main",
        image="i",
        made=True,
        seconds=1.0,
        results=judge(PROBES, promised, host={}, sandbox=answers),
    )
    return page(FINDINGS, report, host="vm")


def _brightness(color: str) -> int:
    return sum(int(number) for number in re.findall(r"\d+", color)[:3])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_is_readable(text: str, tmp_path: Path, width: int, dark: bool) -> None:
    seen = look_at(text, tmp_path, width=width, dark=dark)
    assert seen["content"] <= seen["width"], "it must be scrolled sideways"
    assert seen["size"] >= 16
    assert seen["requests"] == []
    assert (_brightness(seen["background"]) < _brightness(seen["color"])) is dark
    assert "Broken" in seen["text"]
    assert all(probe.id in seen["text"] for probe in PROBES)
    assert seen["title"] == "openclaw-sandbox: vm"
