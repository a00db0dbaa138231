"""One entry more in a list of a YAML file, everything else byte for byte as it was. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_entry(text: str, path: Sequence[str], entry: str) -> str:
    """`text` with `entry` appended to the list at `path`; the list and what it stands in are made if absent.

    Raises:
        ConfigError: the file is no YAML mapping, something else stands at `path`, or the place cannot be
            edited without touching other lines.
    """
    from ruamel.yaml.error import YAMLError

    try:
        before = _data(text)
        edited = _edited(text, _compose(text), list(path), _quoted(entry))
        if _data(edited) == _added(before, list(path), entry):
            return edited
    except (YAMLError, ValueError):
        pass
    raise ConfigError(
        f"The file cannot be edited here without touching other lines: {'.'.join(path)}.",
        hint=f"Add this entry to {'.'.join(path)} by hand: {_quoted(entry)}",
    )


def _yaml() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True)


def _data(text: str) -> Any:
    data = _yaml().load(text)
    return {} if data is None else data


def _compose(text: str) -> Any:
    return _yaml().compose(text)


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
    lines = [" " * (column + 2 * depth) + f"{key}:" for depth, key in enumerate(path)]
    return [*lines, " " * (column + 2 * len(path)) + f"- {entry}"]


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
