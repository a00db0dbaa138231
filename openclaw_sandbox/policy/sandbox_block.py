"""OpenClaw's own sandbox settings for one agent, from its defaults, `agents.defaults` and the agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.policy.layers import COMBINE, Layer, Outcome, replace
from openclaw_sandbox.policy.model import Candidate, Mode, Resolved, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import KeyPath
    from openclaw_sandbox.policy.agents import Agent

OPENCLAW_DEFAULT = Origin(kind=OriginKind.BUILT_IN, key="OpenClaw's default")

#: What OpenClaw does where no file says anything. `workspaceRoot` is added from the state folder.
DEFAULTS: Mapping[str, Any] = {
    "mode": "off",
    "workspaceAccess": "none",
    "docker": {
        "image": "openclaw-sandbox:bookworm-slim",
        "containerPrefix": "openclaw-sbx-",
        "workdir": "/workspace",
        "readOnlyRoot": True,
        "tmpfs": ["/tmp", "/var/tmp", "/run"],  # noqa: S108  paths in the container
        "network": "none",
        "capDrop": ["ALL"],
        "env": {"LANG": "C.UTF-8"},
    },
    "browser": {
        "enabled": False,
        "image": "openclaw-sandbox-browser:bookworm-slim",
        "containerPrefix": "openclaw-sbx-browser-",
        "cdpPort": 9222,
        "vncPort": 5900,
        "noVncPort": 6080,
        "headless": False,
        "enableNoVnc": True,
        "allowHostControl": False,
        "autoStart": True,
        "autoStartTimeoutMs": 12000,
    },
    "prune": {"idleHours": 24, "maxAgeDays": 7},
}

_SHARED_IGNORES = "scope is shared: an agent's docker, browser and prune settings do not count"


def block(document: Mapping[str, Any], *path: str | int) -> Mapping[str, Any]:
    """The object at a path of plain data; empty if there is none."""
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _layer_at(config: LoadedConfig, path: KeyPath, document: Mapping[str, Any], *inside: str) -> Layer:
    return Layer(
        values=block(document, *inside), origin=lambda below: config.origin_of((*path, *inside, *below))
    )


def _file_layers(config: LoadedConfig, agent: Agent) -> tuple[Layer, Layer]:
    defaults = _layer_at(config, (), config.data, "agents", "defaults", "sandbox")
    return defaults, _layer_at(config, agent.path, agent.data, "sandbox")


def _scope(defaults: Layer, mine: Layer) -> Resolved[str]:
    """`scope` as OpenClaw reads it: only if nobody sets it does the older `perSession` count."""
    built_in = Candidate(origin=OPENCLAW_DEFAULT, value="agent")
    older = [
        Candidate(origin=said.origin, value="session" if said.value else "shared", why_lost="")
        for layer in (defaults, mine)
        if (said := layer.said("perSession")) is not None
    ]
    current = [said for layer in (defaults, mine) if (said := layer.said("scope")) is not None]
    every: list[Candidate[str]] = [built_in, *older, *current]
    lost, winner = every[:-1], every[-1]
    why = "perSession is an older name; scope counts"
    overridden = tuple(
        Candidate(origin=c.origin, value=c.value, why_lost=why if current and c in older else "")
        for c in lost
    )
    return Resolved(key="scope", value=winner.value, origin=winner.origin, overridden=overridden)


def _built_in(state_dir: Path) -> Layer:
    values = {**DEFAULTS, "workspaceRoot": str(state_dir / "sandboxes")}
    return Layer(values=values, origin=lambda _path: OPENCLAW_DEFAULT, built_in=True)


def sandbox_layers(config: LoadedConfig, agent: Agent) -> tuple[Resolved[str], tuple[Layer, Layer, Layer]]:
    """The agent's scope, and its three layers from the lowest; `shared` ignores parts of the last."""
    defaults, mine = _file_layers(config, agent)
    scope = _scope(defaults, mine)
    if scope.value == Scope.SHARED.value:
        ignored = dict.fromkeys(("docker", "browser", "prune"), _SHARED_IGNORES)
        mine = Layer(values=mine.values, origin=mine.origin, ignored=ignored)
    return scope, (_built_in(config.paths.state_dir), defaults, mine)


def resolved_document(scope: str, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """The resolved config in OpenClaw's shape. An empty list of binds is as good as none there."""
    document: dict[str, Any] = {"mode": outcomes["mode"].value, "scope": scope}
    for key in COMBINE:
        if key not in outcomes or (key == "docker.binds" and not outcomes[key].value):
            continue
        *path, last = key.split(".")
        place = document
        for part in path:
            place = place.setdefault(part, {})
        place[last] = outcomes[key].value
    return document


def mode_of(config: LoadedConfig, agent: Agent) -> Mode:
    """An agent's mode alone."""
    outcome = replace("mode", (_built_in(config.paths.state_dir), *_file_layers(config, agent)))
    return Mode(outcome.value) if outcome is not None else Mode.OFF
