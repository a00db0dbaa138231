"""Times as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("30", 30.0), ("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("1.5h", 5400.0), ("250ms", 0.25)),
        *((" 7 ", 7.0), ("0.001", 0.001), ("720h", 2_592_000.0)),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_duration(text, flag="--timeout") == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "0",
            "0s",
            "0.0000001",
            "-1",
            "+1",
            "1d",
            "1 s",
            "s",
            "1.",
            ".5",
            "1e3",
            "inf",
            "nan",
            "721h",
        ),
        *("9" * 13, "1h30m", "5M", "0x10", "1_000", "\u0665", "5\n5"),
    ],
)
def test_everything_else_is_refused_and_the_flag_named(text: str) -> None:
    with pytest.raises(UsageError, match="--timeout"):
        parse_duration(text, flag="--timeout")


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert 0 < parse_duration(text, flag="-x") <= 30 * 86400
