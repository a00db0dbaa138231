from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.policy.resolve import survey
from openclaw_sandbox.policy.toolcall import Place, ToolVerdict, judge_tool
from openclaw_sandbox.policy.toolchain import tool_chain
from tests.fake_host import FakeHost, config_of


def _judge(
    tool: str,
    tools: dict[str, Any] | None = None,
    *,
    agent: dict[str, Any] | None = None,
    mode: str = "all",
    access: str = "none",
    session: str | None = None,
) -> ToolVerdict:
    data: dict[str, Any] = {
        "agents": {
            "defaults": {"sandbox": {"mode": mode, "workspaceAccess": access}},
            "list": [{"id": "main", "tools": agent or {}}],
        },
        "tools": tools or {},
    }
    config = config_of(data)
    policy = survey(config, session=session, agent=None, host=FakeHost())
    return judge_tool(policy, tool_chain(config, policy), tool)


@pytest.mark.parametrize(
    ("tool", "mode", "tools", "place"),
    [
        ("exec", "all", {}, Place.SANDBOX),
        ("bash", "all", {}, Place.SANDBOX),
        ("exec", "off", {}, Place.HOST),
        ("exec", "off", {"exec": {"host": "sandbox"}}, Place.HOST),
        ("exec", "all", {"exec": {"host": "gateway"}}, Place.HOST),
        ("exec", "all", {"exec": {"host": "node"}}, Place.NODE),
        ("write", "all", {}, Place.SANDBOX),
        ("write", "off", {}, Place.HOST),
        ("sessions_list", "all", {}, Place.GATEWAY),
    ],
)
def test_where_a_tool_runs(tool: str, mode: str, tools: dict[str, Any], place: Place) -> None:
    verdict = _judge(tool, tools, mode=mode)
    assert (verdict.callable, verdict.place) == (True, place)
    assert bool(verdict.fix) is (place is Place.HOST)


def test_the_agents_exec_host_counts_before_the_global_one() -> None:
    verdict = _judge("exec", {"exec": {"host": "node"}}, agent={"exec": {"host": "sandbox"}})
    assert verdict.place is Place.SANDBOX


def test_the_sandbox_stage_knows_no_aliases() -> None:
    verdict = _judge("bash")
    assert (verdict.tool, verdict.allowed, verdict.callable) == ("exec", False, True)


@pytest.mark.parametrize(
    ("tool", "tools", "agent", "fix"),
    [
        (
            "browser",
            {},
            {},
            'Remove "browser" from tools.sandbox.tools.deny. Nobody set that list: write it whole.',
        ),
        ("mcp_x", {}, {}, 'Add "mcp_x" to tools.sandbox.tools.allow. Nobody set that list: write it whole.'),
        ("exec", {"deny": ["group:runtime"]}, {}, 'Remove "group:runtime" from tools.deny.'),
        ("exec", {"allow": ["read"]}, {}, 'Add "exec" to tools.allow.'),
        ("exec", {}, {"deny": ["ex*"]}, 'Remove "ex*" from agents.list[].tools.deny.'),
        ("exec", {"profile": "minimal"}, {}, 'Add "exec" to tools.alsoAllow.'),
    ],
)
def test_which_rule_stops_it(tool: str, tools: dict[str, Any], agent: dict[str, Any], fix: str) -> None:
    verdict = _judge(tool, tools, agent=agent)
    assert (verdict.callable, verdict.place, verdict.fix) == (False, None, fix)
    assert verdict.origin is not None


@pytest.mark.parametrize(
    ("tools", "agent"),
    [
        ({"profile": "full"}, {}),
        ({"profile": "minimal"}, {"profile": "coding"}),
        ({"profile": "minimal", "alsoAllow": ["exec"]}, {}),
        ({"alsoAllow": ["x"]}, {}),
        ({"allow": ["my_plugin"]}, {}),
        ({"allow": ["*"]}, {}),
        ({"allow": [], "deny": []}, {}),
    ],
)
def test_what_leaves_exec_alone(tools: dict[str, Any], agent: dict[str, Any]) -> None:
    assert _judge("exec", tools, agent=agent).callable


def test_exec_brings_apply_patch() -> None:
    tools = {"allow": ["exec"], "sandbox": {"tools": {"allow": ["exec"]}}}
    assert _judge("apply_patch", tools).callable


def test_no_sandbox_no_sandbox_stage() -> None:
    assert _judge("browser", mode="off").callable
    assert not _judge("browser", mode="off").allowed


def test_subagents_lose_more() -> None:
    key = "agent:main:subagent:1"
    assert not _judge("session_status", session=key).callable
    assert _judge("exec", session=key).callable
    limited = {"subagents": {"tools": {"deny": ["exec"]}}}
    assert not _judge("exec", limited, session=key).callable


def test_under_read_only_the_writers_do_not_exist() -> None:
    verdict = _judge("write", access="ro")
    assert (verdict.allowed, verdict.callable) == (True, False)
    assert _judge("read", access="ro").callable
    assert _judge("write", access="ro", mode="off").callable
