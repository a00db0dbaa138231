"""A table that fits: whole columns are left out, and it is said; texts are wrapped, never cut."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING

from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GAP = "  "
_LEAST_WIDTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A title and a text per row. A column of `worth` 0 always stays; the others as far as there is room."""

    title: str
    cells: Sequence[str]
    worth: int
    numeric: bool = False

    @property
    def width(self) -> int:
        """Of the widest text, in terminal cells."""
        return max(cell_width(text) for text in (self.title, *self.cells))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The lines, and the titles of the columns that found no room."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def terminal_width() -> int | None:
    """The width of the terminal that stdout is; None where the lines may be as long as they are."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return max(_LEAST_WIDTH, shutil.get_terminal_size((80, 24)).columns)


def lay_out(
    columns: Sequence[Column],
    width: int | None,
    *,
    paint: Callable[[str, str], str] = lambda text, _title: text,
) -> Table:
    """The columns side by side. `paint` may colour a padded text by its column's title."""
    safe = [
        Column(
            title=column.title,
            cells=[printable(cell, keep="") for cell in column.cells],
            worth=column.worth,
            numeric=column.numeric,
        )
        for column in columns
    ]
    shown, left_out = _choose(safe, width)
    widths = _widths(shown, width)
    lines = _row([column.title for column in shown], shown, widths, lambda text, _title: text)
    for cells in zip(*(column.cells for column in shown), strict=True):
        lines += _row(cells, shown, widths, paint)
    return Table(lines=tuple(lines), left_out=tuple(column.title for column in left_out))


def _choose(columns: Sequence[Column], width: int | None) -> tuple[list[Column], list[Column]]:
    """What must stay, then whatever still fits, the worthiest first."""
    chosen = [column for column in columns if not column.worth]
    for column in sorted(columns, key=lambda column: -column.worth):
        if column.worth and (width is None or _total([c.width for c in (*chosen, column)]) <= width):
            chosen.append(column)
    shown = [column for column in columns if any(column is other for other in chosen)]
    return shown, [column for column in columns if not any(column is other for other in chosen)]


def _widths(columns: Sequence[Column], width: int | None) -> list[int]:
    """Natural widths; if even those of the columns that must stay are too wide, the widest gives."""
    widths = [column.width for column in columns]
    if width is not None and (excess := _total(widths) - width) > 0:
        widest = widths.index(max(widths))
        widths[widest] = max(8, widths[widest] - excess)
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _row(
    cells: Sequence[str],
    columns: Sequence[Column],
    widths: Sequence[int],
    paint: Callable[[str, str], str],
) -> list[str]:
    pieces = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, pieces))):
        padded = [
            paint(
                _pad(piece[number] if number < len(piece) else "", width, numeric=column.numeric),
                column.title,
            )
            for piece, width, column in zip(pieces, widths, columns, strict=True)
        ]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _pad(text: str, width: int, *, numeric: bool) -> str:
    room = " " * (width - cell_width(text))
    return room + text if numeric else text + room


def wrapped(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width` terminal cells; nothing is lost, also of one long word."""
    if cell_width(text) <= width:
        return [text]
    pieces, piece, used = [], "", 0
    for character in text:
        size = cell_width(character)
        if used + size > width and piece:
            pieces.append(piece)
            piece, used = "", 0
        piece += character
        used += size
    return [*pieces, piece]


def cell_width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
