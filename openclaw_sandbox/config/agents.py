"""The agents of a config, whichever of OpenClaw's two spellings the file uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.trim import trim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.config.origin import KeyPath

DEFAULT_AGENT_ID = "main"

_PLAIN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.IGNORECASE | re.ASCII)
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")


def agent_entries(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], KeyPath]]:
    """Every agent of the config: its id as written, its entry, and the entry's key path; in the file's order.

    `agents.list` (OpenClaw 2026.2) holds the id in each element, `agents.entries` (2026.9) is keyed by it. A
    valid config has one of the two.
    """
    agents = data.get("agents")
    if not isinstance(agents, dict):
        return []
    listed, keyed = agents.get("list"), agents.get("entries")
    found: list[tuple[str, Mapping[str, Any], KeyPath]] = []
    if isinstance(listed, list):
        for index, entry in enumerate(listed):
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                found.append((entry["id"], entry, ("agents", "list", index)))
    if isinstance(keyed, dict):
        for agent_id, entry in keyed.items():
            if isinstance(entry, dict):
                found.append((agent_id, entry, ("agents", "entries", agent_id)))
    return found


def normalize_agent_id(text: str) -> str:
    """The agent id that OpenClaw makes of a text: lower case, `a-z0-9_-`, at most 64; blank is `main`."""
    trimmed = trim(text)
    if _PLAIN_ID.fullmatch(trimmed):
        return trimmed.lower()
    dashed = _NOT_PLAIN.sub("-", trimmed.lower()).lstrip("-").rstrip("-")
    return dashed[:64] or DEFAULT_AGENT_ID
