"""The README's first command, as its reader runs it: nothing installed, then everything there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.alone]

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "quickstart"


@pytest.fixture
def home(tmp_path: Path, octest_name: Callable[[str], str]) -> Iterator[Path]:
    """A home of its own, whose sandboxes have names of their own."""
    prefix = octest_name("quickstart") + "-"
    config = tmp_path / ".openclaw" / "openclaw.json"
    config.parent.mkdir()
    config.write_text(f'{{agents: {{defaults: {{sandbox: {{docker: {{containerPrefix: "{prefix}"}}}}}}}}}}')
    yield tmp_path
    client = docker.from_env(timeout=60)
    try:
        for container in client.containers.list(all=True, filters={"name": prefix}):
            container.remove(force=True)
    finally:
        client.close()


def quickstart(home: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENCLAW")}
    return subprocess.run(
        [SCRIPT], env={**kept, "HOME": str(home)}, capture_output=True, text=True, timeout=600, check=False
    )


def test_ends_in_the_sandboxed_output_and_is_quick_the_second_time(home: Path) -> None:
    first = quickstart(home)
    assert first.returncode == 0, first.stdout + first.stderr
    for line in (
        "user:     uid=",
        "folder:   /workspace",
        "root:     touch: cannot touch '/etc/probe': Read-only file system",
        "network:  interfaces: lo\n",
    ):
        assert line in first.stdout
    assert "uid=0" not in first.stdout
    assert (home / ".local/bin/openclaw-sandbox").exists()

    second = quickstart(home)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "up to date" in second.stdout.partition("==> Engine and image")[0]


def test_an_argument_is_refused(home: Path) -> None:
    result = subprocess.run(
        [SCRIPT, "--hepl"], env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, check=False
    )
    assert (result.returncode, list(home.glob(".local"))) == (1, [])
    assert "unknown argument: --hepl" in result.stderr
