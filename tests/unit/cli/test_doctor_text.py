"""What `doctor` shows: the end of it must be enough for a small screen."""

from __future__ import annotations

from openclaw_sandbox.cli.render.doctor import report_text
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.doctor.model import fail, ok, warn

FINDINGS = (ok("engine.api", "API."), warn("engine.disk", "Little.", "More."), fail("image.present", "None."))


def test_the_last_lines_name_what_failed() -> None:
    text = report_text(Ui(color=ColorChoice.NEVER), FINDINGS)
    assert text.splitlines()[-2:] == [
        "1 ok, 1 warning, 1 failure, 0 not looked at; -v shows all",
        "failed: image.present",
    ]
    assert "engine.api" not in text
    assert "2 checks" in text
    assert "1 check\n" in text


def test_verbose_shows_everything() -> None:
    text = report_text(Ui(verbose=True, color=ColorChoice.NEVER), FINDINGS)
    assert "ok   engine.api: API." in text
    assert "-v shows all" not in text
