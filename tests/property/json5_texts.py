"""Random JSON5 texts that know where each of their keys and values stands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from random import Random

    from openclaw_sandbox.config.origin import KeyPath

_SPACES = ["", "", " ", "\n", "\t", "\r\n", "\r", "\u00a0", "\u2003", "\ufeff", "\u2028", "\v\f"]
_COMMENTS = ['// { "a": \'\n', "/* [ , */", "/**/", "/* two\nlines // */", "//\n", "/***/"]
_IDENTIFIER = re.compile(r"[A-Za-z_$é][A-Za-z0-9_$é]*\Z")

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["//", "/*", "'", '"', "\\", "{", "}", ":", ",", "$include", "\u2028", "😀", "a: 1"]),
)
keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from(
        ["agents", "docker", "$x", "_", "a1_2", "é", "", "a.b", "😀", "true", "NaN", "__proto__"]
    ),
)
values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)


@dataclass
class Written:
    """A text under construction, and the offset of each key and value in it."""

    random: Random
    parts: list[str] = field(default_factory=list)
    length: int = 0
    values: dict[KeyPath, int] = field(default_factory=dict)
    keys: dict[KeyPath, int] = field(default_factory=dict)
    duplicates: list[tuple[KeyPath, int]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def gap(self) -> None:
        for _ in range(self.random.randrange(3)):
            self.put(self.random.choice(_SPACES + _COMMENTS))

    def value(self, value: Any, path: KeyPath) -> None:
        self.gap()
        self.values[path] = self.length
        if isinstance(value, dict):
            self._object(value, path)
        elif isinstance(value, list):
            self._list(value, path)
        elif isinstance(value, str):
            self.put(self._string(value))
        else:
            self.put(self._plain(value))
        self.gap()

    def _object(self, value: dict[str, Any], path: KeyPath) -> None:
        self.put("{")
        entries = list(value.items())
        if entries and self.random.random() < 0.2:  # an earlier value of a key that is given again
            entries.insert(0, (entries[-1][0], self.random.choice([None, [1], value])))
        seen = set()
        for index, (key, item) in enumerate(entries):
            if index:
                self.put(",")
            self.gap()
            inner = (*path, key)
            if key in seen:
                self.duplicates.append((inner, self.length))
            seen.add(key)
            self.keys[inner] = self.length
            self.put(self._key(key))
            self.gap()
            self.put(":")
            self.value(item, inner)
        self._end(entries, "}")

    def _list(self, value: list[Any], path: KeyPath) -> None:
        self.put("[")
        for index, item in enumerate(value):
            if index:
                self.put(",")
            self.value(item, (*path, index))
        self._end(value, "]")

    def _end(self, items: list[Any], closer: str) -> None:
        if items and self.random.random() < 0.3:
            self.put(",")
        self.gap()
        self.put(closer)

    def _key(self, key: str) -> str:
        if _IDENTIFIER.match(key) and self.random.random() < 0.6:
            if self.random.random() < 0.2:
                return f"\\u{ord(key[0]):04x}{key[1:]}"
            return key
        return self._string(key)

    def _string(self, text: str) -> str:
        if self.random.random() < 0.4:
            return json.dumps(text, ensure_ascii=self.random.random() < 0.5)
        quote = self.random.choice("\"'")
        return quote + "".join(self._character(char, quote) for char in text) + quote

    def _character(self, char: str, quote: str) -> str:
        plain = {"\n": "\\n", "\r": "\\r", "\\": "\\\\", quote: f"\\{quote}", "\0": "\\x00"}.get(char, char)
        continued = "\\\n" if self.random.random() < 0.05 else ""
        if ord(char) < 256 and self.random.random() < 0.1:
            return f"{continued}\\x{ord(char):02X}"
        return continued + plain

    def _plain(self, value: object) -> str:
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        sign = "+" if not str(value).startswith("-") and self.random.random() < 0.2 else ""
        if isinstance(value, int) and value >= 0 and self.random.random() < 0.3:
            return f"{sign}0x{value:X}"
        return f"{sign}{value!r}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[Any, Written]:
    """A value, and a JSON5 text for it."""
    value = draw(values)
    written = Written(draw(st.randoms(use_true_random=False)))
    written.value(value, ())
    return value, written
