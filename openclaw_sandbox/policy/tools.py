"""Which tools a session may call: OpenClaw's tool policy, stage by stage. Each stage can only remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.model import ExecHost, ToolPolicy

if TYPE_CHECKING:
    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import KeyPath, Origin
    from openclaw_sandbox.policy.agents import Agent

ALIASES: Mapping[str, str] = {"bash": "exec", "apply-patch": "apply_patch"}

_SESSIONS = (
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "subagents",
    "session_status",
)

GROUPS: Mapping[str, tuple[str, ...]] = {
    "group:memory": ("memory_search", "memory_get"),
    "group:web": ("web_search", "web_fetch"),
    "group:fs": ("read", "write", "edit", "apply_patch"),
    "group:runtime": ("exec", "process"),
    "group:sessions": _SESSIONS,
    "group:ui": ("browser", "canvas"),
    "group:automation": ("cron", "gateway"),
    "group:messaging": ("message",),
    "group:nodes": ("nodes",),
    "group:openclaw": (
        *("browser", "canvas", "nodes", "cron", "message", "gateway", "agents_list"),
        *_SESSIONS,
        *("memory_search", "memory_get", "web_search", "web_fetch", "image"),
    ),
}

PROFILES: Mapping[str, tuple[str, ...]] = {
    "minimal": ("session_status",),
    "coding": ("group:fs", "group:runtime", "group:sessions", "group:memory", "image"),
    "messaging": (
        *("group:messaging", "sessions_list", "sessions_history", "sessions_send", "session_status"),
    ),
    "full": (),  # no restriction
}

DEFAULT_ALLOW = ("exec", "process", "read", "write", "edit", "apply_patch", "image", *_SESSIONS)
DEFAULT_DENY = (
    *("browser", "canvas", "nodes", "cron", "gateway"),
    *("telegram", "whatsapp", "discord", "irc", "googlechat", "slack", "signal", "imessage"),
)

#: Tools that OpenClaw itself has; an allow list of an early stage that names none of them is dropped.
CORE_TOOLS = frozenset(tool for members in GROUPS.values() for tool in members)

#: What a subagent never gets, and what a subagent that may not spawn further ones loses besides.
SUBAGENT_DENY = (
    *("gateway", "agents_list", "whatsapp_login", "session_status", "cron"),
    *("memory_search", "memory_get", "sessions_send"),
)

WRITERS = ("write", "edit", "apply_patch")

_SANDBOX_KEY = "tools.sandbox.tools"
_AGENT_SANDBOX_KEY = "agents.list[].tools.sandbox.tools"


def normalize_tool(name: str) -> str:
    """Trimmed, lower case, aliases replaced."""
    lowered = trim(name).lower()
    return ALIASES.get(lowered, lowered)


def expand(entries: Sequence[str]) -> tuple[str, ...]:
    """Entries normalized, groups replaced by their members, each once, in order.

    Blank entries are dropped, unknown groups stay.
    """
    names = (normalize_tool(entry) for entry in entries)
    flat = (member for name in names if name for member in GROUPS.get(name, (name,)))
    return tuple(dict.fromkeys(flat))


def matches(pattern: str, tool: str) -> bool:
    """`*` stands for any text; everything else is literal. `pattern` is normalized."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == tool
    *middle, last = rest
    if len(tool) < len(first) + len(last) or not tool.startswith(first) or not tool.endswith(last):
        return False
    # Each part as early as it can be. A regular expression would try every way to place them.
    at, end = len(first), len(tool) - len(last)
    for part in middle:
        at = tool.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def first_match(patterns: Sequence[str], tool: str) -> str | None:
    """The entry that matches, for messages."""
    return next((pattern for pattern in patterns if pattern and matches(pattern, tool)), None)


def is_allowed(tool: str, *, allow: Sequence[str], deny: Sequence[str]) -> bool:
    """Deny wins; an empty allow list allows the rest. `tool` is only put in lower case: the sandbox stage
    knows no aliases, so `bash` is not `exec` there.
    """
    name = trim(tool).lower()
    if first_match(deny, name) is not None:
        return False
    return not allow or first_match(allow, name) is not None


