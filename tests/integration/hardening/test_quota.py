"""An engine whose storage has quotas: `resource_limits.disk` bounds everything that is the sandbox's own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.hardening.daemon import private_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

_GIB = 1 << 30


@contextmanager
def _btrfs() -> Iterator[Path]:
    """A folder on a btrfs of its own. Not pytest's own: a socket's path may have only 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="octest-"))
    image = folder.with_suffix(".img")
    try:
        with image.open("wb") as file:
            file.truncate(3 * _GIB)
        subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-R", str(folder)], check=True)
    finally:
        image.unlink(missing_ok=True)
        folder.rmdir()


@pytest.fixture
def sandbox(image: str, new_sandbox: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox on an engine that keeps its containers on btrfs."""
    with _btrfs() as folder, private_daemon(folder, {}, storage_driver="btrfs") as daemon:
        daemon.load(image)
        made = new_sandbox()
        yield replace(
            made,
            tool=replace(made.tool, env={"DOCKER_HOST": daemon.socket}),
            api=daemon.client.api,
        )


def _limit(sandbox: Sandbox, size_mib: int) -> None:
    block = {"readonly_root": False, "resource_limits": {"disk": f"{size_mib}mb"}}
    (sandbox.tool.state / "config.yml").write_text(json.dumps({"sandbox": block}, indent=1))


def test_the_engine_bounds_the_sandboxs_own_files(sandbox: Sandbox) -> None:
    size_mib = (sandbox.api.inspect_image(sandbox.image)["Size"] >> 20) + 100
    _limit(sandbox, size_mib)
    # The home folder of the image's user, which is no mount.
    done = sandbox.run("dd", "if=/dev/urandom", "of=/home/sandbox/x", "bs=1M", "count=200", "conv=fsync")
    said = " ".join(done.said.split())
    assert done.status == 1, said
    assert "a quota of the engine (btrfs, which counts the image too) bounds everything else" in said
    assert "Disk quota exceeded" in said
    assert f"the sandbox's own files passed their limit of {size_mib} MiB" in said
    assert "config.yml:5 sandbox.resource_limits.disk)" in said
    assert sandbox.inspect()["HostConfig"]["StorageOpt"] == {"size": str(size_mib << 20)}
    for page in (sandbox.tool("explain", "--all").text, sandbox.tool("doctor", "--json").text):
        assert "a quota of the engine (btrfs" in " ".join(page.split())

    _limit(sandbox, 40)
    done = sandbox.run("true", flags=["--rm"])
    assert done.status == 125
    assert "resource_limits.disk is less than the image" in done.said
