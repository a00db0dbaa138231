"""Many at once, and killed at random: one container, right answers, nothing left over.

OPENCLAW_SANDBOX_SOAK=1 makes each of them as large as the promise: 50 at once, 200 kills.
"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.integration.fleet.conftest import Registry
    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

SOAK = os.environ.get("OPENCLAW_SANDBOX_SOAK") == "1"
AT_ONCE = 50 if SOAK else 12
KILLS = 200 if SOAK else 16


def answers(started: list[subprocess.Popen[bytes]]) -> list[tuple[int, bytes]]:
    found = []
    for process in started:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err.decode()
        found.append((process.returncode, out))
    return found


@pytest.mark.parametrize("setup", [None, "echo done >>/workspace/setups"])
def test_one_session_many_processes(sandbox: Sandbox, registry: Registry, setup: str | None) -> None:
    sandbox.configure(docker={"setupCommand": setup} if setup else {})
    started = [sandbox.start("sh", "-c", f"echo {number}; hostname") for number in range(AT_ONCE)]
    found = answers(started)
    hosts = {out.split()[1] for _, out in found}
    assert [int(out.split()[0]) for _, out in found] == list(range(AT_ONCE))
    assert len(hosts) == 1
    assert sandbox.containers() == registry.names == [sandbox.name]
    if setup:
        assert (sandbox.workspace / "setups").read_text() == "done\n"


def test_many_sessions_at_once(sandbox: Sandbox, registry: Registry) -> None:
    sandbox.configure(scope="session")
    started = [
        sandbox.start("echo", str(number), flags=["--session", f"agent:main:s{number}"])
        for number in range(AT_ONCE)
    ]
    assert [int(out) for _, out in answers(started)] == list(range(AT_ONCE))
    assert sandbox.containers() == registry.names
    assert len(registry.names) == AT_ONCE


def test_makers_and_removers_at_once(sandbox: Sandbox, registry: Registry) -> None:
    """A removal in the middle of a command is a failure of that command; the next one works."""
    started = []
    for number in range(AT_ONCE):
        started.append(sandbox.tool.start("ensure", "-q"))
        if number % 3 == 0:
            started.append(sandbox.tool.start("recreate", "--all", "--force", "-q"))
    for process in started:
        _, err = process.communicate(timeout=300)
        assert b"Traceback" not in err
        assert b"bug" not in err
    assert sandbox.run("echo", "still here").out == b"still here\n"
    assert sandbox.containers() == registry.names == [sandbox.name]


WAYS = (
    ("run", "--", "true"),
    ("run", "--rm", "--", "sleep", "0.2"),
    ("run", "--session", "other", "--", "true"),
    ("ensure",),
    ("recreate", "--all", "--force", "--now"),
    ("recreate", "--all", "--force"),
    ("prune",),
)


@pytest.mark.parametrize("setup", [None, "sleep 0.1"])
def test_killed_at_random(sandbox: Sandbox, registry: Registry, decoys: list[str], setup: str | None) -> None:
    """After every kill the next verb that works leaves nothing without an owner."""
    sandbox.configure(scope="session", docker={"setupCommand": setup} if setup else {})
    chance = random.Random(20260217)
    for number in range(KILLS // 2):
        words = chance.choice(WAYS)
        # Its own start takes a while; most of what matters happens soon after.
        victim = sandbox.tool.start(*words)
        time.sleep(chance.uniform(0.1, 1.2))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        cure = chance.choice((("run", "--", "true"), ("recreate", "--all", "--force"), ("prune",)))
        cured = sandbox.tool(*cure)
        assert cured.status == 0, (number, words, cure, cured.said)
        ours = [name for name in sandbox.containers() if not _is_decoy(sandbox, name, decoys)]
        assert ours == registry.names, (number, words, cure)
        assert leftovers(sandbox.tool.state / "sandbox") == [], (number, words, cure)


def leftovers(folder: Path) -> list[str]:
    """Intents that nobody holds, and halves of files."""
    return [str(path) for path in folder.rglob("*") if path.suffix == ".tmp" or path.parent.name == "intents"]


def _is_decoy(sandbox: Sandbox, name: str, decoys: list[str]) -> bool:
    return sandbox.api.inspect_container(name)["Id"] in decoys
