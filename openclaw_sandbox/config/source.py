"""A config file's text, and the way from a key path to a line, a column and an excerpt of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from openclaw_sandbox.config.origin import Location
from openclaw_sandbox.config.problems import invalid_config, printable
from openclaw_sandbox.config.secret_text import mask_line
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath

#: Containers within containers. Real configs stay under twenty; a bound keeps every walk over a config safe.
MAX_DEPTH = 100

_EXCERPT_WIDTH = 100
#: How far around the column a line is searched for secrets; a minified config is one endless line.
_LOOKED_AT = 1000
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True)
class Positions:
    """Offsets into a text. Of a key that is given twice, the last one counts, as in JavaScript.

    What only an earlier one holds is still listed: ask for paths of the parsed value alone.
    """

    values: dict[KeyPath, int] = field(default_factory=dict)
    keys: dict[KeyPath, int] = field(default_factory=dict)
    duplicates: list[tuple[KeyPath, int]] = field(default_factory=list)


class Lines:
    """The lines of a text, as editors count them: they end with LF, CRLF or CR."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def locate(self, offset: int) -> Location:
        """The line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return Location(line=line, column=offset - self._starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """One line without its end."""
        end = self._starts[number] if number < len(self._starts) else len(self._text)
        return self._text[self._starts[number - 1] : end].rstrip("\r\n")


class SourceText(ABC):
    """A text file that was read, and says where its parts stand. Each format finds them in its own way."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text

    @property
    @abstractmethod
    def positions(self) -> Positions:
        """Where each key and value stands."""

    @cached_property
    def lines(self) -> Lines:
        """The text's lines."""
        return Lines(self.text)

    def value_location(self, path: KeyPath) -> Location | None:
        """Where the value at `path` begins."""
        offset = self.positions.values.get(path)
        return None if offset is None else self.lines.locate(offset)

    def issue(self, offset: int, message: str, *, path: str = "") -> Issue:
        """An issue about what stands at `offset`."""
        place = self.lines.locate(offset)
        return Issue(
            path=printable(path),
            message=printable(message),
            file=str(self.path),
            line=place.line,
            column=place.column,
            excerpt=_excerpt(self.lines.line(place.line), place.column - 1),
        )

    def issue_at(self, path: KeyPath, message: str, *, shown_as: str, at_key: bool = False) -> Issue:
        """An issue about the value (or the key) at `path`; or about its nearest parent that is written."""
        positions = self.positions
        for length in range(len(path), -1, -1):
            part = path[:length]
            offset = positions.keys.get(part) if at_key else None
            offset = positions.values.get(part) if offset is None else offset
            if offset is not None:
                return self.issue(offset, message, path=shown_as)
        return Issue(path=shown_as, message=message, file=str(self.path))

    def refused(self, offset: int, message: str) -> ConfigError:
        """The error for a text that makes no sense at `offset`."""
        return invalid_config(self.path, [self.issue(offset, message)])


def _excerpt(line: str, column: int) -> str:
    """The part of a line around `column` (from 0): secrets masked, control characters escaped."""
    near = max(0, column - _LOOKED_AT), column + _LOOKED_AT
    shown = printable(mask_line(line[near[0] : near[1]]))
    if len(shown) <= _EXCERPT_WIDTH:
        return shown.strip()
    start = max(0, min(column - near[0] - _EXCERPT_WIDTH // 3, len(shown) - _EXCERPT_WIDTH))
    end = start + _EXCERPT_WIDTH
    cut_before, cut_after = near[0] + start > 0, end < len(shown) or near[1] < len(line)
    return ("..." if cut_before else "") + shown[start:end].strip() + ("..." if cut_after else "")
