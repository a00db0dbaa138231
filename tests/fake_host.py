"""A host and a config made of plain data, for tests of the policy."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.config.origin import BUILT_IN, KeyPath, Origin, OriginKind, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME = Path("/home/op")
STATE = HOME / ".openclaw"


@dataclass(frozen=True, kw_only=True)
class FakeHost:
    """`links` maps a path to its target, `sockets` and `json_files` name what exists."""

    cwd: Path = Path("/")
    homes: tuple[Path, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    sockets: frozenset[str] = frozenset()
    json_files: Mapping[str, Any] = field(default_factory=dict)

    def realpath(self, path: str) -> str:
        parts = posixpath.normpath(path).split("/")
        for end in range(len(parts), 1, -1):
            head = "/".join(parts[:end])
            if head in self.links:
                return self.realpath("/".join([self.links[head], *parts[end:]]))
        return "/".join(parts)

    def exists(self, path: str) -> bool:
        return path in self.links or path in self.sockets or path in self.json_files

    def is_socket(self, path: str) -> bool:
        return path in self.sockets

    def read_json(self, path: str) -> Any:
        return self.json_files.get(path)


def config_of(data: Mapping[str, Any], *, profile: str | None = None, state: Path = STATE) -> LoadedConfig:
    """A loaded config of this data; each value's origin is its own key path."""

    def origin_of(path: KeyPath) -> Origin:
        value: Any = data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return BUILT_IN
        return Origin(kind=OriginKind.FILE, key=dotted(path), file=str(state / "openclaw.json"))

    paths = StatePaths(home=HOME, state_dir=state, config_file=state / "openclaw.json", profile=profile)
    return LoadedConfig(paths=paths, exists=True, data=data, origin_of=origin_of)


def docker(**settings: Any) -> dict[str, Any]:
    """A config whose defaults have this `docker` block."""
    return {"agents": {"defaults": {"sandbox": {"docker": settings}}}}
