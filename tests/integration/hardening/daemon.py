"""An engine of its own, in a network namespace of its own: other runtimes, nothing of it on the machine's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Sleeps for ever wherever a runtime would start a container.
HANGING = """#!/bin/sh
case " $* " in
  *" create "*) exec sleep 3600 ;;
esac
exec runc "$@"
"""


@dataclass(frozen=True)
class Daemon:
    """A running engine. `socket` is its address as DOCKER_HOST wants it."""

    socket: str
    client: docker.DockerClient

    def load(self, image: str) -> None:
        """Take an image over from the machine's engine, under this name and no other that it has there."""
        ours = docker.from_env(timeout=300)
        try:
            (loaded,) = self.client.images.load(ours.images.get(image).save(named=image))
            assert loaded.tags == [image]
        finally:
            ours.close()


@contextlib.contextmanager
def private_daemon(
    folder: Path, runtimes: Mapping[str, Mapping[str, object]], *, storage_driver: str = ""
) -> Iterator[Daemon]:
    """Start an engine that keeps everything below `folder`; it is ended and its processes with it.

    `storage_driver` is one that the file system of `folder` allows; the engine chooses if it is empty.
    """
    config = folder / "daemon.json"
    driver = {"storage-driver": storage_driver} if storage_driver else {}
    config.write_text(json.dumps({"runtimes": runtimes, **driver}))
    socket = folder / "docker.sock"
    # `--bridge none` would remove docker0 from the machine if the namespace were its own.
    command = (
        f"ip link set lo up; exec dockerd --config-file {config} --data-root {folder}/data"
        f" --exec-root {folder}/exec --pidfile {folder}/pid -H unix://{socket}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        client = _connect(socket, process, folder / "log")
        try:
            yield Daemon(socket=f"unix://{socket}", client=client)
        finally:
            for container in client.containers.list(all=True):
                container.remove(force=True)
            client.close()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _connect(socket: Path, process: subprocess.Popen[bytes], log: Path) -> docker.DockerClient:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if socket.exists():
            client = docker.DockerClient(base_url=f"unix://{socket}", timeout=120)
            with contextlib.suppress(Exception):
                client.ping()
                return client
            client.close()
        time.sleep(0.1)
    raise AssertionError(f"the engine did not come up:\n{log.read_text()[-2000:]}")
