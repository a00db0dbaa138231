"""What is valid in a config and still worth a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agents import agent_entries, normalize_agent_id
from openclaw_sandbox.config.model import ConfigWarning
from openclaw_sandbox.config.origin import KeyPath, Location, Origin, OriginKind, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from openclaw_sandbox.config.document import Document

    OriginOf = Callable[[KeyPath], Origin]


def config_warnings(
    data: Mapping[str, Any], documents: Iterable[Document], origin_of: OriginOf
) -> Iterator[ConfigWarning]:
    """Warnings about a valid config: keys given twice, agents that hide others, keys without effect."""
    for document in documents:
        yield from _duplicate_keys(document)
    yield from _duplicate_agents(data, origin_of)
    yield from _ownership(data, origin_of)
    yield from _main_key(data, origin_of)
    yield from _gateway_token(data, origin_of)


def _duplicate_keys(document: Document) -> Iterator[ConfigWarning]:
    for path, place in document.duplicates():
        key = dotted(path)
        yield ConfigWarning(
            code="config.duplicate-key",
            message=f"{key} is given twice in one object; the last one counts",
            hint="remove the one that is not meant",
            origin=_repetition(document, key, place),
        )


def _repetition(document: Document, key: str, place: Location) -> Origin:
    return Origin(kind=OriginKind.FILE, key=key, file=str(document.path), locate=lambda: place)


def _duplicate_agents(data: Mapping[str, Any], origin_of: OriginOf) -> Iterator[ConfigWarning]:
    first: dict[str, KeyPath] = {}
    defaults: list[KeyPath] = []
    for name, entry, path in agent_entries(data):
        agent_id = normalize_agent_id(name)
        if first.setdefault(agent_id, path) != path:
            both = f"{dotted(first[agent_id])} counts, {dotted(path)} is ignored"
            message = f'agent "{agent_id}" is listed twice: {both}'
            hint = "give it another id, or remove one of the two"
            yield ConfigWarning(
                code="config.duplicate-agent", message=message, hint=hint, origin=origin_of(path)
            )
        if entry.get("default") is True:
            defaults.append(path)
    for path in defaults[1:]:
        message = f"several agents are marked default: {dotted(defaults[0])} counts"
        hint = "keep default: true on one agent"
        yield ConfigWarning(
            code="config.several-defaults", message=message, hint=hint, origin=origin_of((*path, "default"))
        )


def _ownership(data: Mapping[str, Any], origin_of: OriginOf) -> Iterator[ConfigWarning]:
    agents = data.get("agents") or {}
    if len(agents.get("entries") or ()) > 1 and agents.get("ownership") != "explicit":
        yield ConfigWarning(
            code="config.ownership",
            message="OpenClaw 2026.9 refuses several agents without agents.ownership",
            hint='set agents.ownership: "explicit"',
            origin=origin_of(("agents", "entries")),
        )


def _main_key(data: Mapping[str, Any], origin_of: OriginOf) -> Iterator[ConfigWarning]:
    session = data.get("session")
    key = session.get("mainKey") if isinstance(session, dict) else None
    if isinstance(key, str) and key.strip() not in ("", "main"):
        yield ConfigWarning(
            code="config.main-key-ignored",
            message='session.mainKey is ignored; the main session is always "main"',
            hint="remove the key",
            origin=origin_of(("session", "mainKey")),
        )


def _gateway_token(data: Mapping[str, Any], origin_of: OriginOf) -> Iterator[ConfigWarning]:
    gateway = data.get("gateway")
    if isinstance(gateway, dict) and "token" in gateway:
        yield ConfigWarning(
            code="config.gateway-token-ignored",
            message="gateway.token is ignored by OpenClaw",
            hint="use gateway.auth.token",
            origin=origin_of(("gateway", "token")),
        )
