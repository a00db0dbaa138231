"""On which networks the engine listens: by the arguments of its process, and by its daemon.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.docker.daemon import daemon_pid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONFIG = "/etc/docker/daemon.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the arguments of a daemon say. `tls`: it takes only clients with a certificate."""

    hosts: tuple[str, ...]
    tls: bool
    config: str


def parse_arguments(words: Sequence[str]) -> Said:
    """The arguments of dockerd. Pure."""
    values: dict[str, list[str]] = {"host": [], "config-file": [_CONFIG], "tlsverify": []}
    left = iter(words)
    for word in left:
        if word.startswith("-H"):
            values["host"].append(word[2:].removeprefix("=") or next(left, ""))
            continue
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name == "tlsverify":
            values[name].append(value or "true")
        elif name in values and word.startswith("-"):
            values[name].append(value if equals else next(left, ""))
    return Said(
        hosts=tuple(values["host"]),
        tls=values["tlsverify"][-1:] == ["true"],
        config=values["config-file"][-1],
    )


def network_addresses(said: Said, config: object) -> tuple[tuple[str, ...], bool]:
    """The addresses that are on a network, and whether TLS guards them. Pure; `config` is daemon.json."""
    document = config if isinstance(config, dict) else {}
    hosts = document.get("hosts")
    named = [*said.hosts, *(str(host) for host in (hosts if isinstance(hosts, list) else ()))]
    return tuple(host for host in named if host.startswith("tcp://")), said.tls or bool(
        document.get("tlsverify")
    )


def listening(socket_path: str) -> tuple[tuple[str, ...] | None, bool]:
    """The daemon's network addresses (None: nobody may look), and whether it wants TLS."""
    words = next(_daemons(socket_path), None)
    if words is None:
        return None, False
    said = parse_arguments(words[1:])
    try:
        config = json.loads(Path(said.config).read_text(encoding="utf-8"))
    except FileNotFoundError:
        config = {}
    except (OSError, ValueError, RecursionError):
        found, tls = network_addresses(said, {})
        return found or None, tls  # it may name more
    return network_addresses(said, config)


def _daemons(socket_path: str) -> Iterator[list[str]]:
    """The one that listens there; where an init system opened the socket, the first there is."""
    folders = [Path(f"/proc/{daemon_pid(socket_path)}"), *Path("/proc").glob("[0-9]*")]
    for folder in folders:
        words = _words(folder / "cmdline")
        if words and Path(words[0]).name == "dockerd":
            yield words


def _words(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []
