from __future__ import annotations

import pytest

from openclaw_sandbox.policy import sessions
from openclaw_sandbox.policy.model import Mode


@pytest.mark.parametrize(
    ("key", "agent"),
    [
        ("agent:work:main", "work"),
        ("agent::work:x", "work"),
        (" agent:Répondeur:main ", "r-pondeur"),
        ("Agent:work:main", None),
        ("agent:work", None),
        ("agent: :work:x", None),
        ("main", None),
    ],
)
def test_agent_in_key(key: str, agent: str | None) -> None:
    assert sessions.agent_in_key(key) == agent


@pytest.mark.parametrize(
    ("key", "agent"),
    [("shared", None), (" ", None), ("agent:Work", "work"), ("agent:work:x", "work"), ("global", "main")],
)
def test_agent_of_scope_key(key: str, agent: str | None) -> None:
    assert sessions.agent_of_scope_key(key) == agent


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (None, "agent:work:main"),
        ("  ", "agent:work:main"),
        ("main", "agent:work:main"),
        ("Home", "agent:work:home"),
        ("global", "global"),
        (" Agent:X:Y ", "Agent:X:Y"),
    ],
)
def test_session_key(typed: str | None, key: str) -> None:
    assert sessions.session_key(typed, "work") == key


def test_the_owner_of_a_key_without_an_agent_is_the_default_agent() -> None:
    assert sessions.status_agent("telegram:group:1", "work") == "work"
    assert sessions.status_agent("AGENT:Main:MAIN", "work") == "main"


@pytest.mark.parametrize(
    ("key", "global_scope", "is_main"),
    [
        ("agent:work:main", False, True),
        ("main", False, True),
        ("agent:work:telegram:1", False, False),
        ("AGENT:Work:MAIN", False, False),
        ("global", True, True),
        ("agent:work:main", True, True),
        ("global", False, False),
    ],
)
def test_main_session(key: str, global_scope: bool, is_main: bool) -> None:
    found = sessions.resolve_session(key, agent_id="work", default_agent="work", global_scope=global_scope)
    assert found.is_main is is_main


@pytest.mark.parametrize(
    ("mode", "key", "sandboxed"),
    [
        (Mode.OFF, "agent:work:x:1", False),
        (Mode.ALL, "agent:work:main", True),
        (Mode.NON_MAIN, "agent:work:main", False),
        (Mode.NON_MAIN, "agent:work:x:1", True),
    ],
)
def test_is_sandboxed(mode: Mode, key: str, sandboxed: bool) -> None:
    session = sessions.resolve_session(key, agent_id="work", default_agent="work", global_scope=False)
    assert sessions.is_sandboxed(mode, session) is sandboxed
