"""Three ways to begin: what `config init` writes into config.yml, and what openclaw.json should say with it.

A new file gets comments. A file that exists keeps its own comments, order and other keys: only the posture's
keys are set.
"""

from __future__ import annotations

import enum
import io
import textwrap
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Posture(enum.Enum):
    """How far an agent is trusted."""

    RESTRICTED = "restricted"
    BALANCED = "balanced"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of config.yml: a dotted key below `sandbox`, its value, and why."""

    key: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A posture: for whom it is, its settings, and the sandbox block of openclaw.json that goes with it."""

    meant_for: str
    settings: tuple[Setting, ...]
    sandbox: Mapping[str, str]
    session: Mapping[str, str]


_NO_NETWORK = Setting(
    key="network_policy",
    value="deny-by-default",
    why="no network; list what it needs under allowed_hosts",
)
_READ_ONLY = Setting(
    key="readonly_root", value=True, why="only the workspace and the tmpfs folders are writable"
)


def _limits(memory: str, pids: int, disk: str, timeout: int) -> tuple[Setting, ...]:
    return (
        Setting(key="timeout", value=timeout, why="seconds per command"),
        Setting(key="resource_limits.memory", value=memory, why="a command that needs more is killed"),
        Setting(key="resource_limits.pids", value=pids, why="processes and threads together"),
        Setting(key="resource_limits.disk", value=disk, why="a command that fills the workspace is ended"),
    )


PRESETS: Mapping[Posture, Preset] = {
    Posture.RESTRICTED: Preset(
        meant_for="agents that strangers can reach: everything is closed, and small",
        settings=(
            *_limits("512mb", 128, "1gb", 120),
            Setting(key="resource_limits.cpus", value=1, why="processors"),
            _NO_NETWORK,
            _READ_ONLY,
            Setting(key="tmpfs_size", value="32mb", why="of each tmpfs folder"),
            Setting(key="blocked_syscalls", value=["ptrace"], why="no process looks into another"),
            Setting(key="logging.max_output_size", value="5mb", why="a command that writes more is ended"),
        ),
        sandbox={"mode": "all", "workspaceAccess": "none"},
        session={"dmScope": "per-channel-peer"},
    ),
    Posture.BALANCED: Preset(
        meant_for="your own agents: no network, room for ordinary work",
        settings=(
            *_limits("2gb", 512, "5gb", 600),
            _NO_NETWORK,
            _READ_ONLY,
            Setting(key="logging.max_output_size", value="50mb", why="a command that writes more is ended"),
        ),
        sandbox={"mode": "non-main"},
        session={},
    ),
    Posture.OPEN: Preset(
        meant_for="agents you trust with long builds: large limits, the network that openclaw.json names",
        settings=(*_limits("4gb", 2048, "20gb", 3600), _READ_ONLY),
        sandbox={"mode": "non-main", "workspaceAccess": "rw"},
        session={},
    ),
}


def openclaw_block(posture: Posture, agent: str | None) -> dict[str, Any]:
    """The smallest openclaw.json that goes with a posture, for every agent or for one."""
    preset = PRESETS[posture]
    sandbox = dict(preset.sandbox)
    agents = {"list": [{"id": agent, "sandbox": sandbox}]} if agent else {"defaults": {"sandbox": sandbox}}
    return {"agents": agents, **({"session": dict(preset.session)} if preset.session else {})}


def fresh_text(posture: Posture, agent: str | None) -> str:
    """A new config.yml with a comment at every line."""
    preset = PRESETS[posture]
    lines = [
        f"# openclaw-sandbox: posture {posture.value}.",
        *(f"# {line}" for line in textwrap.wrap(f"For {preset.meant_for}.", 88)),
        "# Limits and denials only get tighter: a looser value in openclaw.json loses, and explain says so.",
        "sandbox:",
    ]
    indent = "  "
    if agent:
        lines += ["  agents:", f"    {_scalar(agent)}:"]
        indent = "      "
    block = ""
    for setting in sorted(preset.settings, key=lambda one: one.key.rpartition(".")[0]):
        head, _, tail = setting.key.rpartition(".")
        if head and head != block:
            lines.append(f"{indent}{head}:")
        block = head
        place = f"{indent}  {tail}" if head else f"{indent}{setting.key}"
        lines.append(f"{place}: {_scalar(setting.value)}  # {setting.why}")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """A value as one line of YAML."""
    import json

    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    plain = isinstance(value, str) and value.replace("-", "").isalnum() and not value[0].isdigit()
    return str(value) if plain else json.dumps(value)


def merged_text(text: str, posture: Posture, agent: str | None) -> str:
    """A config.yml with the posture's keys set and everything else kept, comments too.

    `text` must be a file that loads; see `load_hardening_file`.

    Raises:
        ConfigError: the keys cannot be set without changing others; an alias shares them, for instance.
    """
    from ruamel.yaml.error import YAMLError

    from openclaw_sandbox.config.edit_list import agent_key, data_of

    settings = PRESETS[posture].settings
    above = ("sandbox", *(("agents", agent_key(text, agent)) if agent else ()))
    wanted = {(*above, *setting.key.split(".")): setting.value for setting in settings}
    try:
        merged = _with_values(text, wanted) or _appended(text, fresh_text(posture, agent))
        if data_of(merged) == _set_all(data_of(text), wanted):
            return merged
    except (YAMLError, ConfigError, ValueError):  # what this reader takes and the other one does not
        pass
    raise ConfigError(
        "config.yml cannot be edited here without changing something else in it.",
        hint=f"Set by hand, below {'.'.join(above)}: "
        + ", ".join(f"{setting.key}: {_scalar(setting.value)}" for setting in settings),
    )


def _with_values(text: str, wanted: Mapping[tuple[str, ...], Any]) -> str:
    """`text` with these values, comments kept; nothing if `text` holds no value at all."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(text)
    if document is None:
        return ""
    written = io.StringIO()
    yaml.dump(_set_all(document, wanted), written)
    return written.getvalue()


def _appended(text: str, more: str) -> str:
    return text.rstrip("\n") + "\n" * bool(text.strip()) + more


def _set_all(document: Any, wanted: Mapping[tuple[str, ...], Any]) -> Any:
    """`document`, changed in place: the blocks that are missing on the way to a value are made."""
    for path, value in wanted.items():
        place = document
        for key in path[:-1]:
            written = _as_written(place, key)
            if place.get(written) is None:
                place[written] = {}
            place = place[written]
        place[path[-1]] = value
    return document


def _as_written(block: Any, key: str) -> Any:
    """The key as the YAML library holds it: a number or a boolean, where this tool reads its text."""
    return next((known for known in block if str(known).lower() == key.lower()), key)


def overwritten(data: Mapping[str, Any], posture: Posture, agent: str | None) -> tuple[str, ...]:
    """The posture's keys that a loaded config.yml says already, in this place."""
    block: Any = data.get("agents", {}).get(agent, {}) if agent else data
    found = []
    for setting in PRESETS[posture].settings:
        value = block
        for part in setting.key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found.append(setting.key)
    return tuple(found)
