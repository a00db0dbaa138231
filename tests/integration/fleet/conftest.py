"""Sandboxes of many sessions, and containers that must never be touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.sandbox import Sandbox


@dataclass(frozen=True)
class Registry:
    """The two files, as any program reads them."""

    state: Path

    @property
    def path(self) -> Path:
        return self.state / "sandbox" / "containers.json"

    @property
    def entries(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        found: list[dict[str, Any]] = json.loads(self.path.read_text())["entries"]
        return found

    @property
    def names(self) -> list[str]:
        return sorted(entry["containerName"] for entry in self.entries)

    def write(self, entries: list[dict[str, Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"entries": entries}, indent=2) + "\n")


@pytest.fixture
def registry(sandbox: Sandbox) -> Registry:
    return Registry(sandbox.tool.state)


@pytest.fixture
def decoys(sandbox: Sandbox, octest_name: Callable[[str], str]) -> Iterator[list[str]]:
    """They share our names, or our label's prefix, and nothing else. Each must live to the end."""
    name = octest_name("decoy")
    made = [
        (f"{sandbox.prefix}agent-main-00000000", {}),
        (f"{sandbox.name}-run-01234567", {"openclaw.sandbox": "0", "openclaw-sandbox.spec": "x"}),
        (f"{sandbox.name}-setup-01234567", {"openclaw.sandboxed": "1", "openclaw-sandboxed.state": "x"}),
        (f"{name}-label", {"openclaw.sandbox.x": "1", "openclaw.sessionKey": "agent:main"}),
        (f"{name}-state", {"openclaw.sandbox": "1", "openclaw-sandbox.state": "0" * 16}),
        (f"{name}-nobodys", {"openclaw.sandbox": "1", "openclaw.sessionKey": "agent:main"}),
    ]
    ids = []
    for decoy, labels in made:
        container = sandbox.api.create_container(
            sandbox.image, ["sleep", "infinity"], name=decoy, labels=labels
        )
        sandbox.api.start(container["Id"])
        ids.append(container["Id"])
    yield ids
    alive = {container["Id"] for container in sandbox.api.containers()}
    gone = [decoy for (decoy, _), made_id in zip(made, ids, strict=True) if made_id not in alive]
    for made_id in ids:
        sandbox.api.remove_container(made_id, force=True)
    assert gone == []
