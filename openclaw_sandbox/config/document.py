"""One JSON5 file: its text, its values, and (only when somebody looks) where each value stands."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.source import MAX_DEPTH, Positions, SourceText

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath, Location

#: Integers beyond this are not exact in JavaScript, where every number is a double.
_MAX_SAFE_INTEGER = (1 << 53) - 1
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


class Document(SourceText):
    """A parsed JSON5 file. `data` holds plain dicts, lists, text, numbers, booleans and None."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse `text`, which stands in `path`.

        Raises:
            ConfigError: no JSON5, or nested too deep; with line, column and the offending line.
        """
        super().__init__(path, text)
        self._keys_written = 0
        self.data = self._parse()

    @cached_property
    def positions(self) -> Positions:
        """Where each key and value stands; found when somebody asks."""
        from openclaw_sandbox.config.scan import scan

        return scan(self.text)

    def _parse(self) -> Any:
        from pyjson5 import Json5DecoderException, decode

        try:
            data = _as_doubles(decode(self.text, MAX_DEPTH))
        except Json5DecoderException as error:
            offset, message = self._what_is_wrong() or _unexplained(str(error.args[0]), self.text)
            raise self.refused(offset, message) from None
        if not self._second_look() and (wrong := self._what_is_wrong()):
            raise self.refused(*wrong)
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
            _ = self.positions
        except ScanError as error:
            return error.offset, str(error)
        return None

    def duplicates(self) -> list[tuple[KeyPath, Location]]:
        """Keys that are given twice in one object (the last one counts), with the place of the repetition."""
        if self._keys_written == _count_keys(self.data):
            return []
        return [(path, self.lines.locate(offset)) for path, offset in self.positions.duplicates]


def _unexplained(parser_says: str, text: str) -> tuple[int, str]:
    """What only the fast parser refuses: a number out of range, half of a surrogate pair."""
    near = _NEAR.search(parser_says)
    offset = min(int(near.group(1)) - 1, len(text)) if near else 0
    return max(offset, 0), "JSON5 does not allow this number or escape, or it is too large"


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
