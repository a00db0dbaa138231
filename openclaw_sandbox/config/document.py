"""One JSON5 file: its text, its values, and (only when somebody looks) where each value stands."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.problems import invalid_config
from openclaw_sandbox.config.scan import MAX_DEPTH, Scan, ScanError, line_starts, locate, scan
from openclaw_sandbox.config.secret_text import mask_line
from openclaw_sandbox.errors import Issue

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath, Location

#: Integers beyond this are not exact in JavaScript, where every number is a double.
_MAX_SAFE_INTEGER = (1 << 53) - 1
_EXCERPT_WIDTH = 100
_NEAR = re.compile(r"near (\d+)")
#: Strings and comments are stepped over; what remains are the colons, one for each key that was written, and
#: a separator in a number, which the fast parser takes although JSON5 does not know it.
_KEYS_WRITTEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|\'(?:[^\'\\]++|\\.)*+\'|//[^\n\r\u2028\u2029]*+|/\*.*?\*/|(:)|([0-9]_+[0-9])',
    re.DOTALL,
)


class Document:
    """A parsed JSON5 file. `data` holds plain dicts, lists, text, numbers, booleans and None."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse `text`, which stands in `path`.

        Raises:
            ConfigError: no JSON5, or nested too deep; with line, column and the offending line.
        """
        self.path = path
        self.text = text
        self.data = self._parse()

    @cached_property
    def _positions(self) -> Scan:
        return scan(self.text)

    @cached_property
    def _line_starts(self) -> list[int]:
        return line_starts(self.text)

    def _parse(self) -> Any:
        from pyjson5 import Json5DecoderException, decode

        try:
            return _as_doubles(decode(self.text, MAX_DEPTH))
        except Json5DecoderException as error:
            offset, message = self._what_is_wrong(str(error.args[0]))
        except RecursionError:
            offset, message = 0, f"the file is nested deeper than {MAX_DEPTH} levels"
        raise invalid_config(self.path, [self.issue(offset, message)])

    def _what_is_wrong(self, parser_says: str) -> tuple[int, str]:
        """Our scanner explains what the parser refused; what it takes itself is a number or an escape."""
        try:
            scan(self.text)
        except ScanError as error:
            return error.offset, str(error)
        near = _NEAR.search(parser_says)
        offset = min(int(near.group(1)) - 1, len(self.text)) if near else 0
        return max(offset, 0), "this number or escape is not one that JSON5 allows, or it is too large"

    def duplicates(self) -> list[tuple[KeyPath, Location]]:
        """Keys that are given twice in one object (the last one counts), with the place of the repetition."""
        written = sum(1 for match in _KEYS_WRITTEN.finditer(self.text) if match.group(1))
        if written == _count_keys(self.data):
            return []
        return [(path, locate(self._line_starts, at)) for path, at in self._positions.duplicates]

    def value_location(self, path: KeyPath) -> Location | None:
        """Where the value at `path` begins."""
        offset = self._positions.values.get(path)
        return None if offset is None else locate(self._line_starts, offset)

    def key_location(self, path: KeyPath) -> Location | None:
        """Where the last key of `path` stands; for an element of a list, the element."""
        offset = self._positions.keys.get(path, self._positions.values.get(path))
        return None if offset is None else locate(self._line_starts, offset)

    def issue(self, offset: int, message: str, *, path: str = "") -> Issue:
        """An issue about what stands at `offset`."""
        place = locate(self._line_starts, offset)
        return Issue(
            path=path,
            message=message,
            file=str(self.path),
            line=place.line,
            column=place.column,
            excerpt=self.excerpt(place),
        )

    def issue_at(self, path: KeyPath, message: str, *, shown_as: str, at_key: bool = False) -> Issue:
        """An issue about the value (or the key) at `path`; or about its nearest parent that is written."""
        for length in range(len(path), -1, -1):
            part = path[:length]
            offset = self._positions.keys.get(part) if at_key else None
            offset = self._positions.values.get(part) if offset is None else offset
            if offset is not None:
                return self.issue(offset, message, path=shown_as)
        return Issue(path=shown_as, message=message, file=str(self.path))

    def excerpt(self, place: Location) -> str:
        """The line at `place`, fit to be shown: secrets masked, control characters escaped, cut."""
        start = self._line_starts[place.line - 1]
        end = self._line_starts[place.line] if place.line < len(self._line_starts) else len(self.text)
        line = mask_line(self.text[start:end].rstrip("\r\n"))
        shown = "".join(char if char.isprintable() else _escaped(char) for char in line.expandtabs(1))
        return _cut(shown, place.column - 1)


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def _cut(line: str, column: int) -> str:
    if len(line) <= _EXCERPT_WIDTH:
        return line.strip()
    start = max(0, min(column - _EXCERPT_WIDTH // 3, len(line) - _EXCERPT_WIDTH))
    end = start + _EXCERPT_WIDTH
    return ("..." if start else "") + line[start:end].strip() + ("..." if end < len(line) else "")


def _as_doubles(value: Any) -> Any:
    """Numbers as JavaScript sees them: `1.0` is the integer 1, what no double holds exactly is rounded."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) not in (str, bool):
                value[key] = _as_doubles(item)
        return value
    if isinstance(value, list):
        value[:] = [_as_doubles(item) for item in value]
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_SAFE_INTEGER:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_SAFE_INTEGER:
        return _rounded(value)
    return value


def _rounded(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _count_keys(data: Any) -> int:
    if isinstance(data, dict):
        return len(data) + sum(_count_keys(item) for item in data.values() if isinstance(item, (dict, list)))
    if isinstance(data, list):
        return sum(_count_keys(item) for item in data if isinstance(item, (dict, list)))
    return 0
