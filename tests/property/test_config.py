"""Laws of loading: nothing but a config or a ConfigError; an origin is the place to edit."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.errors import ConfigError
from tests.property.configs import configs, damaged
from tests.property.json5_texts import Written, keys, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import KeyPath

_SCALAR = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,\]}/]+""", re.DOTALL)


def loaded(text: str, **files: str) -> LoadedConfig:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {"openclaw": text, **files}.items():
            # Bytes: a carriage return must arrive as it is.
            Path(folder, f"{name}.json").write_bytes(content.encode("utf-8", "surrogatepass"))
        env = {"HOME": folder, "OPENCLAW_CONFIG_PATH": f"{folder}/openclaw.json"}
        return load_config(env=env, cwd=Path(folder))


def written(value: Any, random: Random) -> str:
    result = Written(random)
    result.value(value, ())
    return result.text


def sound(text: str) -> None:
    """The text loads, or is refused with issues that a user can act on."""
    try:
        config = loaded(text)
    except ConfigError as error:
        assert error.issues
        for issue in error.issues:
            assert issue.message
            shown = (issue.message, issue.path, issue.excerpt or "", issue.hint or "")
            assert all(map(str.isprintable, shown))
            assert issue.file
        return
    for path, _value in leaves(config.data):
        config.origin_of(path).text()


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


@given(configs, st.randoms(use_true_random=False))
def test_a_valid_config_loads_in_any_dress(config: dict[str, Any], random: Random) -> None:
    found = loaded(written(config, random))
    assert found.exists
    assert found.data.keys() == config.keys()


@given(configs, st.randoms(use_true_random=False))
def test_a_damaged_config_is_loaded_or_refused(config: dict[str, Any], random: Random) -> None:
    sound(written(damaged(config, random), random))


@given(configs, st.randoms(use_true_random=False), st.data())
def test_a_damaged_text_is_loaded_or_refused(
    config: dict[str, Any], random: Random, data: st.DataObject
) -> None:
    text = written(config, random)
    start = data.draw(st.integers(0, len(text)))
    junk = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
    sound(text[:start] + junk + text[data.draw(st.integers(start, len(text))) :])


@given(st.dictionaries(keys, values, max_size=4), st.randoms(use_true_random=False), st.data())
def test_editing_at_the_origin_changes_that_value_alone(
    tree: dict[str, Any], random: Random, data: st.DataObject
) -> None:
    text = written({"meta": {"x": 1, **tree}}, random)
    config = loaded(text)
    before = dict(leaves(config.data))
    path = data.draw(st.sampled_from(sorted(before, key=repr)))
    location = config.origin_of(path).location()
    assert location
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    offset = sum(map(len, lines[: location.line - 1])) + location.column - 1
    scalar = _SCALAR.match(text, offset)
    assert scalar
    edited = loaded(text[:offset] + "'edited'" + text[scalar.end() :])
    assert dict(leaves(edited.data)) == {**before, path: "edited"}


@given(st.dictionaries(keys, values, max_size=3), st.dictionaries(keys, values, max_size=3))
def test_an_include_beside_keys_is_a_deep_merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    tree = {key: value for key, value in over.items() if key != "$include"}
    included = {key: value for key, value in base.items() if key != "$include"}
    if any("$include" in map(str, path) for path, _ in (*leaves(tree), *leaves(included))):
        return
    import json

    config = loaded(json.dumps({"meta": {"$include": "part.json", **tree}}), part=json.dumps(included))
    assert dict(leaves(config.data["meta"])) == dict(leaves(merge(included, tree)))
    for path, _value in leaves(config.data["meta"]):
        assert config.origin_of(("meta", *path)).location()


def merge(base: Any, over: Any) -> Any:
    if isinstance(base, list) and isinstance(over, list):
        return [*base, *over]
    if isinstance(base, dict) and isinstance(over, dict):
        both = {key: merge(base[key], over[key]) for key in base.keys() & over.keys()}
        return {**base, **over, **both}
    return over


@pytest.mark.parametrize("text", ["{a: ${GONE}}", "{'$include': []}", "{'$include': ['x'], '$include': 1}"])
def test_known_oddities(text: str) -> None:
    sound(text)
