"""One file: values, positions, and errors that show the line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.source import MAX_DEPTH
from openclaw_sandbox.errors import ConfigError, Issue

FILE = Path("/h/openclaw.json")


def parsed(text: str) -> Any:
    return Document(FILE, text).data


def refused(text: str) -> Issue:
    with pytest.raises(ConfigError) as caught:
        Document(FILE, text)
    (issue,) = caught.value.issues
    return issue


def test_json5() -> None:
    text = """// one
    \ufeff{ a: 'x\\
y', "b": [1, .5, 0xFF, +2, -3e2,], $c: null, /* two */ \\u0064: "\\ud83d\\ude00", }"""
    assert parsed(text) == {"a": "xy", "b": [1, 0.5, 255, 2, -300], "$c": None, "d": "😀"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.0", 1),
        ("-0.0", 0),
        ("1e3", 1000),
        ("9007199254740993", 9007199254740992.0),
        ("0x" + "F" * 300, math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers_are_doubles_as_in_javascript(text: str, value: float) -> None:
    found = parsed(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_read() -> None:
    assert math.isnan(parsed("NaN"))


@pytest.mark.parametrize(
    ("text", "message", "line", "column", "excerpt"),
    [
        ("", "the file is empty: write {} for a config that sets nothing", 1, 1, ""),
        ("// only\n", "the file is empty: write {} for a config that sets nothing", 2, 1, ""),
        ("{}\n}", 'the document ends before this "}"', 2, 1, "}"),
        ("{\n  a: 1\n  b: 2\n}", 'expected "," or "}" here, found "b"', 3, 3, "b: 2"),
        ("[1 2]", 'expected "," or "]" here, found "2"', 1, 4, "[1 2]"),
        ("[1}", 'expected "," or "]" here, found "}"', 1, 3, "[1}"),
        ("[,]", "this comma has no value before it", 1, 2, "[,]"),
        ("{a:1,,}", "this comma has no value before it", 1, 6, "{a:1,,}"),
        ("{\n\n a: [1,\n", 'this "[" is never closed', 3, 5, "a: [1,"),
        ("{a", 'expected ":" after the key, found the end of the file', 1, 3, "{a"),
        ("{a 1}", 'expected ":" after the key, found "1"', 1, 4, "{a 1}"),
        ("{a:", "the file ends where a value is expected", 1, 4, "{a:"),
        ("{a:}", 'expected a value here, found "}"', 1, 4, "{a:}"),
        ("{1:2}", "this key needs quotes", 1, 2, "{1:2}"),
        ("{a-b:2}", "this key needs quotes", 1, 2, "{a-b:2}"),
        ("{:2}", 'expected a key here, found ":"', 1, 2, "{:2}"),
        ("{a: yes}", "this is no number, true, false or null; text needs quotes", 1, 5, "{a: yes}"),
        ("{a: 010}", "this is no number, true, false or null; text needs quotes", 1, 5, "{a: 010}"),
        ("{a: 1_000}", "this is no number, true, false or null; text needs quotes", 1, 5, "{a: 1_000}"),
        ("{a: 'b\n'}", "this text has no closing quote on its line", 1, 5, "{a: 'b"),
        ("{a: 1 /* b\n", "this comment is never closed with */", 1, 7, "{a: 1 /* b"),
        ("{a: 1e999}", "JSON5 does not allow this number or escape, or it is too large", 1, 5, "{a: 1e999}"),
        ("{a:\x01}", "this is no number, true, false or null; text needs quotes", 1, 4, "{a:\\x01}"),
    ],
)
def test_errors_show_where_and_what(text: str, message: str, line: int, column: int, excerpt: str) -> None:
    issue = refused(text)
    assert (issue.message, issue.line, issue.column, issue.excerpt) == (message, line, column, excerpt)
    assert issue.where() == f"{FILE}:{line}:{column}"


@pytest.mark.parametrize("escape", ['"\\ud800"', '"\\u12"'])
def test_half_an_escape(escape: str) -> None:
    assert refused(escape).line == 1


@pytest.mark.parametrize("opener", ["[", "{a:"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_deep_nesting_is_an_error_and_no_crash(opener: str, depth: int) -> None:
    closer = "]" if opener == "[" else "}"
    assert (
        refused(opener * depth + "1" + closer * depth).message == "the file is nested deeper than 100 levels"
    )
    assert parsed(opener * MAX_DEPTH + "1" + closer * MAX_DEPTH)


def test_duplicates_are_found_and_the_last_counts() -> None:
    document = Document(FILE, "{ a: {x: 1, 'x': 2},\n b: [{c: 1, \\u0063: ':'}],\n a: {x: 3} }")
    assert document.data == {"a": {"x": 3}, "b": [{"c": ":"}]}
    found = [(path, place.line) for path, place in document.duplicates()]
    assert found == [(("a", "x"), 1), (("b", 0, "c"), 2), (("a",), 3)]


def test_without_duplicates_nothing_is_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document(FILE, "{a: ':', /* :: */ b: {'c:': 1}, // d:\n e: [':']}")
    monkeypatch.setattr(Document, "positions", None)
    assert document.duplicates() == []


def test_an_issue_points_at_the_value_the_key_or_the_nearest_parent() -> None:
    document = Document(FILE, "{\n  a: {\n    b: 1 } }")
    at_value = document.issue_at(("a", "b"), "m", shown_as="a.b")
    at_key = document.issue_at(("a", "b"), "m", shown_as="a.b", at_key=True)
    at_parent = document.issue_at(("a", "x", "y"), "m", shown_as="a.x.y")
    assert [(issue.line, issue.column) for issue in (at_value, at_key, at_parent)] == [(3, 8), (3, 5), (2, 6)]


def test_a_long_line_is_cut_around_the_column() -> None:
    issue = refused('{"a": "' + "x " * 3000 + '", "b": yes, "c": "' + "y " * 3000 + '"}')
    assert issue.excerpt is not None
    assert issue.excerpt.startswith("...")
    assert issue.excerpt.endswith("...")
    assert '"b": yes' in issue.excerpt
    assert len(issue.excerpt) <= 106


def test_excerpts_hold_no_secret_and_no_control_character() -> None:
    issue = refused('{ "botToken": "hunter2 hunter2", a: "\x1b[31m\u202e", b: yes }')
    assert issue.excerpt == '{ "botToken": "***", a: "\\x1b[31m\\u202e", b: yes }'
