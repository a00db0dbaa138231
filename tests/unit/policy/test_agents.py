from __future__ import annotations

import pytest

from openclaw_sandbox.errors import UnknownAgentError
from openclaw_sandbox.policy import agents


def _agents(*entries: dict[str, object]) -> tuple[agents.Agent, ...]:
    return agents.configured_agents({"agents": {"list": list(entries)}})


def test_both_spellings_of_the_file() -> None:
    keyed = agents.configured_agents({"agents": {"entries": {"Work": {"default": True}}}})
    assert [(agent.id, agent.path) for agent in keyed] == [("work", ("agents", "entries", "Work"))]
    assert _agents({"id": "Family Bot"})[0].id == "family-bot"


def test_default_agent() -> None:
    assert agents.default_agent(()) == "main"
    assert agents.default_agent(_agents({"id": "a"}, {"id": "b"})) == "a"
    assert agents.default_agent(_agents({"id": "a"}, {"id": "b", "default": True})) == "b"


def test_the_first_of_two_with_one_id_counts() -> None:
    found = agents.find_agent(_agents({"id": "a", "name": "1"}, {"id": "A", "name": "2"}), "a")
    assert found.data["name"] == "1"
    assert found.configured


def test_an_unknown_agent_takes_every_default() -> None:
    found = agents.find_agent((), "ghost")
    assert not found.configured
    assert found.data == {}


def test_main_is_known_only_where_no_agent_is_configured() -> None:
    assert agents.is_known((), "main")
    assert not agents.is_known(_agents({"id": "a"}), "main")


def test_require_known_names_the_agents_there_are() -> None:
    assert agents.require_known(_agents({"id": "Family Bot"}), "family bot") == "family-bot"
    with pytest.raises(UnknownAgentError) as raised:
        agents.require_known(_agents({"id": "a"}), "b")
    assert raised.value.exit_code == 2
    assert raised.value.hint == "Configured: a."
    with pytest.raises(UnknownAgentError) as near:
        agents.require_known(_agents({"id": "work"}), "wrok")
    assert near.value.hint == "Did you mean work? Configured: work."
    with pytest.raises(UnknownAgentError, match="There is no agent"):
        agents.require_known((), "b")
