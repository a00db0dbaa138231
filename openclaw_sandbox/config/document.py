"""One JSON5 file: its text, its values, and (only when somebody looks) where each value stands."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.problems import invalid_config, printable
from openclaw_sandbox.config.secret_text import mask_line
from openclaw_sandbox.errors import Issue

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath, Location
    from openclaw_sandbox.config.scan import Lines, Scan

#: Containers within containers. Real configs stay under twenty; a bound keeps every walk over a config safe.
MAX_DEPTH = 100

#: Integers beyond this are not exact in JavaScript, where every number is a double.
_MAX_SAFE_INTEGER = (1 << 53) - 1
_EXCERPT_WIDTH = 100
#: How far around the column a line is searched for secrets; a minified config is one endless line.
_LOOKED_AT = 1000
_NEAR = re.compile(r"near (\d+)")
#: What JSON5 calls white space, for a character class.
SPACE = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
NUMBER = re.compile(
    r"[+-]?(?:Infinity|NaN|0[xX][0-9a-fA-F]++"
    r"|(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)"
)
_TEXT_OR_COMMENT = re.compile(
    r"\"(?:[^\"\\]++|\\.)*+\"|'(?:[^'\\]++|\\.)*+'|//[^\n\r\u2028\u2029]*+|/\*.*?\*/", re.DOTALL
)
_NUMBER_LIKE = re.compile(rf"(?<![\w$])[-+.0-9][^{SPACE},:{{}}\[\]\"'/]*+")


class Document:
    """A parsed JSON5 file. `data` holds plain dicts, lists, text, numbers, booleans and None."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse `text`, which stands in `path`.

        Raises:
            ConfigError: no JSON5, or nested too deep; with line, column and the offending line.
        """
        self.path = path
        self.text = text
        self._keys_written = 0
        self.data = self._parse()

    # The scanner is imported where it is used: a run that shows no line number does without it.

    @cached_property
    def _positions(self) -> Scan:
        from openclaw_sandbox.config.scan import scan

        return scan(self.text)

    @cached_property
    def _lines(self) -> Lines:
        from openclaw_sandbox.config.scan import Lines

        return Lines(self.text)

    def _parse(self) -> Any:
        from pyjson5 import Json5DecoderException, decode

        try:
            data = _as_doubles(decode(self.text, MAX_DEPTH))
        except Json5DecoderException as error:
            offset, message = self._what_is_wrong() or _unexplained(str(error.args[0]), self.text)
            raise self._refused(offset, message) from None
        if not self._second_look() and (wrong := self._what_is_wrong()):
            raise self._refused(*wrong)
        return data

    def _second_look(self) -> bool:
        """Count the keys, and check the numbers: the fast parser takes `1_000`, `+-1` and `.e5`."""
        bare = _TEXT_OR_COMMENT.sub(" ", self.text)
        self._keys_written = bare.count(":")
        return all(map(NUMBER.fullmatch, _NUMBER_LIKE.findall(bare)))

    def _what_is_wrong(self) -> tuple[int, str] | None:
        """Where and why our own scanner refuses the text; None if it does not."""
        from openclaw_sandbox.config.scan import ScanError

        try:
            _ = self._positions
        except ScanError as error:
            return error.offset, str(error)
        return None

    def _refused(self, offset: int, message: str) -> Exception:
        return invalid_config(self.path, [self.issue(offset, message)])

    def duplicates(self) -> list[tuple[KeyPath, Location]]:
        """Keys that are given twice in one object (the last one counts), with the place of the repetition."""
        if self._keys_written == _count_keys(self.data):
            return []
        return [(path, self._lines.locate(offset)) for path, offset in self._positions.duplicates]

    def value_location(self, path: KeyPath) -> Location | None:
        """Where the value at `path` begins."""
        offset = self._positions.values.get(path)
        return None if offset is None else self._lines.locate(offset)

    def issue(self, offset: int, message: str, *, path: str = "") -> Issue:
        """An issue about what stands at `offset`."""
        place = self._lines.locate(offset)
        return Issue(
            path=printable(path),
            message=printable(message),
            file=str(self.path),
            line=place.line,
            column=place.column,
            excerpt=_excerpt(self._lines.line(place.line), place.column - 1),
        )

    def issue_at(self, path: KeyPath, message: str, *, shown_as: str, at_key: bool = False) -> Issue:
        """An issue about the value (or the key) at `path`; or about its nearest parent that is written."""
        positions = self._positions
        for length in range(len(path), -1, -1):
            part = path[:length]
            offset = positions.keys.get(part) if at_key else None
            offset = positions.values.get(part) if offset is None else offset
            if offset is not None:
                return self.issue(offset, message, path=shown_as)
        return Issue(path=shown_as, message=message, file=str(self.path))


def _unexplained(parser_says: str, text: str) -> tuple[int, str]:
    """What only the fast parser refuses: a number out of range, half of a surrogate pair."""
    near = _NEAR.search(parser_says)
    offset = min(int(near.group(1)) - 1, len(text)) if near else 0
    return max(offset, 0), "JSON5 does not allow this number or escape, or it is too large"


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


def _as_doubles(value: Any) -> Any:
    """Numbers as JavaScript sees them: `1.0` is the integer 1, what no double holds exactly is rounded."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) is not str:
                value[key] = _as_doubles(item)
    elif isinstance(value, list):
        value[:] = [_as_doubles(item) for item in value]
    elif isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_SAFE_INTEGER:
        return int(value)
    elif type(value) is int and abs(value) > _MAX_SAFE_INTEGER:
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
