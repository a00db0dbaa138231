"""Which agent is meant: look-up by normalized id, and the default agent."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agents import DEFAULT_AGENT_ID, agent_entries, normalize_agent_id
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import UnknownAgentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_sandbox.config.origin import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One configured agent. `path` is where its block stands; empty for an agent that no file knows."""

    id: str
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    path: KeyPath = ()

    @property
    def configured(self) -> bool:
        """Whether a file describes it."""
        return bool(self.path)


def configured_agents(data: Mapping[str, Any]) -> tuple[Agent, ...]:
    """Every agent in file order, duplicates too."""
    return tuple(
        Agent(id=normalize_agent_id(name), data=entry, path=path) for name, entry, path in agent_entries(data)
    )


def default_agent(agents: Sequence[Agent]) -> str:
    """The first with `default: true`, else the first, else "main"."""
    marked = [agent for agent in agents if agent.data.get("default") is True]
    return (marked or list(agents) or [Agent(id=DEFAULT_AGENT_ID)])[0].id


def find_agent(agents: Sequence[Agent], agent_id: str) -> Agent:
    """The first agent of this normalized id, or an empty one that takes every default."""
    return next((agent for agent in agents if agent.id == agent_id), Agent(id=agent_id))


def is_known(agents: Sequence[Agent], agent_id: str) -> bool:
    """Whether the config has this agent; without any agents there is `main` alone."""
    known = {agent.id for agent in agents} or {DEFAULT_AGENT_ID}
    return agent_id in known


def require_known(agents: Sequence[Agent], asked: str) -> str:
    """The normalized id of an agent that a user named.

    Raises:
        UnknownAgentError: the config does not have it.
    """
    agent_id = normalize_agent_id(asked)
    if is_known(agents, agent_id):
        return agent_id
    from difflib import get_close_matches

    names = list(dict.fromkeys(agent.id for agent in agents)) or [DEFAULT_AGENT_ID]
    near = get_close_matches(agent_id, names, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UnknownAgentError(f'There is no agent "{asked}".', hint=f"{meant}Configured: {', '.join(names)}.")
