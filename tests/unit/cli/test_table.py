"""A table that fits, and says what it leaves out."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.cli.confirm import require_yes
from openclaw_sandbox.cli.render.listing import duration, size_text
from openclaw_sandbox.cli.render.table import Column, cell_width, lay_out, wrapped
from openclaw_sandbox.errors import PromptRefusedError

COLUMNS = [
    Column(title="SESSION", cells=["agent:main", "agent:work:telegram:group:-100123"], worth=0),
    Column(title="STATE", cells=["running", "orphan"], worth=0),
    Column(title="IDLE", cells=["5m", "1d 2h"], worth=5),
    Column(title="NAME", cells=["openclaw-sbx-a", "openclaw-sbx-b"], worth=9),
    Column(title="SIZE", cells=["1kB", "20MB"], worth=1, numeric=True),
]


def test_as_wide_as_it_is() -> None:
    table = lay_out(COLUMNS, None)
    assert table.left_out == ()
    assert table.lines == (
        "SESSION                            STATE    IDLE   NAME            SIZE",
        "agent:main                         running  5m     openclaw-sbx-a   1kB",
        "agent:work:telegram:group:-100123  orphan   1d 2h  openclaw-sbx-b  20MB",
    )


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(71, ()), (70, ("SIZE",)), (60, ("IDLE", "SIZE")), (57, ("NAME",)), (50, ("NAME", "SIZE"))],
)
def test_the_worthiest_stay(width: int, left_out: tuple[str, ...]) -> None:
    table = lay_out(COLUMNS, width)
    assert max(map(len, table.lines)) <= width
    assert set(table.left_out) <= {"IDLE", "NAME", "SIZE"}
    assert table.left_out == left_out


def test_what_must_stay_is_wrapped_and_whole() -> None:
    table = lay_out(COLUMNS, 30)
    assert max(map(len, table.lines)) <= 30
    first = "".join(line[:21].strip() for line in table.lines)
    assert first == "SESSIONagent:mainagent:work:telegram:group:-100123"


def test_nothing_drives_the_terminal() -> None:
    table = lay_out([Column(title="S", cells=["a\x1b[2Jb\nc"], worth=0)], None)
    assert table.lines[1] == "a\\x1b[2Jb\\nc"


def test_wide_characters_keep_the_columns_straight() -> None:
    columns = [Column(title="A", cells=["家族", "x"], worth=0), Column(title="B", cells=["1", "2"], worth=0)]
    assert lay_out(columns, None).lines == ("A     B", "家族  1", "x     2")
    assert cell_width("e\u0301") == 1


def test_colours_do_not_move_anything() -> None:
    table = lay_out(COLUMNS, None, paint=lambda text, title: f"<{text}>" if title == "STATE" else text)
    assert table.lines[1] == "agent:main                         <running>  5m     openclaw-sbx-a   1kB"


@given(st.text(max_size=40), st.integers(2, 30))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    pieces = wrapped(text, width)
    assert "".join(pieces) == text
    assert all(cell_width(piece) <= width for piece in pieces)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (999, "999ms"),
        (1000, "1s"),
        (44_600, "45s"),
        (60_000, "1m"),
        (125_000, "2m 5s"),
        (5_400_000, "1h 30m"),
        (3_600_000, "1h"),
        (273_600_000, "3d 4h"),
        (86_400_000, "1d"),
    ],
)
def test_durations_are_openclaws(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "-"), (0, "0B"), (999, "999B"), (1000, "1kB"), (1_234_567, "1.23MB"), (5 * 10**12, "5TB")],
)
def test_sizes(size: int | None, text: str) -> None:
    assert size_text(size) == text


# ---- the question


class Terminal(io.StringIO):
    def __init__(self, typed: str, error: type[BaseException] | None = None) -> None:
        super().__init__(typed)
        self.error = error

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:
        if self.error:
            raise self.error
        return super().readline()


@pytest.mark.parametrize("typed", ["y\n", "Y\n", "yes\n", " YES "])
def test_a_clear_yes(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", Terminal(""))
    require_yes("Remove it?")


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "no\n", "ye\n", "yes please\n", "1\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", Terminal(""))
    with pytest.raises(PromptRefusedError, match="Nothing was removed"):
        require_yes("Remove it?")


def test_ctrl_c_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("", KeyboardInterrupt))
    monkeypatch.setattr(sys, "stderr", Terminal(""))
    with pytest.raises(PromptRefusedError) as caught:
        require_yes("Remove it?")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", Terminal(""))
    monkeypatch.setattr(sys, stream, io.StringIO("y\n"))
    with pytest.raises(PromptRefusedError) as caught:
        require_yes("Remove it?")
    assert "--force" in caught.value.hint
