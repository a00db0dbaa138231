"""The scanner knows where everything stands, and agrees with the parser about what is JSON5."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyjson5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.scan import ScanError, scan
from openclaw_sandbox.config.source import Lines
from openclaw_sandbox.errors import ConfigError
from tests.property.json5_texts import Written, documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.config.origin import KeyPath


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_of(item, (*path, key))


@given(documents())
def test_every_key_and_value_is_found_where_it_was_written(document: tuple[Any, Written]) -> None:
    value, written = document
    found = scan(written.text)
    for path in paths_of(value):
        assert found.values[path] == written.values[path]
        assert found.keys.get(path) == written.keys.get(path)
    assert found.duplicates == written.duplicates


@given(documents())
def test_the_parser_reads_what_the_scanner_located(document: tuple[Any, Written]) -> None:
    value, written = document
    assert pyjson5.decode(written.text) == value


@given(documents(), st.data())
def test_a_damaged_text_is_taken_or_refused_by_both(
    document: tuple[Any, Written], data: st.DataObject
) -> None:
    text = document[1].text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    both_agree(text[:start] + data.draw(st.sampled_from(["", *",:{}[]'\"/\\*019.eExu_-+ \n$"])) + text[end:])


@given(st.text("{}[],:'\"/*\\ \n\rabtrue0x1.e-+$_\u2028\ufeff", max_size=30))
def test_any_text_is_taken_or_refused_by_both(text: str) -> None:
    both_agree(text)


@given(st.text("01.eExXf_+-9 ", min_size=1, max_size=8))
def test_numbers_are_taken_or_refused_by_both(text: str) -> None:
    both_agree(f"[{text}]")


def both_agree(text: str) -> None:
    """The document's parser and the scanner: positions can be asked of whatever was parsed."""
    try:
        scan(text)
    except ScanError as error:
        assert 0 <= error.offset <= len(text)
        with pytest.raises(ConfigError):
            Document(Path("openclaw.json"), text)
    else:
        with suppress(ConfigError):  # the parser alone judges the value of a number or an escape
            Document(Path("openclaw.json"), text)


@given(st.lists(st.sampled_from(["a", "bc", "", "é😀"])), st.lists(st.sampled_from(["\n", "\r\n", "\r"])))
def test_lines_are_counted_as_editors_do(texts: list[str], ends: list[str]) -> None:
    offset, whole = 0, ""
    expected = []
    for text, end in zip(texts, ends, strict=False):
        expected.append((offset, text))
        whole += text + end + "|"
        offset = len(whole)
    lines = Lines(whole)
    for start, _text in expected:
        place = lines.locate(start)
        line = lines.line(place.line)
        assert whole[start:].startswith(line[place.column - 1 :])
