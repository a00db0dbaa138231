"""One YAML file: its values and where each of them stands.

Built from parser events, not by a loader: that keeps every position, and gives each danger of YAML (aliases
that multiply, custom tags, merge keys, keys given twice) one place where it is bounded or refused.
"""

from __future__ import annotations

import re
import sys
from copy import deepcopy
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn

from openclaw_sandbox.config.source import Positions, SourceText
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ruamel.yaml.error import MarkedYAMLError

    from openclaw_sandbox.config.origin import KeyPath

MAX_YAML_BYTES = 256 << 10
_MAX_DEPTH = 20
_MAX_NODES = 10_000
_MAX_ALIASES = 100
_VERSION = re.compile(r"^%YAML[ \t]+(?!1\.[12]\s)", re.MULTILINE)
_LONG_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_TAG = "tag:yaml.org,2002:"
#: What the YAML parser says by pieces of its messages, in other words; the rest is passed on as it is.
_WORDS = (
    ("found character '\\t'", "a tab cannot indent YAML; use spaces"),
    ("that cannot start any token", "text that begins like this needs quotes"),
    ("mapping values are not allowed", 'this ":" is out of place: check the indentation, or quote the text'),
    ("could not find expected ':'", 'a ":" is missing after this key'),
    ("unexpected end of stream", "this text is never closed with a quote"),
    ("but got '<stream end>'", "the file ends inside a list or an object: a bracket is missing"),
    ("expected ',' or", 'a "," or a closing bracket is missing before this'),
    ("expected <block end>", "this line does not fit those above it: check the indentation"),
)


class YamlDocument(SourceText):
    """A parsed YAML file. `data` holds dicts, lists, text, numbers, booleans and None; keys are text."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse `text`, which stands in `path`.

        Raises:
            ConfigError: no YAML, more than one document, or something that this tool does not read: custom
                tags, merge keys, keys given twice, too much of anything.
        """
        super().__init__(path, text)
        self.data, self._positions = self._parse()

    @property
    def positions(self) -> Positions:
        """Where each key and value stands."""
        return self._positions

    def _parse(self) -> tuple[Any, Positions]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.reader import ReaderError

        yaml = YAML(typ="safe", pure=True)
        text = self.text.removeprefix("\ufeff")
        builder = _Builder(resolver=yaml.resolver, skipped=len(self.text) - len(text))
        try:
            builder.build(yaml.parse(text))
        except _RefusedError as error:
            raise self.refused(error.offset, str(error)) from None
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            offset = mark.index + builder.skipped if mark else 0
            raise self.refused(offset, _in_words(error)) from None
        except ReaderError as error:
            message = f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
            raise self.refused(error.position + builder.skipped, message) from None
        except (AssertionError, LookupError, ValueError, OverflowError):  # the parser's own slips
            offset, message = _unexplained(text)
            raise self.refused(offset + builder.skipped, message) from None
        return builder.root, builder.positions


