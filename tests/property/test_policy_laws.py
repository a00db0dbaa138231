"""Laws of the policy: provenance is true, denials stay, the hash does not depend on the order of keys."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.policy import tools
from openclaw_sandbox.policy.binds import BindJudge, Sensitive
from openclaw_sandbox.policy.layers import smallest
from openclaw_sandbox.policy.model import Candidate, EffectivePolicy, Resolved
from openclaw_sandbox.policy.paths import path_map
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import HOME, FakeHost, config_of
from tests.property.policy_configs import configs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

#: Another valid value for each kind of line, told by the key's last part.
_OTHERS: dict[str, list[Any]] = {
    "mode": ["off", "non-main", "all"],
    "workspaceAccess": ["none", "ro", "rw"],
    "readOnlyRoot": [True, False],
    "network": ["none", "bridge"],
    "image": ["a:1", "b:2"],
    "workdir": ["/workspace", "/work"],
    "memory": ["768m", "896m"],
    "cpus": [3.5, 4.5],
}


def _load(text: str, folder: Path) -> dict[str, Resolved[Any]]:
    file = folder / "openclaw.json"
    file.write_text(text, encoding="utf-8")
    env = {"HOME": str(folder), "OPENCLAW_CONFIG_PATH": str(file), "OPENCLAW_STATE_DIR": str(folder)}
    config = load_config(env=env, cwd=folder)
    policy = survey(config, session=None, agent=None, host=FakeHost())
    return {key: value for key, value in policy.values.items() if value.origin.kind is OriginKind.FILE}


def _other(resolved: Resolved[Any]) -> Any:
    last = resolved.key.rpartition(".")[2]
    if resolved.key.startswith("docker.binds."):
        return "/srv/other:/mnt/other"
    choices = _OTHERS.get(last, [resolved.value + 1 if isinstance(resolved.value, int) else "changed"])
    return next(choice for choice in choices if choice != resolved.value)


def _edited(text: str, origin: Origin, value: Any) -> str:
    """`text` with the value at the reported place replaced; values stand at the end of their lines."""
    place = origin.location()
    assert place is not None
    lines = text.splitlines()
    line = lines[place.line - 1]
    comma = "," if line.endswith(",") else ""
    lines[place.line - 1] = line[: place.column - 1] + json.dumps(value) + comma
    return "\n".join(lines)


@given(config=configs())
def test_edit_the_reported_line_and_exactly_that_value_changes(
    config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law")
    text = json.dumps(config, indent=1)
    before = _load(text, folder)
    for key, resolved in before.items():
        if isinstance(resolved.value, (list, dict)):
            continue  # stands on several lines
        wanted = _other(resolved)
        after = _load(_edited(text, resolved.origin, wanted), folder)
        changed = {name for name in before if before[name].value != after[name].value}
        assert changed == {key}
        assert after[key].value == wanted


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [_shuffled(item, rng) for item in value] if isinstance(value, list) else value


def _policy(config: dict[str, Any]) -> EffectivePolicy:
    return survey(config_of(config), session=None, agent=None, host=FakeHost())


@given(config=configs(), seed=st.integers(0, 2**32))
def test_the_hash_does_not_depend_on_the_order_of_keys(config: dict[str, Any], seed: int) -> None:
    assert _policy(config).config_hash == _policy(_shuffled(config, random.Random(seed))).config_hash


_LIMITS = st.lists(st.integers(1, 1000), min_size=1, max_size=5)


@given(values=_LIMITS, extra=st.integers(1, 1000))
def test_one_more_layer_never_raises_a_limit(values: list[int], extra: int) -> None:
    def limit(numbers: list[int]) -> int:
        said = [Candidate(origin=Origin(kind=OriginKind.FILE, key=str(n)), value=n) for n in numbers]
        found = smallest("docker.memory", said)
        assert found is not None
        assert len(found.overridden) == len(numbers) - 1
        return int(found.value)

    assert limit([*values, extra]) <= limit(values)


_TOOL = st.sampled_from(["exec", "read", "write", "browser", "mcp_x", "web_fetch", "bash", "image"])
_PATTERNS = st.lists(st.sampled_from(["exec", "group:fs", "*", "mcp_*", "*_fetch", "image", "x"]), max_size=4)


@given(tool=_TOOL, allow=_PATTERNS, deny=_PATTERNS, more=_PATTERNS)
def test_one_more_deny_never_allows_a_tool(
    tool: str, allow: list[str], deny: list[str], more: list[str]
) -> None:
    lists = tools.expand(allow), tools.expand(deny), tools.expand([*deny, *more])
    if not tools.is_allowed(tool, allow=lists[0], deny=lists[1]):
        assert not tools.is_allowed(tool, allow=lists[0], deny=lists[2])


_FOLDERS = st.lists(st.sampled_from(["srv", "data", "x", "..", ".", "etc"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(source=_FOLDERS, hidden=st.lists(_FOLDERS, max_size=3), extra=_FOLDERS, read_only=st.booleans())
def test_one_more_sensitive_path_never_opens_a_source(
    source: str, hidden: list[str], extra: str, read_only: bool
) -> None:
    def refused(paths: list[str]) -> bool:
        judge = BindJudge([Sensitive(path=path, label=path) for path in paths], FakeHost())
        return judge.objection(source, read_only=read_only) is not None

    assert not refused(hidden) or refused([*hidden, extra])


@given(config=configs(), tail=st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))
def test_a_path_that_is_seen_is_the_same_file_from_both_sides(
    config: dict[str, Any], tail: list[str]
) -> None:
    paths = path_map(_policy(config), home=HOME)
    for mount in paths.mounts:
        inside = paths.inside("/".join([mount.destination, *tail]))
        if inside.host_path is not None:
            back = paths.from_host(inside.host_path)
            assert back is not None
            assert back.host_path == inside.host_path
