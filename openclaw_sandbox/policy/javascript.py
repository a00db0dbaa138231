"""How JavaScript measures, prints and orders: needed where our answer or hash must equal the reference's."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_sandbox.config.trim import trim

__all__ = ["collation_key", "length", "number_text", "sorted_keys", "stringify", "trim"]

#: ASCII in the order of the CLDR root collation, which `localeCompare` follows. Letters come after it.
_PUNCTUATION_AND_DIGITS = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789"
_RANK = {char: rank for rank, char in enumerate(_PUNCTUATION_AND_DIGITS)}
_LETTERS = len(_RANK)

_ARRAY_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")
_MAX_ARRAY_INDEX = 2**32 - 2
_MAX_SAFE_INTEGER = 2**53


def length(text: str) -> int:
    """`text.length`: code units of UTF-16, of which a character beyond U+FFFF has two."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def number_text(number: float) -> str:
    """`JSON.stringify(number)`: every number is a double, the shortest text that reads back."""
    if isinstance(number, int) and abs(number) <= _MAX_SAFE_INTEGER:
        return str(number)
    try:
        value = float(number)
    except OverflowError:  # an integer literal beyond any double is Infinity there
        return "null"
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    return _shortest(value)


def _shortest(value: float) -> str:
    from decimal import Decimal  # only floats need it

    _, digits, exponent = Decimal(repr(abs(value))).as_tuple()
    text = "".join(map(str, digits))
    sign = "-" if value < 0 else ""
    return sign + _place_point(text.rstrip("0"), len(text) + int(exponent))


def _place_point(digits: str, point: int) -> str:
    """ECMAScript's Number::toString: `digits` with the decimal point after `point` of them."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    head = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{head}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def collation_key(text: str) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...], tuple[int, ...]]:
    """Sort key for `a.localeCompare(b)` in the root locale: letters first, then accents, then case.

    Exact for ASCII, which is all that names of variables and limits are made of; for other scripts accents
    and case are right and unrelated letters follow their code points.
    """
    primary: list[tuple[int, str]] = []
    accents: list[str] = []
    case: list[int] = []
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.combining(char):
            accents[-1:] = [accents[-1] + char] if accents else []
            continue
        if char not in _RANK and not char.isprintable():
            continue  # control characters are ignored by the collation
        primary.append((_RANK.get(char, _LETTERS), "" if char in _RANK else char.lower()))
        accents.append("")
        case.append(1 if char.isupper() else 0)
    return tuple(primary), tuple(accents), tuple(case)


def sorted_keys(keys: Sequence[str]) -> list[str]:
    """The order of an object rebuilt from keys sorted with `localeCompare`.

    Keys that are array indexes come first whatever the order of insertion: that is how objects enumerate.
    """
    indexes = [key for key in keys if _ARRAY_INDEX.match(key) and int(key) <= _MAX_ARRAY_INDEX]
    others = [key for key in keys if key not in set(indexes)]
    return sorted(indexes, key=int) + sorted(others, key=collation_key)


def _string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if not quoted.isascii() and any("\ud800" <= char <= "\udfff" for char in quoted):
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in quoted)
    return quoted


def stringify(value: Any) -> str:
    """Compact `JSON.stringify` of plain data with object keys in collation order; None is `null`."""
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        members = (f"{_string(key)}:{stringify(value[key])}" for key in sorted_keys(list(value)))
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(stringify(item) for item in value) + "]"
    return number_text(value)
