"""What the engine's refusals about images become, and how a pull is added up."""

from __future__ import annotations

import pytest

from openclaw_sandbox.engine.docker.images import Transfer, refusal
from openclaw_sandbox.errors import EngineError, SandboxError, UsageError, VerbFailedError


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", VerbFailedError, "disk is full"),
        ("Error processing tar file(exit status 1): unexpected EOF", VerbFailedError, "archive is damaged"),
        ("invalid diffID for layer 0: expected a, got b", VerbFailedError, "archive is damaged"),
        ("invalid reference format", UsageError, "Not the name of an image"),
        ("something nobody has seen", EngineError, "could not load"),
    ],
)
def test_refusals(said: str, kind: type[SandboxError], words: str) -> None:
    error = refusal("load", said)
    assert type(error) is kind
    assert words in error.brief
    assert error.details == (said,)


def test_a_pull_is_the_sum_of_its_layers() -> None:
    transfer = Transfer()
    assert transfer.feed({"status": "Pulling fs layer", "id": "a"}) == ""
    assert transfer.feed(layer("a", 1_000_000, 4_000_000)) == "1.0 of 4.0 MB"
    assert transfer.feed(layer("b", 500_000, 1_000_000)) == "1.5 of 5.0 MB"
    assert transfer.feed({"status": "Download complete", "id": "a", "progressDetail": {}}) == ""


def layer(name: str, current: int, total: int) -> dict[str, object]:
    return {"status": "Downloading", "id": name, "progressDetail": {"current": current, "total": total}}
