"""What config.yml says, as layers: the whole file's block, then the agent's own. The lowest comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.model import Candidate, Hardening, Resolved

if TYPE_CHECKING:
    from openclaw_sandbox.config.model import LoadedHardening
    from openclaw_sandbox.config.origin import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLayers:
    """The blocks of config.yml that count for one agent."""

    loaded: LoadedHardening
    agent_id: str

    def said(self, key: str) -> list[Candidate[Any]]:
        """What the file says of a dotted key, for everybody and then for the agent; absent is silence."""
        return [Candidate(origin=self.loaded.origin_of(path), value=value) for path, value in self._at(key)]

    def last(self, key: str) -> Candidate[Any] | None:
        """The highest block's word: for keys where the last one wins."""
        found = self.said(key)
        return found[-1] if found else None

    def lists(self, key: str) -> list[list[Candidate[Any]]]:
        """The list in every block that has one, as its entries; each entry has its own origin."""
        return [
            [
                Candidate(origin=self.loaded.origin_of((*path, index)), value=entry)
                for index, entry in enumerate(value)
            ]
            for path, value in self._at(key)
        ]

    def entries(self, key: str) -> list[Candidate[Any]]:
        """The entries of a list in every block, joined."""
        return [entry for entries in self.lists(key) for entry in entries]

    def _at(self, key: str) -> list[tuple[KeyPath, Any]]:
        found = []
        for prefix in ((), ("agents", self.agent_id)):
            path = (*prefix, *key.split("."))
            value = _inside(self.loaded.data, path)
            if value is not None:
                found.append((path, value))
        return found


def _inside(data: Mapping[str, Any], path: KeyPath) -> Any:
    value: Any = data
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The hardening under config.yml, every value with its origin, and whether sandboxes are on at all."""

    hardening: Hardening
    values: Mapping[str, Resolved[Any]]
    enabled: bool = True
    deny_network: bool = False
    hosts: Mapping[str, tuple[Candidate[Any], ...]] = field(default_factory=dict)


def is_silent(loaded: LoadedHardening | None) -> bool:
    """Whether there is no config.yml, or one that says nothing."""
    return loaded is None or not loaded.data
