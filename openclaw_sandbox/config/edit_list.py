"""One entry more in a list of a YAML file, everything else byte for byte as it was. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agents import normalize_agent_id
from openclaw_sandbox.config.yaml_file import YamlDocument
from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A key that every YAML reader takes as text without quotes.
_PLAIN_KEY = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z_][a-z0-9_-]*", re.IGNORECASE)


def agent_key(text: str, agent: str) -> str:
    """How the file writes the key of this agent, whose id is normalised; the id itself if it has none."""
    block = data_of(text).get("sandbox")
    agents = block.get("agents") if isinstance(block, dict) else None
    names = agents if isinstance(agents, dict) else ()
    return next((name for name in names if normalize_agent_id(name) == agent), agent)


def data_of(text: str) -> dict[str, Any]:
    """What the tool reads in `text`; nothing if that is no mapping.

    Raises:
        ConfigError: see `YamlDocument`.
    """
    data = YamlDocument(Path("config.yml"), text).data
    return data if isinstance(data, dict) else {}


def with_entry(text: str, path: Sequence[str], entry: str) -> str:
    """`text` with `entry` appended to the list at `path`; the list and what it stands in are made if absent.

    Raises:
        ConfigError: the file is no YAML mapping, something else stands at `path`, or the place cannot be
            edited without touching other lines.
    """
    from ruamel.yaml.error import YAMLError

    try:
        edited = _edited(text, _compose(text), list(path), _quoted(entry))
        if data_of(edited) == _added(data_of(text), list(path), entry):
            return edited
    except (YAMLError, ValueError, ConfigError):
        pass
    raise ConfigError(
        f"The file cannot be edited here without touching other lines: {'.'.join(path)}.",
        hint=f"Add this entry to {'.'.join(path)} by hand: {_quoted(entry)}",
    )


def _compose(text: str) -> Any:
    """The nodes of `text`; None if it holds nothing but comments and the line that begins a document."""
    from ruamel.yaml import YAML

    node = YAML(typ="safe", pure=True).compose(text)
    return None if node is None or (node.id == "scalar" and node.value == "") else node


def _quoted(entry: str) -> str:
    return "'" + entry.replace("'", "''") + "'"


def _added(data: Any, path: list[str], entry: str) -> Any:
    if not path:
        return [*(data or []), entry]
    base = data or {}
    if not isinstance(base, dict):
        raise ValueError(path[0])
    return {**base, path[0]: _added(base.get(path[0]), path[1:], entry)}


def _edited(text: str, node: Any, path: list[str], entry: str) -> str:
    if node is None:
        lines = _block(path, entry, column=0)
        return text + ("" if not text or text.endswith("\n") else "\n") + "\n".join(lines) + "\n"
    if node.id == "mapping" and not node.flow_style and path:
        for key, value in node.value:
            if key.value == path[0]:
                return _inside(text, key, value, path[1:], entry)
        return _after(text, _end(node), _block(path, entry, column=node.start_mark.column))
    if node.id == "sequence" and not path:
        return _in_list(text, node, entry)
    raise ValueError("not a place for a list")


def _inside(text: str, key: Any, value: Any, path: list[str], entry: str) -> str:
    if value.id == "scalar" and value.tag.endswith(":null"):
        lines = _block(path, entry, column=key.start_mark.column + 2)
        return _after(text, key.end_mark.index, lines)  # the nothing behind it has no place
    return _edited(text, value, path, entry)


def _in_list(text: str, node: Any, entry: str) -> str:
    if node.flow_style:
        at = node.value[-1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + entry + text[at:]
    return _after(text, _end(node), [" " * node.start_mark.column + f"- {entry}"])


def _block(path: list[str], entry: str, *, column: int) -> list[str]:
    """The keys of `path`, each two deeper than the one before, and the entry."""
    lines = [" " * (column + 2 * depth) + f"{_key(key)}:" for depth, key in enumerate(path)]
    return [*lines, " " * (column + 2 * len(path)) + f"- {entry}"]


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else _quoted(name)


def _end(node: Any) -> int:
    """Where the last thing inside a block collection ends; its own end lies at the next thing."""
    while not getattr(node, "flow_style", True) and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _after(text: str, index: int, lines: list[str]) -> str:
    """Put lines behind the one in which `index` lies."""
    newline = text.find("\n", index)
    cut = len(text) if newline < 0 else newline
    return text[:cut] + "\n" + "\n".join(lines) + (text[cut:] or "\n")
