"""Plain text for a terminal: wrapped paragraphs and aligned columns, no colours of its own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from openclaw_sandbox.cli.ui import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WIDTH = 60
MAX_WIDTH = 120


def width() -> int:
    """The terminal's width within sane bounds; 100 where there is none."""
    import shutil

    return max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size((100, 24)).columns))


def paragraph(text: str, *, first: str = "", rest: str = "", columns: int) -> list[str]:
    """`text` wrapped: the first line begins with `first`, the others with `rest`. Words are kept whole."""
    return textwrap.wrap(
        printable(text, keep=""),
        width=columns,
        initial_indent=first,
        subsequent_indent=rest or " " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def columns_of(rows: Sequence[Sequence[str]], *, indent: str = "  ", total: int) -> list[str]:
    """Rows with their columns aligned; a row that is too wide has its last cell on a line of its own."""
    safe = [[printable(cell, keep="") for cell in row] for row in rows]
    if not safe:
        return []
    widths = [max(len(row[index]) for row in safe) for index in range(len(safe[0]))]
    limit = max(8, (total - len(indent)) // 3)
    widths = [min(size, limit) for size in widths]
    return [line for row in safe for line in _row(row, widths, indent, total)]


def _row(row: Sequence[str], widths: Sequence[int], indent: str, total: int) -> list[str]:
    cells = [cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=False)]
    line = (indent + "  ".join([*cells, row[-1]])).rstrip()
    if len(line) <= total or not row[-1]:
        return [line]
    return [(indent + "  ".join(cells)).rstrip(), f"{indent}    {row[-1]}"]
