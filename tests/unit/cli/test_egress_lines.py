"""Lines of the gateway's log: whatever a sandbox wrote into it drives no terminal."""

from __future__ import annotations

import pytest

from openclaw_sandbox.cli.render.egress import record_line
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.egress.records import Record

EVIL = "\x1b[2J\n\u202e"


@pytest.mark.parametrize("color", [ColorChoice.ALWAYS, ColorChoice.NEVER])
def test_a_line_is_one_line_and_its_colour_is_ours(color: ColorChoice) -> None:
    record = Record(
        id=EVIL,
        time=EVIL,
        sandbox=EVIL,
        via=EVIL,
        host=EVIL,
        port=443,
        verdict=EVIL,
        reason=EVIL,
        rule=EVIL,
        error=EVIL,
    )
    line = record_line(Ui(color=color), record)
    assert line.count("\x1b") == (2 if color is ColorChoice.ALWAYS else 0)
    assert line.replace("\x1b", "").isprintable()
