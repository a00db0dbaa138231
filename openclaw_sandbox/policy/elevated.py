"""Elevated exec: the one way out of the sandbox. Who may take it, and which gate is shut."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.javascript import number_text, trim
from openclaw_sandbox.policy.model import ElevatedPolicy

if TYPE_CHECKING:
    from openclaw_sandbox.policy.sessions import Session

#: Chat channels of OpenClaw; the first part of a session key's tail names one. `webchat` is built in.
CHANNELS = frozenset(
    {
        *("webchat", "telegram", "whatsapp", "discord", "irc", "googlechat", "slack", "signal", "imessage"),
        *(
            "feishu",
            "nostr",
            "buzz",
            "msteams",
            "mattermost",
            "nextcloud-talk",
            "matrix",
            "raft",
            "a2a",
            "line",
        ),
        *("zalo", "clickclack", "zalouser", "sms", "synology-chat", "tlon", "reef", "twitch", "bluebubbles"),
    }
)

_STORE_FIELDS = ("lastChannel", "channel", "lastProvider", "provider")
_SENDER_PREFIX = r"(?i)^(?:[a-z-]+|user|group|channel):"
_GLOBAL = "tools.elevated"
_AGENT = "agents.list[].tools.elevated"


def channel_of(session: Session, stored: Mapping[str, Any] | None = None) -> str | None:
    """The chat channel of a session: what the session store remembers, else the key's own first part."""
    for name in _STORE_FIELDS:
        value = (stored or {}).get(name)
        if isinstance(value, str) and trim(value):
            channel = trim(value).lower()
            return channel if channel in CHANNELS else None
    parts = [part for part in session.key.split(":") if part]
    if len(parts) < 3 or parts[0] != "agent" or session.is_main:
        return None
    channel = trim(parts[2]).lower()
    return channel if channel in CHANNELS else None


def tokens(entries: object) -> tuple[str, ...]:
    """The non-blank entries of an allowFrom list as text; numbers are ids."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return ()
    texts = (trim(entry if isinstance(entry, str) else number_text(entry)) for entry in entries)
    return tuple(text for text in texts if text)


def _enabled(block: Mapping[str, Any]) -> bool:
    return block.get("enabled") is not False


def _allow_lists(
    shared: Mapping[str, Any], agent: Mapping[str, Any], channel: str
) -> list[tuple[str, tuple[str, ...]]]:
    lists = [(_GLOBAL, tokens((shared.get("allowFrom") or {}).get(channel)))]
    if isinstance(agent.get("allowFrom"), Mapping):
        lists.append((_AGENT, tokens(agent["allowFrom"].get(channel))))
    return lists


def resolve_elevated(
    shared: Mapping[str, Any], agent: Mapping[str, Any], *, channel: str | None
) -> ElevatedPolicy:
    """The gates for one agent, in OpenClaw's order, from the two `tools.elevated` blocks."""
    gates = [(_GLOBAL, _enabled(shared)), (_AGENT, _enabled(agent))]
    failures = [{"gate": "enabled", "key": f"{key}.enabled"} for key, is_open in gates if not is_open]
    lists = _allow_lists(shared, agent, channel) if channel else []
    failures += [
        {"gate": "allowFrom", "key": f"{key}.allowFrom.{channel}"} for key, allowed in lists if not allowed
    ]
    enabled = all(is_open for _, is_open in gates)
    allowed = enabled and bool(lists) and all(entries for _, entries in lists)
    always = allowed and all("*" in entries for _, entries in lists)
    names = ("global", "agent")
    wire: dict[str, Any] = {"enabled": enabled}
    if channel:
        wire["channel"] = channel
    wire |= {
        "allowedByConfig": allowed,
        "alwaysAllowedByConfig": always,
        "allowFrom": {name: list(entries) for name, (_, entries) in zip(names, lists, strict=False)},
        "failures": failures,
    }
    return ElevatedPolicy(
        enabled=enabled,
        channel=channel,
        allowed_by_config=allowed,
        always_allowed_by_config=always,
        wire=wire,
    )


def _forms(sender: str) -> set[str]:
    """The spellings of a sender that an entry may use: as it is, without prefix, lower case, as a slug."""
    bare = re.sub(_SENDER_PREFIX, "", sender)
    slugs = {re.sub(r"[^a-z0-9-]+", "-", re.sub(r"^[@#]+", "", f.lower())).strip("-") for f in (sender, bare)}
    return {sender, bare, sender.lower(), bare.lower(), *slugs} - {""}


def sender_allowed(entries: Sequence[str], sender: str) -> bool:
    """Whether one allowFrom list lets this sender through; `*` lets everyone."""
    wanted = _forms(trim(sender))
    return any(entry == "*" or wanted & _forms(entry) for entry in entries)


def _fallback(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Discord's own allow lists stand in for a missing one of elevated, for both lists."""
    channels = data.get("channels")
    discord = channels.get("discord") if isinstance(channels, Mapping) else None
    if not isinstance(discord, Mapping):
        return ()
    direct = discord.get("dm")
    own = tokens(discord.get("allowFrom"))
    return own or (tokens(direct.get("allowFrom")) if isinstance(direct, Mapping) else ())


def sender_verdict(policy: ElevatedPolicy, data: Mapping[str, Any], sender: str) -> bool:
    """Whether elevated would let this sender through, in the channel that `policy` was resolved for.

    Every list that is set must name him, as the runtime demands; without a channel nobody gets through.
    """
    if not policy.enabled or policy.channel is None:
        return False
    lists = [tuple(entries) for entries in policy.wire["allowFrom"].values()]
    spare = _fallback(data) if policy.channel == "discord" else ()
    return bool(lists) and all(sender_allowed(entries or spare, sender) for entries in lists)
