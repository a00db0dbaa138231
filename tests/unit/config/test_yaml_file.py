"""YAML: values, positions, and everything that is refused with its line."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from openclaw_sandbox.config.yaml_file import YamlDocument
from openclaw_sandbox.errors import ConfigError, Issue

FILE = Path("/h/config.yml")


def refused(text: str) -> Issue:
    with pytest.raises(ConfigError) as caught:
        YamlDocument(FILE, text)
    (issue,) = caught.value.issues
    return issue


def test_values() -> None:
    text = """
a: {i: 1_000, hex: 0x1F, oct: 0o17, zeros: 017, neg: -5, f: 1.5, e: 1e3, inf: -.inf}
b: [true, False, yes, 'true', ~, null, , 2001-01-01, !!str 5, !!int '7']
c: |
  two
  lines
"quoted key": >-
  folded
  text
1: number
"""
    text = text.replace("null, ,", "null,")
    assert YamlDocument(FILE, text).data == {
        "a": {
            "i": 1000,
            "hex": 31,
            "oct": 15,
            "zeros": 17,
            "neg": -5,
            "f": 1.5,
            "e": 1000.0,
            "inf": -math.inf,
        },
        "b": [True, False, "yes", "true", None, None, "2001-01-01", "5", 7],
        "c": "two\nlines\n",
        "quoted key": "folded text",
        "1": "number",
    }


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "null", "~"])
def test_nothing(text: str) -> None:
    assert YamlDocument(FILE, text).data is None


def test_the_old_words_for_booleans_by_directive() -> None:
    assert YamlDocument(FILE, "%YAML 1.1\n---\na: [yes, off]").data == {"a": [True, False]}


def test_octal_numbers_of_the_old_version() -> None:
    assert YamlDocument(FILE, "%YAML 1.1\n---\na: [017, -0_17, 0, 0x1f, 19]").data == {
        "a": [15, -15, 0, 31, 19]
    }
    assert YamlDocument(FILE, "%YAML 1.2\n---\na: 017").data == {"a": 17}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "---\n"])
def test_positions(start: str, end: str) -> None:
    text = start + end.join(["top:", "  - x: 1", "    'y': [a, {b: 'é', c: 2}]", "  - z", "end: 1"])
    document = YamlDocument(FILE, text)
    shift = text.count("\n", 0, len(start))

    def at(*path: str | int) -> tuple[int, int]:
        place = document.value_location(path)
        assert place
        return place.line - shift, place.column

    assert at("top", 0, "x") == (2, 8)
    assert at("top", 0, "y", 1, "c") == (3, 26)
    assert at("top", 1) == (4, 5)
    issue = document.issue_at(("top", 0, "y"), "m", shown_as="p", at_key=True)
    assert (issue.line, issue.column, issue.excerpt) == (3 + shift, 5, "'y': [a, {b: 'é', c: 2}]")


def test_an_alias_is_a_copy_that_stands_where_its_anchor_does() -> None:
    document = YamlDocument(FILE, "a: &x {b: [1, {c: 2}]}\nd: *x\ne: &k t\nf: *k")
    data = document.data
    assert data["d"] == data["a"] == {"b": [1, {"c": 2}]}
    assert data["d"] is not data["a"]
    assert data["f"] == "t"
    assert YamlDocument(FILE, "a: &x\nb: *x").data == {"a": None, "b": None}
    places = [document.value_location(path) for path in (("d",), ("d", "b", 1, "c"))]
    assert [(place.line, place.column) for place in places if place] == [(2, 4), (1, 19)]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a:\n\tb: 1", "a tab cannot indent YAML; use spaces", 2, 1),
        ("a: 1\n  b: 2", 'this ":" is out of place: check the indentation, or quote the text', 2, 4),
        ("a: b: c", 'this ":" is out of place: check the indentation, or quote the text', 1, 5),
        ("- a\nb: 1", "this line does not fit those above it: check the indentation", 2, 1),
        ("a: [1\nb: 2", 'a "," or a closing bracket is missing before this', 2, 2),
        ("a: [1,", None, 1, 7),
        ("a: {b: 1", "the file ends inside a list or an object: a bracket is missing", 1, 9),
        ("a: 'x", "this text is never closed with a quote", 1, 6),
        ("a: @x", "text that begins like this needs quotes", 1, 4),
        ("a: %x", "text that begins like this needs quotes", 1, 4),
        ('a: "\\q"', "found unknown escape character 'q'", 1, 6),
        ('a: 1\nb: "\\U0001F980\\U00110000"', "there is no character \\U00110000", 2, 15),
        ('a: "\\UFFFFFFFF"', "there is no character \\UFFFFFFFF", 1, 5),
        ("%YAML 1.3\n---\na: 1", "only YAML 1.2 and 1.1 are supported", 1, 7),
        ("# x\n%YAML 1." + "9" * 5000 + "\n---\na: 1", "only YAML 1.2 and 1.1 are supported", 2, 7),
        ('a: "\\ud800"', "this text holds half of a character (a lone surrogate)", 1, 4),
        ("a: 1\n\x01: 1", "character U+0001 is not allowed in YAML", 2, 1),
        ("a: 1\na: 2", 'the key "a" is given twice', 2, 1),
        ("a: {b: 1, 'b': 2}", 'the key "b" is given twice', 1, 11),
        ("<<: {a: 1}", "merge keys (<<) are not supported; write the keys out", 1, 1),
        ("? [k]\n: v", "a key must be plain text", 1, 3),
        ("? {a: 1}\n: v", "a key must be plain text", 1, 3),
        ("a: &x k\n*x : 1", "a key must be plain text", 2, 1),
        ("a: !foo x", "the tag !foo is not supported", 1, 4),
        ("!foo {a: 1}", "the tag !foo is not supported", 1, 1),
        ("a: !!set {x}", "the tag tag:yaml.org,2002:set is not supported", 1, 4),
        (
            "a: !!python/object/apply:os.system [x]",
            "the tag tag:yaml.org,2002:python/object/apply:os.system is not supported",
            1,
            4,
        ),
        ("a: !!binary eA==", "the tag tag:yaml.org,2002:binary is not supported", 1, 4),
        ("a: !!int foo", "this is no value of the kind int", 1, 4),
        ("a: !!bool foo", "this is no value of the kind bool", 1, 4),
        ("a: " + "9" * 5000, "this is no value of the kind int", 1, 4),
        ("a: *x", "*x names no value that is complete before it", 1, 4),
        ("- &a [*a]", "*a names no value that is complete before it", 1, 7),
        ("a: 1\n---\nb: 1", "a second document begins here; this file is one document", 2, 1),
        ("[" * 5000, "the file is nested deeper than 20 levels", 1, 21),
        ("a: [" + "1," * 20_000 + "]", "the file holds more than 10000 values, aliases counted", 1, 20_001),
        ("a: &a 1\nb: [" + "*a," * 101 + "]", "the file holds more than 100 aliases", 2, 305),
    ],
)
def test_refused(text: str, message: str | None, line: int, column: int) -> None:
    issue = refused(text)
    assert message is None or issue.message == message
    assert (issue.line, issue.column) == (line, column)
    assert issue.excerpt is not None


def test_laughs_are_not_paid_for() -> None:
    levels = ["a0: &a0 [" + "x," * 50 + "]"]
    levels += [f"a{n}: &a{n} [" + f"*a{n - 1}," * 20 + "]" for n in range(1, 9)]
    started = time.process_time()
    assert refused("\n".join(levels)).message == "the file holds more than 10000 values, aliases counted"
    assert time.process_time() - started < 5
