from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.policy import tools
from openclaw_sandbox.policy.tools import ToolsConfig, matches


def _config(shared: dict[str, Any] | None = None, agent: dict[str, Any] | None = None) -> ToolsConfig:
    def block(lists: dict[str, Any] | None) -> dict[str, Any]:
        return {"sandbox": {"tools": lists}} if lists is not None else {}

    return ToolsConfig(shared=block(shared), agent=block(agent))


def test_groups_aliases_and_duplicates() -> None:
    found = tools.expand([" Bash ", "group:fs", "read", "group:unknown"])
    assert found == ("exec", "read", "write", "edit", "apply_patch", "group:unknown")


@pytest.mark.parametrize(
    ("pattern", "tool", "hit"),
    [
        ("*", "x", True),
        ("mcp_*", "mcp_a.b", True),
        ("mcp_*", "xmcp_a", False),
        ("a.b", "axb", False),
        ("*_x", "a\n_x", True),
    ],
)
def test_only_the_star_is_special(pattern: str, tool: str, hit: bool) -> None:
    assert tools.matches(pattern, tool) is hit


def test_deny_wins_and_an_empty_allow_list_allows() -> None:
    assert not tools.is_allowed("exec", allow=("exec",), deny=("ex*",))
    assert tools.is_allowed("anything", allow=(), deny=("exec",))
    assert not tools.is_allowed("bash", allow=("exec",), deny=())
    assert tools.is_allowed(" EXEC ", allow=("exec",), deny=())


def test_defaults() -> None:
    policy, _, _ = tools.sandbox_tools(_config())
    assert policy.allow == tools.DEFAULT_ALLOW
    assert policy.deny == tools.DEFAULT_DENY
    assert policy.allow_source == {"source": "default", "key": "tools.sandbox.tools.allow"}


def test_each_list_is_chosen_on_its_own() -> None:
    policy, _, _ = tools.sandbox_tools(_config({"deny": ["x"], "allow": ["y"]}, {"allow": ["group:web"]}))
    assert policy.allow == ("web_search", "web_fetch", "image")
    assert policy.deny == ("x",)
    assert (policy.allow_source["source"], policy.deny_source["source"]) == ("agent", "global")


def test_image_comes_along_unless_somebody_named_it() -> None:
    denied, _, _ = tools.sandbox_tools(_config({"allow": ["exec"], "deny": ["image"]}))
    assert denied.allow == ("exec",)
    everything, _, _ = tools.sandbox_tools(_config({"allow": []}))
    assert everything.allow == ()


def test_also_allow_adds_to_the_list_in_force() -> None:
    added, _, _ = tools.sandbox_tools(_config({"alsoAllow": ["group:web"]}))
    assert added.allow[-2:] == ("web_search", "web_fetch")
    mine, _, _ = tools.sandbox_tools(_config({"alsoAllow": ["x"]}, {"allow": ["exec"], "alsoAllow": ["y"]}))
    assert mine.allow == ("exec", "y", "image")
    everything, _, _ = tools.sandbox_tools(_config({"allow": [], "alsoAllow": ["y"]}))
    assert everything.allow == ()


@given(st.text("ab*", max_size=8), st.text("ab\n", max_size=8))
def test_a_star_stands_for_any_text(pattern: str, tool: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tool, re.DOTALL) is not None
    assert matches(pattern, tool) is expected


def test_many_stars_cost_nothing() -> None:
    assert not matches("*a" * 50 + "b", "a" * 10_000)
    assert matches("*a" * 50 + "*", "a" * 10_000)
