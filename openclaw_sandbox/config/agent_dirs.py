"""Two agents must not share one `agentDir`: OpenClaw refuses to start then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agents import DEFAULT_AGENT_ID, agent_entries, normalize_agent_id
from openclaw_sandbox.config.discover import user_path
from openclaw_sandbox.config.problems import Problem
from openclaw_sandbox.config.trim import trim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.config.model import StatePaths
    from openclaw_sandbox.config.origin import KeyPath


def agent_dir_problems(data: Mapping[str, Any], paths: StatePaths, cwd: Path) -> Iterator[Problem]:
    """Agents (also those only `bindings` name) whose credentials and sessions would meet in one folder.

    Reported at the list of agents, as OpenClaw does; what is shown is the place that makes two of them meet.
    """
    agents = data.get("agents")
    keyed = isinstance(agents, dict) and "entries" in agents
    owners: dict[Path, str] = {}
    for agent_id, (path, configured) in _referenced(data).items():
        folder = paths.state_dir / "agents" / agent_id / "agent"
        if trim(configured):
            folder = user_path(configured, home=paths.home, cwd=cwd)
        other = owners.setdefault(folder, agent_id)
        if other != agent_id:
            yield Problem(
                path=("agents", "entries" if keyed else "list"),
                at=path,
                message=f'agents "{other}" and "{agent_id}" have the same agentDir: {folder}',
                hint="give each agent an agentDir of its own, or remove the key",
            )


def _referenced(data: Mapping[str, Any]) -> dict[str, tuple[KeyPath, str]]:
    """Every agent id in use -> where its agentDir stands (or would stand), and its text."""
    entries = agent_entries(data)
    found: dict[str, tuple[KeyPath, str]] = {}
    for name, entry, path in entries:
        configured = entry.get("agentDir")
        text = configured if isinstance(configured, str) else ""
        found.setdefault(normalize_agent_id(name), ((*path, "agentDir"), text))
    if not entries:
        found[DEFAULT_AGENT_ID] = (("agents",), "")
    bindings = data.get("bindings")
    for index, binding in enumerate(bindings if isinstance(bindings, list) else ()):
        bound = binding.get("agentId") if isinstance(binding, dict) else None
        if isinstance(bound, str) and trim(bound):
            found.setdefault(normalize_agent_id(bound), (("bindings", index, "agentId"), ""))
    return found
