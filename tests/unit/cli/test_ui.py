"""Where words go, in which colours, and that no name can drive a terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.cli.ui import ColorChoice, Ui, error_document, printable
from openclaw_sandbox.errors import EngineHangingError, Issue, SandboxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# ---- control characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 \N{SNOWMAN}", "plain é 漢 \N{SNOWMAN}"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\r\x00\x7f\x9b", r"\r\x00\x7f\x9b"),
        ("right-to-left \u202e zero \u200b", r"right-to-left \u202e zero \u200b"),
        ("caf\udce9", r"caf\udce9"),
        ("line\u2028end", r"line\u2028end"),
    ],
)
def test_what_drives_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_printed_drives_a_terminal(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    shown.encode()


@given(st.text())
def test_no_message_drives_a_terminal(text: str) -> None:
    stderr, before = io.StringIO(), sys.stderr
    sys.stderr = stderr
    try:
        ui = Ui(verbose=True)
        issue = Issue(path=text, message=text, file=text, line=1, excerpt=text, hint=text)
        ui.error(SandboxError(text, hint=text, details=[text], issues=[issue]))
        ui.warn(text, text)
        ui.note(text)
        ui.debug(text)
    finally:
        sys.stderr = before
    assert all(c.isprintable() or c in "\n\t" for c in stderr.getvalue())


# ---- colours


@pytest.mark.parametrize(
    ("choice", "env", "terminal", "colored"),
    [
        (ColorChoice.AUTO, {}, True, True),
        (ColorChoice.AUTO, {}, False, False),
        (ColorChoice.AUTO, {"TERM": "dumb"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": "1"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": ""}, True, True),  # empty means unset: no-color.org's rule
        (ColorChoice.AUTO, {"FORCE_COLOR": "1"}, False, True),
        (ColorChoice.AUTO, {"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
        (ColorChoice.AUTO, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        (ColorChoice.ALWAYS, {"NO_COLOR": "1"}, False, True),
        (ColorChoice.NEVER, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_when_there_are_colours(
    choice: ColorChoice, env: dict[str, str], terminal: bool, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert Ui(color=choice).colored(stream) is colored
    assert ("\x1b" in Ui(color=choice).paint("text", "error", stream)) is colored


# ---- where words go


def test_data_is_on_stdout_and_everything_else_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(verbose=True)
    ui.out("data")
    ui.out("more\n")
    ui.json({"é": 1})
    ui.note("a note")
    ui.warn("careful", "do this")
    ui.engine_call("GET /info", 0.0123)
    out, err = capsys.readouterr()
    assert out == 'data\nmore\n{\n  "é": 1\n}\n'
    assert err == "a note\nwarning: careful\n  do this\nengine: GET /info (12.3 ms)\n"


def test_quiet_leaves_warnings_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(quiet=True)
    ui.note("a note")
    ui.debug("detail")
    ui.warn("careful", "do this")
    ui.error(SandboxError("it failed", hint="do that"))
    assert capsys.readouterr().err == "warning: careful\nerror: it failed\nhelp: do that\n"


ERROR = UsageError(
    "The file cannot be used.",
    hint="Correct it.",
    details=["detail"],
    issues=[
        Issue(path="a.0.b", message="is wrong", file="/f", line=3, column=7, excerpt="  b: 1", hint="write c")
    ],
)


def test_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    Ui().error(ERROR)
    assert capsys.readouterr() == (
        "",
        "error: The file cannot be used.\n  /f:3:7: a.0.b: is wrong\n    |   b: 1\n    write c\n  detail\n"
        "help: Correct it.\n",
    )


def test_an_error_as_json_is_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Ui(as_json=True).error(ERROR)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    issue = {"path": "a.0.b", "message": "is wrong", "file": "/f", "line": 3, "column": 7, "hint": "write c"}
    assert json.loads(out) == {
        "error": {
            "code": "usage",
            "message": "The file cannot be used.",
            "hint": "Correct it.",
            "details": ["detail"],
            "issues": [issue],
        }
    }


def test_engine_errors_carry_the_reason_of_a_run() -> None:
    document = error_document(EngineHangingError("no answer"))["error"]
    assert (document["code"], document["reason"]) == ("engine.hanging", "engine")


@pytest.fixture
def deaf() -> Iterator[None]:
    class Deaf(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    before, sys.stderr = sys.stderr, Deaf()
    yield
    sys.stderr = before


@pytest.mark.usefixtures("deaf")
def test_a_stderr_that_nobody_reads_changes_nothing() -> None:
    ui = Ui(verbose=True)
    ui.note("x")
    ui.warn("x")
    ui.debug("x")
    ui.error(SandboxError("x"))


def test_json_is_utf8_whatever_it_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(as_json=True)
    ui.json({"name": "ü\udcff\U0001f980"})
    ui.error(UsageError("no \udcfe"))
    out = capsys.readouterr().out
    assert out.encode("utf-8", "strict")
    assert '"ü\\udcff🦀"' in out
    assert "no \\udcfe" in out
