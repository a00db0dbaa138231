"""What config.yml says, as layers: the whole file's block, then the agent's own. The lowest comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.model import Candidate

if TYPE_CHECKING:
    from openclaw_sandbox.config.model import LoadedHardening
    from openclaw_sandbox.config.origin import KeyPath, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLayers:
    """The blocks of config.yml that count for one agent."""

    loaded: LoadedHardening
    agent_id: str

    def said(self, key: str) -> list[Candidate[Any]]:
        """What the file says of a dotted key, for everybody and then for the agent; absent is silence."""
        path = tuple(key.split("."))
        found = []
        for prefix in ((), ("agents", self.agent_id)):
            value = _inside(self.loaded.data, (*prefix, *path))
            if value is not None:
                found.append(Candidate(origin=self.loaded.origin_of((*prefix, *path)), value=value))
        return found

    def last(self, key: str) -> Candidate[Any] | None:
        """The highest block's word: for keys where the last one wins."""
        found = self.said(key)
        return found[-1] if found else None

    def entries(self, key: str) -> list[Candidate[Any]]:
        """The entries of a list in every block, joined; each with its own origin."""
        return [
            Candidate(origin=self._entry_origin(said.origin, key, index), value=value)
            for said in self.said(key)
            for index, value in enumerate(said.value)
        ]

    def _entry_origin(self, origin: Origin, key: str, index: int) -> Origin:
        path = tuple(key.split("."))
        for prefix in ((), ("agents", self.agent_id)):
            if self.loaded.origin_of((*prefix, *path)) == origin:
                return self.loaded.origin_of((*prefix, *path, index))
        return origin


def _inside(data: Mapping[str, Any], path: KeyPath) -> Any:
    value: Any = data
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
