"""Tool rules of the chat group that a session belongs to: `channels.<channel>.groups.<id>.tools`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.javascript import trim

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import KeyPath, Origin

_ANY = "*"
#: A thread or topic of a group has the group's rules.
_THREAD = r"(?is):(?:thread|topic):.*\Z"
#: Where channels that have no `groups` keep such rules: which of them is meant is not in a session key.
_OTHER_PLACES = ("guilds", "teams", "channels", "accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRules:
    """The block that counts (None: there is none), where it stands, and what cannot be told from here."""

    rules: Mapping[str, Any] | None = None
    key: str = ""
    origin: Callable[[KeyPath], Origin] = lambda _path: BUILT_IN
    unknown: tuple[str, ...] = ()


def group_of(session_key: str) -> tuple[str, str] | None:
    """(channel, group id) of a key such as `agent:main:telegram:group:-100`; None for other sessions."""
    parts = [part for part in re.sub(_THREAD, "", trim(session_key)).split(":") if part]
    body = parts[2:] if parts[:1] == ["agent"] else parts
    body = body[1:] if body[:1] == ["subagent"] else body
    if len(body) < 3 or body[1] not in ("group", "channel"):
        return None
    return body[0].lower(), ":".join(body[2:])


def group_rules(config: LoadedConfig, session_key: str) -> GroupRules:
    """The tool rules of the session's group: the group's own, else those of every group (`*`)."""
    group = group_of(session_key)
    if group is None:
        return GroupRules()
    channel, group_id = group
    block = _mapping(_mapping(config.data.get("channels")).get(channel))
    groups = _mapping(block.get("groups"))
    unknown = _unknown(channel, block)
    for name in (group_id, _ANY):
        entry = _mapping(groups.get(name))
        if isinstance(entry.get("toolsBySender"), Mapping):
            text = f"channels.{channel}.groups.{name}.toolsBySender: depends on who writes."
            unknown = (*unknown, text)
        if isinstance(entry.get("tools"), Mapping):
            path = ("channels", channel, "groups", name, "tools")
            return _found(config, path, entry["tools"], unknown)
    return GroupRules(unknown=unknown)


def _found(
    config: LoadedConfig, path: tuple[str, ...], rules: Mapping[str, Any], unknown: tuple[str, ...]
) -> GroupRules:
    return GroupRules(
        rules=rules,
        key=".".join(path),
        origin=lambda inside: config.origin_of((*path, *inside)),
        unknown=unknown,
    )


def _unknown(channel: str, block: Mapping[str, Any]) -> tuple[str, ...]:
    places = [name for name in _OTHER_PLACES if _holds_tools(block.get(name))]
    if not places:
        return ()
    where = ", ".join(f"channels.{channel}.{name}" for name in places)
    return (f"{where} may hold rules of this group: which entry is meant is not in the session key.",)


def _holds_tools(value: Any) -> bool:
    """Whether a `tools` block stands anywhere below. The document's depth is bounded by its reader."""
    todo = [value]
    while todo:
        found = todo.pop()
        if isinstance(found, Mapping):
            if any(isinstance(found.get(name), Mapping) for name in ("tools", "toolsBySender")):
                return True
            todo += found.values()
        elif isinstance(found, list):
            todo += found
    return False


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
