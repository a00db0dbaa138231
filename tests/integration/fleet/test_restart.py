"""An engine that is killed under its sandboxes and comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import docker
import pytest

from tests.integration.conftest import PRODUCT_IMAGE
from tests.integration.sandbox import eventually
from tests.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.alone]


class Mortal:
    """An engine of its own, in a network namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """As a service manager does: an engine that gives up, right after its death, is started again."""
        self._launch()
        eventually(self._answers, timeout_s=90)

    def _launch(self) -> None:
        # In the machine's own namespace it would take docker0 from the machine's engine.
        command = (
            f"ip link set lo up; exec dockerd --data-root {self.folder}/data --exec-root {self.folder}/exec"
            f" --pidfile {self.folder}/pid -H {self.address}"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "-n", "-m", "sh", "-c", command], stdout=log, stderr=log, start_new_session=True
            )

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self._launch()
        answered = subprocess.run(["docker", "-H", self.address, "version"], capture_output=True, check=False)
        return answered.returncode == 0

    def kill(self) -> None:
        """As nobody should: engine and containerd at once; what runs in containers goes on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        (self.folder / "pid").unlink(missing_ok=True)

    def load(self, image: str) -> None:
        with contextlib.closing(docker.from_env(timeout=300)) as ours:
            pieces = ours.images.get(image).save(named=image)
            with contextlib.closing(docker.DockerClient(self.address, timeout=300)) as theirs:
                theirs.images.load(pieces)

    def end(self) -> None:
        assert self._process is not None
        if self._process.poll() is None and self._answers():
            with contextlib.closing(docker.DockerClient(self.address, timeout=60)) as client:
                for container in client.containers.list(all=True):
                    container.remove(force=True)
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Mortal]:
    folder = tmp_path / "engine"
    folder.mkdir()
    made = Mortal(folder)
    made.start()
    yield made
    made.end()


def states(tool: Tool) -> list[str]:
    done = tool("list", "--json")
    assert done.status == 0, done.said
    return [row["state"] for row in done.document["containers"]]


def test_killed_and_back(engine: Mortal, tmp_path: Path) -> None:
    engine.load(PRODUCT_IMAGE)
    home = tmp_path / "home"
    home.mkdir()
    tool = Tool(home, env={"DOCKER_HOST": engine.address})
    assert tool("run", "--", "sh", "-c", "echo kept >note").status == 0
    registry = home / ".openclaw" / "sandbox" / "containers.json"
    before = registry.read_bytes()
    engine.kill()
    time.sleep(0.1)
    for words in (
        ("list",),
        ("ensure",),
        ("recreate", "--all", "--force"),
        ("prune",),
        ("run", "--", "true"),
    ):
        dead = tool(*words)
        assert dead.status == 125, dead.said
        assert "Nothing answers" in dead.said
        assert registry.read_bytes() == before
    engine.start()
    assert states(tool) in (["stopped"], ["running"])
    assert tool("run", "--", "cat", "note").text == "kept\n"
    assert states(tool) == ["running"]
    assert tool("recreate", "--all", "--force", "--now").status == 0
    assert states(tool) == ["running"]