class _RefusedError(Exception):
    """The YAML is well formed, and not what this tool reads."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(slots=True)
class _Frame:
    """A container that is still open. `key` is the key whose value comes next."""

    container: Any
    path: KeyPath
    anchor: str | None
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Turns events into values. `anchors` maps the names of finished values to where they are.

    `skipped` characters of the file stand before the parsed text.
    """

    resolver: Any
    skipped: int
    root: Any = None
    positions: Positions = field(default_factory=Positions)
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[KeyPath, Any]] = field(default_factory=dict)
    documents: int = 0
    nodes: int = 0
    aliases: int = 0
    old: bool = False  # a directive says YAML 1.1, where 017 is octal

    def build(self, events: Iterable[Any]) -> None:
        handlers = {
            "DocumentStartEvent": self._document,
            "MappingStartEvent": self._open,
            "SequenceStartEvent": self._open,
            "MappingEndEvent": self._close,
            "SequenceEndEvent": self._close,
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
        }
        for event in events:
            handler = handlers.get(type(event).__name__)
            if handler is not None:
                handler(event)

    def _fail(self, event: Any, message: str) -> NoReturn:
        raise _RefusedError(self._offset(event), message)

    def _offset(self, event: Any) -> int:
        return int(event.start_mark.index) + self.skipped

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._fail(event, "a second document begins here; this file is one document")
        self.old = event.version == (1, 1)

    def _open(self, event: Any) -> None:
        if len(self.stack) == _MAX_DEPTH:
            self._fail(event, f"the file is nested deeper than {_MAX_DEPTH} levels")
        container: Any = {} if type(event).__name__ == "MappingStartEvent" else []
        if event.tag is not None and event.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._fail(event, f"the tag {event.tag} is not supported")
        path = self._place(event, container)
        self.stack.append(_Frame(container, path, event.anchor))

    def _close(self, _event: Any) -> None:
        frame = self.stack.pop()
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.path, frame.container)

    def _scalar(self, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            self._key(event, frame)
            return
        value = self._value(event)
        path = self._place(event, value)
        if not event.value and path in self.positions.keys:
            # For the parser a value that was left out begins on some later line.
            self.positions.values[path] = self.positions.keys[path]
        if event.anchor:
            self.anchors[event.anchor] = (path, value)

    def _key(self, event: Any, frame: _Frame) -> None:
        key = self._text(event)
        if key == "<<" and event.implicit[0]:
            self._fail(event, "merge keys (<<) are not supported; write the keys out")
        if key in frame.container:
            self._fail(event, f'the key "{key}" is given twice')
        frame.key = key
        self.positions.keys[(*frame.path, key)] = self._offset(event)

    def _text(self, event: Any) -> str:
        text = str(event.value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self._fail(event, "this text holds half of a character (a lone surrogate)")
        return text

    def _place(self, event: Any, value: Any) -> KeyPath:
        """Put a value into the innermost open container; returns where it is now."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            self._fail(event, f"the file holds more than {_MAX_NODES} values, aliases counted")
        path: KeyPath = ()
        if not self.stack:
            self.root = value
        elif isinstance(self.stack[-1].container, list):
            path = (*self.stack[-1].path, len(self.stack[-1].container))
            self.stack[-1].container.append(value)
        else:
            path = self._place_in_mapping(event, value, self.stack[-1])
        self.positions.values[path] = self._offset(event)
        return path

    def _place_in_mapping(self, event: Any, value: Any, frame: _Frame) -> KeyPath:
        if frame.key is None:
            self._fail(event, "a key must be plain text")
        path = (*frame.path, frame.key)
        frame.container[frame.key] = value
        frame.key = None
        return path

    def _alias(self, event: Any) -> None:
        self.aliases += 1
        if self.aliases > _MAX_ALIASES:
            self._fail(event, f"the file holds more than {_MAX_ALIASES} aliases")
        known = self.anchors.get(event.anchor)
        if known is None:
            self._fail(event, f"*{event.anchor} names no value that is complete before it")
        source, value = known
        self.nodes += _size(value)
        path = self._place(event, deepcopy(value))
        copies = {
            (*path, *inner[len(source) :]): offset
            for inner, offset in self.positions.values.items()
            if len(inner) > len(source) and inner[: len(source)] == source
        }
        self.positions.values.update(copies)

    def _value(self, event: Any) -> Any:
        from ruamel.yaml.nodes import ScalarNode

        text = self._text(event)
        tag = str(event.tag or self.resolver.resolve(ScalarNode, text, event.implicit))
        kind = tag.removeprefix(_TAG)
        if kind == tag or kind not in _KINDS:
            self._fail(event, f"the tag {tag} is not supported")
        try:
            return _octal(text) if self.old and kind == "int" else _KINDS[kind](text)
        except ValueError:
            self._fail(event, f"this is no value of the kind {kind}")


def _in_words(error: MarkedYAMLError) -> str:
    said = str(error.problem or error.context or "this is no YAML")
    return next((words for piece, words in _WORDS if piece in said), said)


def _unexplained(text: str) -> tuple[int, str]:
    """Where and why the parser itself stumbled: another version of YAML, or an escape beyond Unicode."""
    if version := _VERSION.search(text):
        return version.end(), "only YAML 1.2 and 1.1 are supported"
    beyond = (found for found in _LONG_ESCAPE.finditer(text) if int(found[1], 16) > sys.maxunicode)
    if escape := next(beyond, None):
        return escape.start(), f"there is no character {escape[0]}"
    return 0, "the YAML parser cannot make sense of this file"


def _size(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, items))


def _integer(text: str) -> int:
    plain = text.replace("_", "").lower()
    base = {"0x": 16, "0o": 8, "0b": 2}.get(plain.lstrip("+-")[:2], 10)
    return int(plain, base)


def _octal(text: str) -> int:
    """A whole number of YAML 1.1, where a leading 0 means octal."""
    plain = text.replace("_", "")
    return int(plain, 8) if _OCTAL.fullmatch(plain) else _integer(text)


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


#: A date is text to this tool, and so is YAML 1.1's "=".
_KINDS: dict[str, Any] = {
    "null": lambda _text: None,
    "bool": _boolean,
    "int": _integer,
    "float": _float,
    "str": str,
    "timestamp": str,
    "value": str,
}