def _lookup(document: Mapping[str, Any], *path: str) -> Any:
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsConfig:
    """The two `tools` blocks that matter for one agent, and where they stand."""

    shared: Mapping[str, Any]
    agent: Mapping[str, Any]
    shared_origin: Callable[[KeyPath], Origin] = lambda _path: BUILT_IN
    agent_origin: Callable[[KeyPath], Origin] = lambda _path: BUILT_IN


def tools_config(config: LoadedConfig, agent: Agent) -> ToolsConfig:
    """The two `tools` blocks that decide for an agent."""
    return ToolsConfig(
        shared=_lookup(config.data, "tools") or {},
        agent=_lookup(agent.data, "tools") or {},
        shared_origin=lambda inside: config.origin_of(("tools", *inside)),
        agent_origin=lambda inside: config.origin_of((*agent.path, "tools", *inside)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChoice:
    """Which allow or deny list counts: its entries as written, who wrote it, under which key."""

    entries: tuple[str, ...]
    source: str  # agent, global or default
    key: str
    origin: Origin

    def wire(self) -> dict[str, str]:
        """As OpenClaw's `explain` prints a source."""
        return {"source": self.source, "key": self.key}


def choose_list(config: ToolsConfig, which: str, default: Sequence[str]) -> ListChoice:
    """The agent's list, else the global one, else the default. `which`: allow or deny. Nothing is merged."""
    path = ("sandbox", "tools", which)
    mine = _lookup(config.agent, *path)
    if isinstance(mine, list):
        origin = config.agent_origin(path)
        return ListChoice(
            entries=tuple(mine), source="agent", key=f"{_AGENT_SANDBOX_KEY}.{which}", origin=origin
        )
    shared = _lookup(config.shared, *path)
    key = f"{_SANDBOX_KEY}.{which}"
    if isinstance(shared, list):
        return ListChoice(entries=tuple(shared), source="global", key=key, origin=config.shared_origin(path))
    return ListChoice(entries=tuple(default), source="default", key=key, origin=BUILT_IN)


def also_allow(config: ToolsConfig) -> tuple[str, ...]:
    """`tools.sandbox.tools.alsoAllow`, the agent's else the global one: added to the allow list.

    2026.2.17 accepts the key and ignores it; later releases honour it, and so do we.
    """
    for block in (config.agent, config.shared):
        extra = _lookup(block, "sandbox", "tools", "alsoAllow")
        if isinstance(extra, list):
            return tuple(extra)
    return ()


def sandbox_tools(config: ToolsConfig) -> tuple[ToolPolicy, ListChoice, ListChoice]:
    """The sandbox stage for one agent, with the two lists it was made from (allow, deny)."""
    allow_choice = choose_list(config, "allow", DEFAULT_ALLOW)
    deny_choice = choose_list(config, "deny", DEFAULT_DENY)
    allow, deny = expand(allow_choice.entries), expand(deny_choice.entries)
    extra = also_allow(config)
    if allow and extra:  # an explicit empty list already allows everything
        allow = expand((*allow, *extra))
    if allow and "image" not in allow and "image" not in deny:
        allow = (*allow, "image")
    policy = ToolPolicy(
        allow=allow, deny=deny, allow_source=allow_choice.wire(), deny_source=deny_choice.wire()
    )
    return policy, allow_choice, deny_choice


def exec_host(config: ToolsConfig) -> ExecHost:
    """`tools.exec.host`, decided once: the agent's, else the global one, else `sandbox`."""
    for block, origin in ((config.agent, config.agent_origin), (config.shared, config.shared_origin)):
        host = _lookup(block, "exec", "host")
        if host is not None:
            return ExecHost(setting=str(host), origin=origin(("exec", "host")))
    return ExecHost(setting="sandbox")
