"""Sizes as Docker reads them: "512m", "1.5g", "2 GiB"; a bare number is bytes."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?(?P<unit>[bB]|[kKmMgGtTpP](?:[iI]?[bB])?)?")
_SHIFT = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_MAX = 2**63 - 1


def size_bytes(value: str | float) -> int:
    """A size in bytes. Units are binary, whatever they are called; fractions of a byte are cut off.

    Raises:
        ValueError: not a size, negative, or beyond 2**63 - 1. The message repeats the text.
    """
    text = str(value).strip()
    match = _SIZE.fullmatch(text)
    if match is None or isinstance(value, bool):
        raise ValueError(f'"{text}" is not a size: write a number of bytes or a text such as "512m" or "2g"')
    shift = _SHIFT[(match["unit"] or "")[:1].lower()]
    # Docker multiplies doubles and truncates; one byte of difference would show as drift on every `list`.
    number = float(match["number"]) if "." in match["number"] else int(match["number"])
    result = int(number * (1 << shift))
    if result > _MAX:
        raise ValueError(f'"{text}" is more than any machine has')
    return result


def human_size(count: int) -> str:
    """Bytes for a human, exact: "512 MiB", "2 GiB", "1000 B"."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift:
            return f"{count / (1 << shift):.1f} {unit}"
    return f"{count} B"
