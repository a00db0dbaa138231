"""Engines that answer at first: what they break off is a finding, and the rest is looked at all the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.fake_engine import read_request, reply, serving
from tests.tool import Tool

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

VERSION = {"Version": "29.7.2", "ApiVersion": "1.52", "Components": []}
INFO = {"MemoryLimit": True, "PidsLimit": True, "Driver": "overlay2", "CgroupVersion": "2"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's may have no more than 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="octest-") as made:
        yield Path(made)


@pytest.mark.parametrize("answer", [b"", reply(500, {"message": "database is locked"}), b"no HTTP\r\n\r\n"])
def test_an_engine_that_says_what_it_is_and_nothing_more(folder: Path, answer: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        _, path, _ = read_request(connection)
        known = {"/version": VERSION, "/info": INFO}
        said = next((reply(200, body) for end, body in known.items() if path.endswith(end)), answer)
        connection.sendall(said)

    with serving(folder / "s", handle):
        tool = Tool(folder, {"DOCKER_HOST": f"unix://{folder / 's'}"})
        tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
        done = tool("doctor", "--json", "--offline")
    found = {check["id"]: check for check in done.document["checks"]}
    assert done.status == 1, done.said
    assert found["engine.reachable"]["status"] == "ok"
    assert found["engine.steady"]["status"] == "fail"
    assert found["engine.steady"]["details"]
    assert found["image.present"]["status"] == "skip"
    assert found["state.registry"]["status"] == "ok"
    assert {"kernel.version", "config.mode"} <= found.keys()
