"""Agent ids and session keys: who is meant, which session, and whether OpenClaw would sandbox it.

The rules are those of OpenClaw's runtime (2026.2.17), not of its `explain`, where the two differ.
"""

from __future__ import annotations

from openclaw_sandbox.config.agents import DEFAULT_AGENT_ID, normalize_agent_id
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.model import Mode

GLOBAL_SESSION = "global"
_MAIN_SESSION = "main"  # session.mainKey is forced to this word


def agent_in_key(session_key: str) -> str | None:
    """The agent named in `agent:<id>:<rest>`; None if the key has another shape. Empty parts do not count."""
    parts = [part for part in trim(session_key).split(":") if part]
    if len(parts) < 3 or parts[0] != "agent" or not trim(parts[1]):
        return None
    return normalize_agent_id(parts[1])


def agent_of_scope_key(scope_key: str) -> str | None:
    """The agent whose container has this scope key; None for the shared one and for a blank key."""
    key = trim(scope_key)
    if not key or key == "shared":
        return None
    parts = [part for part in key.split(":") if part]
    if len(parts) >= 2 and parts[0] == "agent":
        return normalize_agent_id(parts[1])
    return DEFAULT_AGENT_ID


def main_session_key(agent_id: str, *, global_scope: bool = False) -> str:
    """The key of an agent's main session; `session.scope: global` has one for all."""
    return GLOBAL_SESSION if global_scope else f"agent:{agent_id}:{_MAIN_SESSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`agent_id` owns the sandbox. `status_agent_id` is the one whose mode the runtime asks for this key:
    they differ only for the session `global` together with an agent that is not the default one.
    """

    agent_id: str
    status_agent_id: str
    key: str
    main_key: str
    is_main: bool


def session_key(text: str | None, agent_id: str) -> str:
    """The full key for what a user typed: nothing is the main session, a bare word one of this agent's."""
    key = trim(text or "")
    if not key:
        return main_session_key(agent_id)
    if ":" in key or key == GLOBAL_SESSION:
        return key
    return f"agent:{agent_id}:{key.lower()}"


def status_agent(key: str, default_agent: str) -> str:
    """The agent whose settings the runtime reads for a session key: the one named in it, else the default."""
    return agent_in_key(key.lower()) or default_agent


def resolve_session(key: str, *, agent_id: str, default_agent: str, global_scope: bool) -> Session:
    """Place a full session key (see `session_key`) for the agent it was asked for."""
    status = status_agent(key, default_agent)
    main_key = main_session_key(status, global_scope=global_scope)
    aliases = {_MAIN_SESSION, f"agent:{status}:{_MAIN_SESSION}"}
    comparable = main_key if key in aliases else key
    return Session(
        agent_id=agent_id,
        status_agent_id=status,
        key=key,
        main_key=main_key,
        is_main=comparable == main_key,
    )


def is_sandboxed(mode: Mode, session: Session) -> bool:
    """Whether OpenClaw itself puts this session into a container; `mode` is the status agent's."""
    return mode is Mode.ALL or (mode is Mode.NON_MAIN and not session.is_main)
