"""Both spellings of the list of agents; ids; folders that must differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.config.agent_dirs import agent_dir_problems
from openclaw_sandbox.config.agents import agent_entries, normalize_agent_id
from openclaw_sandbox.config.model import StatePaths
from openclaw_sandbox.config.origin import dotted

PATHS = StatePaths(
    home=Path("/h"),
    state_dir=Path("/h/.openclaw"),
    config_file=Path("/h/.openclaw/openclaw.json"),
    profile=None,
)


def test_listed_agents() -> None:
    first, second = {"id": "Main"}, {"id": "work", "name": "Work"}
    data = {"agents": {"list": [first, {"name": "no id"}, 1, second]}}
    assert agent_entries(data) == [
        ("Main", first, ("agents", "list", 0)),
        ("work", second, ("agents", "list", 3)),
    ]


def test_keyed_agents() -> None:
    data = {"agents": {"entries": {"work": {"name": "Work"}, "main": {}, "odd": None}}}
    assert agent_entries(data) == [
        ("work", {"name": "Work"}, ("agents", "entries", "work")),
        ("main", {}, ("agents", "entries", "main")),
    ]


@pytest.mark.parametrize("data", [{}, {"agents": 1}, {"agents": {"list": {}, "entries": []}}])
def test_no_agents(data: dict[str, Any]) -> None:
    assert agent_entries(data) == []


@pytest.mark.parametrize(
    ("text", "agent_id"),
    [
        ("  Work ", "work"),
        ("", "main"),
        ("---", "main"),
        ("_x", "_x"),
        ("\ufeffab-", "ab-"),
        ("\x85ab-", "ab"),
        ("répondeur", "r-pondeur"),
        ("a b/c", "a-b-c"),
        ("-a-", "a"),
        ("x" * 70, "x" * 64),
        ("日本", "main"),
    ],
)
def test_normalized_ids(text: str, agent_id: str) -> None:
    assert normalize_agent_id(text) == agent_id


def clashes(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(the path that is named, the place that is shown, the message) of each."""
    problems = agent_dir_problems(data, PATHS, Path("/cwd"))
    return [(dotted(problem.path), dotted(problem.at or ()), problem.message) for problem in problems]


def test_two_agents_with_one_folder() -> None:
    agents = [{"id": "a", "agentDir": "~/x/"}, {"id": "b", "agentDir": "/h/y/../x"}, {"id": "c"}]
    assert clashes({"agents": {"list": agents}}) == [
        ("agents.list", "agents.list.1.agentDir", 'agents "a" and "b" have the same agentDir: /h/x')
    ]
    keyed = {"a": {"agentDir": "/x"}, "b": {"agentDir": "/x"}}
    assert clashes({"agents": {"entries": keyed}}) == [
        ("agents.entries", "agents.entries.b.agentDir", 'agents "a" and "b" have the same agentDir: /x')
    ]


def test_an_agent_that_only_a_binding_names() -> None:
    data = {
        "agents": {"list": [{"id": "a", "agentDir": "/h/.openclaw/agents/b/agent"}]},
        "bindings": [{"agentId": "A"}, {"agentId": " B "}, {}, 1, {"agentId": ""}],
    }
    assert clashes(data) == [
        (
            *("agents.list", "bindings.1.agentId"),
            'agents "a" and "b" have the same agentDir: /h/.openclaw/agents/b/agent',
        )
    ]


def test_an_agent_that_is_listed_twice_is_no_clash() -> None:
    assert clashes({"agents": {"list": [{"id": "a"}, {"id": "A"}, {"id": "b", "agentDir": " "}]}}) == []
    assert clashes({}) == []
    assert clashes({"bindings": 1}) == []
