"""The whole pipeline: stages in OpenClaw's order, rules by provider and by chat group, what stays open."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.policy.chatgroup import group_of
from openclaw_sandbox.policy.resolve import survey
from openclaw_sandbox.policy.toolcall import ToolVerdict, judge_tool
from openclaw_sandbox.policy.toolchain import Chain, tool_chain
from tests.fake_host import FakeHost, config_of

GROUP = "agent:main:telegram:group:-100"


def _chain(
    tools: dict[str, Any] | None = None,
    *,
    agent: dict[str, Any] | None = None,
    session: str | None = None,
    tool: str = "exec",
    **more: Any,
) -> tuple[Chain, ToolVerdict]:
    flags = {name: more.pop(name, None) for name in ("provider", "model")}
    defaults = {"sandbox": {"mode": "all"}, **more.pop("defaults", {})}
    data = {
        "agents": {"defaults": defaults, "list": [{"id": "main", **(agent or {})}]},
        "tools": tools or {},
        **more,
    }
    config = config_of(data)
    policy = survey(config, session=session, agent=None, host=FakeHost())
    chain = tool_chain(config, policy, **flags)
    return chain, judge_tool(policy, chain, tool)


def test_the_order_of_the_stages() -> None:
    lists = {"allow": ["exec"]}
    by_provider = {"byProvider": {"openai": {"profile": "coding", **lists}}}
    chain, _ = _chain(
        {"profile": "coding", **lists, **by_provider},
        agent={"tools": {**lists, **by_provider}},
        session="agent:main:subagent:telegram:group:-100",
        provider="OpenAI",
        channels={"telegram": {"groups": {"*": {"tools": lists}}}},
    )
    assert [stage.key for stage in chain.stages] == [
        "tools.profile=coding",
        "agents.list[].tools.byProvider.openai.profile=coding",
        "tools",
        "tools.byProvider.openai",
        "agents.list[].tools",
        "agents.list[].tools.byProvider.openai",
        "channels.telegram.groups.*.tools",
        "tools.sandbox.tools",
        "tools.subagents.tools",
    ]


@pytest.mark.parametrize(
    ("provider", "model", "key"),
    [
        ("openai", None, "tools.byProvider.OpenAI"),
        (" OPENAI ", "gpt-4", "tools.byProvider.OpenAI"),
        ("openai", "GPT-5", "tools.byProvider.openai/gpt-5"),
        (None, "openai/gpt-5", "tools.byProvider.openai/gpt-5"),
        ("google", None, ""),
        ("google", "openai/gpt-5", ""),
    ],
)
def test_rules_by_provider_and_model(provider: str | None, model: str | None, key: str) -> None:
    tools = {"byProvider": {"OpenAI": {"deny": ["exec"]}, "openai/gpt-5": {"deny": ["exec"]}}}
    _, verdict = _chain(tools, provider=provider, model=model)
    assert verdict.callable is (key == "")
    assert verdict.fix == (f'Remove "exec" from {key}.deny.' if key else "")


@pytest.mark.parametrize(
    ("agent", "defaults", "provider"),
    [
        ({"model": "openai/gpt-5"}, {"model": "google/x"}, "openai"),
        ({"model": {"primary": "openai/gpt-5", "fallbacks": []}}, {}, "openai"),
        ({}, {"model": {"primary": "google/x"}}, "google"),
        ({}, {"model": "gpt-5"}, None),
        ({}, {"model": {"primary": 3}}, None),
        ({}, {}, None),
    ],
)
def test_the_model_of_the_config(
    agent: dict[str, Any], defaults: dict[str, Any], provider: str | None
) -> None:
    tools = {"byProvider": {"openai": {"deny": ["exec"]}}}
    chain, verdict = _chain(tools, agent=agent, defaults=defaults)
    assert chain.model.provider == provider
    assert verdict.callable is (provider != "openai")
    (said,) = chain.unknown
    assert ("a session that chose another" in said) is (provider is not None)
    assert ("--provider" in said) is (provider is None)


def test_a_provider_without_a_model_is_told_of_rules_for_models() -> None:
    chain, _ = _chain({"byProvider": {"openai/gpt-5": {"deny": ["exec"]}}}, provider="openai")
    assert "name the model with --model" in chain.unknown[0]
    assert _chain({"byProvider": {"google/x": {}}}, provider="openai")[0].unknown == ()
    assert _chain({})[0].unknown == ()


def test_also_allow_of_a_provider() -> None:
    profile = {"byProvider": {"openai": {"profile": "minimal", "alsoAllow": ["exec"]}}}
    assert _chain(profile, provider="openai")[1].callable
    lists = {"byProvider": {"openai": {"alsoAllow": ["exec"]}}}
    assert _chain(lists, provider="openai")[1].callable
    emptied = {"profile": "minimal", "alsoAllow": ["exec"]}
    assert not _chain(emptied, agent={"tools": {"alsoAllow": []}})[1].callable


@pytest.mark.parametrize(
    ("key", "group"),
    [
        (GROUP, ("telegram", "-100")),
        ("agent:main:Telegram:group:-100:topic:7", ("telegram", "-100")),
        ("agent:main:slack:channel:C1:thread:1.2", ("slack", "C1")),
        ("agent:main:subagent:telegram:group:-100", ("telegram", "-100")),
        ("telegram:group:-100", ("telegram", "-100")),
        ("agent:main:whatsapp:group:1@g.us", ("whatsapp", "1@g.us")),
        ("agent:main:telegram:dm:1", None),
        ("agent:main:main", None),
        ("main", None),
        ("", None),
        (":::", None),
    ],
)
def test_the_group_in_a_session_key(key: str, group: tuple[str, str] | None) -> None:
    assert group_of(key) == group


@pytest.mark.parametrize(
    ("groups", "stage"),
    [
        ({"-100": {"tools": {"deny": ["exec"]}}, "*": {"tools": {}}}, "channels.telegram.groups.-100.tools"),
        ({"*": {"tools": {"deny": ["exec"]}}}, "channels.telegram.groups.*.tools"),
        ({"-100": {"tools": {"allow": ["exec"]}}, "*": {"tools": {"deny": ["exec"]}}}, ""),
        ({"-200": {"tools": {"deny": ["exec"]}}}, ""),
        ({"-100": "odd"}, ""),
        ("odd", ""),
    ],
)
def test_rules_of_the_chat_group(groups: Any, stage: str) -> None:
    _, verdict = _chain(session=GROUP, channels={"telegram": {"groups": groups}})
    assert verdict.callable is (stage == "")
    assert verdict.fix == (f'Remove "exec" from {stage}.deny.' if stage else "")


def test_what_no_key_tells() -> None:
    by_sender = {"groups": {"-100": {"toolsBySender": {"x": {}}}}, "accounts": {"a": [{"tools": {}}]}}
    chain, _ = _chain(session=GROUP, channels={"telegram": by_sender})
    assert [said.partition(":")[0].partition(" ")[0] for said in chain.unknown] == [
        "channels.telegram.accounts",
        "channels.telegram.groups.-100.toolsBySender",
    ]


def test_only_subagents_that_may_spawn_keep_the_tools_for_it() -> None:
    once, twice = "agent:main:subagent:1", "agent:main:subagent:1:subagent:2"
    deeper = {"defaults": {"subagents": {"maxSpawnDepth": 2}}}
    assert not _chain(session=once, tool="sessions_spawn")[1].callable
    assert _chain(session=once, tool="sessions_spawn", **deeper)[1].callable
    assert not _chain(session=twice, tool="sessions_spawn", **deeper)[1].callable


def test_the_list_that_stops_it_is_the_one_that_is_named() -> None:
    agent = {"tools": {"sandbox": {"tools": {"allow": ["*"]}}}}
    _, verdict = _chain({"sandbox": {"tools": {"deny": ["group:ui"]}}}, agent=agent, tool="browser")
    assert verdict.fix == 'Remove "group:ui" from tools.sandbox.tools.deny.'
    _, verdict = _chain(agent={"tools": {"sandbox": {"tools": {"deny": []}}}}, tool="x")
    assert verdict.fix.startswith('Add "x" to tools.sandbox.tools.allow. Nobody set')
