"""Where each value of a JSON5 text stands, and what is wrong with a text that is no JSON5.

The values themselves come from a fast parser that keeps no positions. This scanner builds no values: it runs
only when somebody wants to see a line number, over a text that was already parsed or refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import field
from typing import TYPE_CHECKING, NoReturn

from openclaw_sandbox.config.document import NUMBER, SPACE
from openclaw_sandbox.config.source import MAX_DEPTH, Positions
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import KeyPath

_SKIP = re.compile(rf"(?:[{SPACE}]++|//[^\n\r\u2028\u2029]*+|/\*.*?\*/)*+", re.DOTALL)
_STRINGS = {
    '"': re.compile(r'"(?:[^"\\\n\r]++|\\(?:\r\n|.))*+"', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\\n\r]++|\\(?:\r\n|.))*+'", re.DOTALL),
}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\r\n|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LINE_CONTINUATIONS = frozenset("\n\r\u2028\u2029")
_WORD = re.compile(rf"(?:\\u[0-9a-fA-F]{{4}}|[^{SPACE}\\:,/{{}}\[\]\"'])++")
_LITERALS = frozenset({"true", "false", "null"})
_CLOSERS = {"{": "}", "[": "]"}


class ScanError(Exception):
    """The text is not JSON5. `offset` is where it stops making sense; the message is for the user."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def scan(text: str) -> Positions:
    """The position of every key and value of `text`.

    Raises:
        ScanError: the text is not JSON5, or nested deeper than `MAX_DEPTH`.
    """
    return _Scanner(text).run()


@dataclass(slots=True)
class _Frame:
    """A container that is still open: the keys it has so far, or the index of its next element."""

    opener: str
    offset: int
    path: KeyPath
    keys: set[str] = field(default_factory=set)
    count: int = 0
    needs_comma: bool = False


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.stack: list[_Frame] = []
        self.found = Positions()

    def run(self) -> Positions:
        self._skip()
        if self.at == len(self.text):
            self._fail("the file is empty: write {} for a config that sets nothing")
        self._value(())
        while self.stack:
            self._step(self.stack[-1])
        self._skip()
        if self.at < len(self.text):
            self._fail(f"the document ends before this {self._shown()}")
        return self.found

    def _fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise ScanError(self.at if offset is None else offset, message)

    def _shown(self) -> str:
        """What stands here, for a message: one character, never a whole (perhaps secret) value."""
        char = self.text[self.at]
        return f'"{char}"' if char.isprintable() else f"character U+{ord(char):04X}"

    def _skip(self) -> None:
        matched = _SKIP.match(self.text, self.at)
        self.at = matched.end() if matched else self.at
        if self.text.startswith("/*", self.at):
            self._fail("this comment is never closed with */")

    def _step(self, frame: _Frame) -> None:
        """One closing bracket, one comma, or one element of the innermost open container."""
        self._skip()
        if self.at == len(self.text):
            self._fail(f'this "{frame.opener}" is never closed', frame.offset)
        char = self.text[self.at]
        if char == _CLOSERS[frame.opener]:
            self.stack.pop()
            self.at += 1
        elif frame.needs_comma or char == ",":
            self._comma(frame, char)
        else:
            self._element(frame)

    def _comma(self, frame: _Frame, char: str) -> None:
        closer = _CLOSERS[frame.opener]
        if char != ",":
            self._fail(f'expected "," or "{closer}" here, found {self._shown()}')
        if not frame.needs_comma:
            self._fail("this comma has no value before it")
        frame.needs_comma = False
        self.at += 1

    def _element(self, frame: _Frame) -> None:
        frame.needs_comma = True
        if frame.opener == "[":
            path = (*frame.path, frame.count)
            frame.count += 1
        else:
            path = self._key(frame)
        self._value(path)

    def _key(self, frame: _Frame) -> KeyPath:
        start = self.at
        key = self._key_text()
        path = (*frame.path, key)
        if key in frame.keys:
            self.found.duplicates.append((path, start))
        frame.keys.add(key)
        self.found.keys[path] = start
        self._skip()
        if not self.text.startswith(":", self.at):
            shown = self._shown() if self.at < len(self.text) else "the end of the file"
            self._fail(f'expected ":" after the key, found {shown}')
        self.at += 1
        return path

    def _key_text(self) -> str:
        if self.text[self.at] in _STRINGS:
            start = self.at
            self._string()
            return unescape(self.text[start + 1 : self.at - 1])
        matched = _WORD.match(self.text, self.at)
        if matched is None:
            self._fail(f"expected a key here, found {self._shown()}")
        name = unescape(matched.group())
        if not _is_identifier(name):
            self._fail("this key needs quotes")
        self.at = matched.end()
        return name

    def _value(self, path: KeyPath) -> None:
        self._skip()
        if self.at == len(self.text):
            self._fail("the file ends where a value is expected")
        self.found.values[path] = self.at
        char = self.text[self.at]
        if char in _CLOSERS:
            self._open(char, path)
        elif char in _STRINGS:
            self._string()
        else:
            self._scalar()

    def _open(self, char: str, path: KeyPath) -> None:
        if len(self.stack) == MAX_DEPTH:
            self._fail(f"the file is nested deeper than {MAX_DEPTH} levels")
        self.stack.append(_Frame(char, self.at, path))
        self.at += 1

    def _string(self) -> None:
        matched = _STRINGS[self.text[self.at]].match(self.text, self.at)
        if matched is None:
            self._fail("this text has no closing quote on its line")
        self.at = matched.end()

    def _scalar(self) -> None:
        matched = _WORD.match(self.text, self.at)
        word = matched.group() if matched else ""
        if matched is None:
            self._fail(f"expected a value here, found {self._shown()}")
        if word not in _LITERALS and not NUMBER.fullmatch(word):
            self._fail("this is no number, true, false or null; text needs quotes")
        self.at = matched.end()


def _is_identifier(name: str) -> bool:
    """Whether a key may stand without quotes (ECMAScript 5.1 IdentifierName)."""
    return bool(name) and all(
        char in "$_"
        or (char.isascii() and char.isalpha())
        or (index > 0 and char.isascii() and char.isdigit())
        or (not char.isascii() and _is_identifier_letter(char, first=index == 0))
        for index, char in enumerate(name)
    )


def _is_identifier_letter(char: str, *, first: bool) -> bool:
    category = unicodedata.category(char)
    if category in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"):
        return True
    return not first and (category in ("Mn", "Mc", "Nd", "Pc") or char in "\u200c\u200d")


def unescape(raw: str) -> str:
    """The text that the inside of a JSON5 string, or an unquoted key, stands for."""
    if "\\" not in raw:
        return raw
    text = _ESCAPE.sub(_unescaped, raw)
    # Two \\u escapes make one character outside the basic plane.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    if code:
        return chr(int(code, 16))
    char = match.group(3) or ""
    if char in _LINE_CONTINUATIONS:
        return ""
    return _SIMPLE_ESCAPES.get(char, char)
