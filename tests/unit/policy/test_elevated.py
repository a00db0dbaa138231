from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.policy.elevated import (
    channel_of,
    resolve_elevated,
    sender_allowed,
    sender_verdict,
    tokens,
)
from openclaw_sandbox.policy.sessions import resolve_session


def _channel(key: str, stored: dict[str, Any] | None = None) -> str | None:
    session = resolve_session(key, agent_id="main", default_agent="main", global_scope=False)
    return channel_of(session, stored)


@pytest.mark.parametrize(
    ("key", "channel"),
    [
        ("agent:main:telegram:group:1", "telegram"),
        ("agent:main:WebChat:dm:1", "webchat"),
        ("agent:main: webchat :dm:1", "webchat"),
        ("AGENT:main:webchat:dm:1", None),
        ("agent:main:subagent:1", None),
        ("agent:main:main", None),
        ("telegram:group:1", None),
        ("main", None),
    ],
)
def test_the_key_names_the_channel(key: str, channel: str | None) -> None:
    assert _channel(key) == channel


def test_the_session_store_comes_first() -> None:
    assert _channel("agent:main:telegram:1", {"lastChannel": " Discord "}) == "discord"
    assert _channel("agent:main:telegram:1", {"channel": "", "provider": "slack"}) == "slack"
    assert _channel("agent:main:telegram:1", {"lastChannel": "nowhere"}) is None
    assert _channel("agent:main:telegram:1", {"lastChannel": 7}) == "telegram"


def test_tokens() -> None:
    assert tokens([" a ", 42, ""]) == ("a", "42")
    assert tokens([1.5, 2.0, -0.0, 1e21, 123456789012345680000]) == (
        *("1.5", "2", "0", "1e+21"),
        "123456789012345680000",
    )
    assert tokens("a") == tokens(None) == ()


def test_without_a_channel_nobody_is_let_out() -> None:
    policy = resolve_elevated({"allowFrom": {"telegram": ["*"]}}, {}, channel=None)
    assert (policy.enabled, policy.allowed_by_config) == (True, False)
    assert policy.wire["failures"] == []
    assert "channel" not in policy.wire
    assert not sender_verdict(policy, {}, "anyone")


def test_every_gate_in_order() -> None:
    policy = resolve_elevated({"enabled": False}, {"enabled": False, "allowFrom": {}}, channel="telegram")
    assert [failure["key"] for failure in policy.wire["failures"]] == [
        "tools.elevated.enabled",
        "agents.list[].tools.elevated.enabled",
        "tools.elevated.allowFrom.telegram",
        "agents.list[].tools.elevated.allowFrom.telegram",
    ]


def test_both_lists_must_agree() -> None:
    shared = {"allowFrom": {"telegram": ["*"]}}
    assert resolve_elevated(shared, {}, channel="telegram").always_allowed_by_config
    named = resolve_elevated(shared, {"allowFrom": {"telegram": ["bob"]}}, channel="telegram")
    assert named.allowed_by_config
    assert not named.always_allowed_by_config
    assert sender_verdict(named, {}, "Bob")
    assert not sender_verdict(named, {}, "eve")
    empty = resolve_elevated(shared, {"allowFrom": {}}, channel="telegram")
    assert not empty.allowed_by_config


@pytest.mark.parametrize(
    ("entry", "sender", "hit"),
    [
        ("*", "x", True),
        ("user:1", "1", True),
        ("@Bob", "bob", True),
        ("bob smith", "Bob_Smith", True),
        ("bob", "eve", False),
        ("", "", False),
    ],
)
def test_spellings_of_a_sender(entry: str, sender: str, hit: bool) -> None:
    assert sender_allowed([entry], sender) is hit


@pytest.mark.parametrize(
    ("channels", "allowed"),
    [
        ({"discord": {"allowFrom": ["bob"]}}, True),
        ({"discord": {"dm": {"allowFrom": ["bob"]}}}, True),
        ({"discord": {"dm": []}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_discord_has_lists_of_its_own_to_fall_back_on(channels: Any, allowed: bool) -> None:
    policy = resolve_elevated({}, {}, channel="discord")
    assert sender_verdict(policy, {"channels": channels}, "bob") is allowed
