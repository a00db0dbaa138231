from __future__ import annotations

import json

import pytest

from openclaw_sandbox.policy.javascript import (
    collation_key,
    length,
    number_text,
    sorted_keys,
    stringify,
    trim,
)


def test_trim_is_javascripts() -> None:
    assert trim("\ufeff \u00a0a\u2029") == "a"
    assert trim("\x1ca\x85") == "\x1ca\x85"


def test_length_is_that_of_utf_16() -> None:
    assert [length(text) for text in ("", "ab", "é\uffff", "a\U0001f600b")] == [0, 2, 2, 4]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (0.1, "0.1"),
        (1.25, "1.25"),
        (123456789.0, "123456789"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.2345e25, "1.2345e+25"),
        (2**53, "9007199254740992"),
        (2**53 + 1, "9007199254740992"),
        (-(2**60), "-1152921504606847000"),
        (10**400, "null"),
        (float("nan"), "null"),
        (float("inf"), "null"),
    ],
)
def test_number_text(number: float, text: str) -> None:
    assert number_text(number) == text


def test_order_of_keys_is_that_of_the_root_locale() -> None:
    names = ["B_Y", "b_x", "ab", "A1", "A", "a", "_z"]
    assert sorted_keys(names) == ["_z", "a", "A", "A1", "ab", "b_x", "B_Y"]


def test_accents_come_after_the_plain_letter_and_before_the_next() -> None:
    assert sorted(["f", "é", "e", "ê", "z"], key=collation_key) == ["e", "é", "ê", "f", "z"]
    assert collation_key("\u0301a") == collation_key("a")


def test_array_indexes_come_first_in_numeric_order() -> None:
    assert sorted_keys(["b", "10", "9", "_", "01", "4294967295"]) == ["9", "10", "_", "01", "4294967295", "b"]


def test_control_characters_do_not_count() -> None:
    assert collation_key("a\x01b") == collation_key("ab")


def test_stringify() -> None:
    value = {"b": [1.0, True, False, None, "é\n\u2028"], "a": {}, "c": ("x",)}
    assert stringify(value) == '{"a":{},"b":[1,true,false,null,"é\\n\u2028"],"c":["x"]}'


def test_stringify_escapes_lone_surrogates_as_javascript_does() -> None:
    assert stringify("a\ud83d") == '"a\\ud83d"'


def test_what_we_write_is_json() -> None:
    value = {'k"ey': ["\x00\x1f", {"n": -1.5e-9}]}
    assert json.loads(stringify(value)) == value
