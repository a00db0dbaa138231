"""Laws of config.yml: nothing but a loaded file or a ConfigError; a position is the place to edit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.config.hardening_file import load_hardening_file
from openclaw_sandbox.config.model import StatePaths
from openclaw_sandbox.config.yaml_file import YamlDocument
from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.config.origin import KeyPath

EXAMPLE = """\
sandbox:
  enabled: true
  timeout: 300   # seconds
  resource_limits: {memory: '2gb', cpus: 1.5, cpuset: [0, '2-3'], pids: 256}
  drop_capabilities: ['CAP_SYS_ADMIN', NET_ADMIN]
  mounts:
    - {source: /srv/a, target: /a, mode: rw}
    - source: &b /srv/b
      target: *b
  ulimits: {nofile: "1024:2048"}
  log:
    driver: json-file
  health_check:
    command: |-
      true
    interval: 5s
  ports: [8080, "81:80"]
  agents:
    work: {timeout: 1h}
"""
_PIECES = st.sampled_from(
    [
        *"\n\t -:#&*!|>%@`'\"{}[],?~<=é",
        *("- ", ": ", "<<: *b", "&b", "*b", "!!str ", "---\n", "...\n", "null", "  ", "timeout", "sandbox"),
        *("0x", "1e999", ".nan", "\ufeff", "\x85", "\u2028", "-1", "2001-01-01"),
    ]
)


def load(text: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.yml").write_bytes(text.encode())
        state = Path(folder)
        paths = StatePaths(home=state, state_dir=state, config_file=state / "openclaw.json", profile=None)
        return load_hardening_file(paths)


def sound(text: str) -> None:
    try:
        loaded = load(text)
    except ConfigError as error:
        assert error.issues
        for issue in error.issues:
            shown = (issue.message, issue.path, issue.excerpt or "", issue.hint or "")
            assert all(map(str.isprintable, shown))
        return
    for path, _value in leaves(loaded.data):
        loaded.origin_of(path).text()


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    items = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if items is None:
        yield path, value
    for key, item in items or ():
        yield from leaves(item, (*path, key))


def test_the_example_loads() -> None:
    assert load(EXAMPLE).data["mounts"][1] == {"source": "/srv/b", "target": "/srv/b", "mode": "ro"}


@given(st.data())
def test_a_damaged_file_is_loaded_or_refused(data: st.DataObject) -> None:
    text = EXAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + data.draw(_PIECES) + text[end:]
    sound(text)


@given(st.lists(_PIECES, max_size=15).map("".join))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    sound(text)
    sound("sandbox:\n  " + text)


_words = st.text("abcxyz_é😀 ", min_size=1, max_size=6).map(lambda word: f"w{word}w")
_scalars = st.one_of(st.integers(-99, 99), st.booleans(), _words)
_trees = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_words, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def rendered(value: Any, indent: int = 0) -> str:
    """Block style, one scalar a line."""
    pad = " " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{key}:{_nested(item, indent)}" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"{pad}-{_nested(item, indent)}" for item in value)
    return f"{pad}{_scalar(value)}\n"


def _nested(value: Any, indent: int) -> str:
    if isinstance(value, (dict, list)):
        return "\n" + rendered(value, indent + 2)
    return f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(st.dictionaries(_words, _trees, min_size=1, max_size=3), st.data())
def test_editing_at_the_position_changes_that_value_alone(tree: dict[str, Any], data: st.DataObject) -> None:
    text = rendered(tree)
    text = data.draw(st.sampled_from(["", "\ufeff", "---\n"])) + text
    document = YamlDocument(Path("config.yml"), text)
    before = dict(leaves(document.data))
    assert before == dict(leaves(tree))
    path = data.draw(st.sampled_from(sorted(before, key=repr)))
    place = document.value_location(path)
    assert place
    lines = text.split("\n")
    lines[place.line - 1] = lines[place.line - 1][: place.column - 1] + "edited"
    after = YamlDocument(Path("config.yml"), "\n".join(lines))
    assert dict(leaves(after.data)) == {**before, path: "edited"}
