"""Detached commands: each is the main process of a container of its own, and its log outlives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

#: Says when it may be asked to end, and what it does then.
ASKED = "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; echo up; while :; do sleep 0.1; done"


def start(sandbox: Sandbox, script: str, *flags: str) -> str:
    done = sandbox.run("sh", "-c", script, flags=["--detach", *flags])
    assert done.status == 0, done.said
    return done.text.strip()


def share(sandbox: Sandbox) -> None:
    """The default agent's scope is shared; the agent `own` has a sandbox per session."""
    path = sandbox.configure(scope="shared")
    config = json.loads(path.read_text())
    config["agents"]["list"] = [{"id": "main"}, {"id": "own", "sandbox": {"scope": "session"}}]
    path.write_text(json.dumps(config))


def is_up(sandbox: Sandbox, name: str) -> bool:
    return sandbox.tool("logs", name).text == "up\n"


def test_its_output_and_status_outlive_it(sandbox: Sandbox) -> None:
    name = start(sandbox, "echo out; echo err >&2; exit 7")
    assert sandbox.tool("attach", name).status == 7
    logs = sandbox.tool("logs", name[-8:])
    assert (logs.out, logs.err) == (b"out\n", b"err\n")
    assert sandbox.tool("stop", "--rm", name).status == 0
    assert sandbox.containers() == []


@pytest.mark.parametrize(("script", "said", "status"), [(ASKED, "up\nasked\n", 3), (DEAF, "up\n", 137)])
def test_it_is_asked_to_end_and_then_killed(sandbox: Sandbox, script: str, said: str, status: int) -> None:
    name = start(sandbox, script)
    eventually(lambda: is_up(sandbox, name))
    assert sandbox.tool("stop", "--timeout", "2s", name).status == 0
    assert sandbox.tool("logs", name).text == said
    assert sandbox.api.inspect_container(name)["State"]["ExitCode"] == status


@pytest.mark.parametrize("flags", [("--timeout", "5s"), ("--max-output", "1m")])
def test_what_nobody_would_enforce_makes_nothing(sandbox: Sandbox, flags: tuple[str, str]) -> None:
    done = sandbox.run("true", flags=["--detach", *flags])
    assert done.status == 2
    assert f"{flags[0]} does not go with --detach" in done.said
    assert not sandbox.workspace.exists()


def test_a_new_workspace_leaves_it_alone(sandbox: Sandbox) -> None:
    """It runs in the shared workspace, and would see the new one."""
    share(sandbox)
    name = start(sandbox, ASKED)
    eventually(lambda: is_up(sandbox, name))
    done = sandbox.run("true", flags=["--session", "agent:own:a"])
    assert done.status == 125
    assert f"openclaw-sandbox stop {name}" in done.said
    assert is_up(sandbox, name)
    assert sandbox.tool("stop", name).status == 0
    assert sandbox.run("true", flags=["--session", "agent:own:a"]).status == 0
    assert sandbox.tool("logs", name).text == "up\nasked\n"


def test_a_displaced_shared_sandbox_is_there_again(sandbox: Sandbox) -> None:
    share(sandbox)
    assert sandbox.run("true").status == 0
    for flags in ([], ["--rm"], ["--detach"]):
        session = f"agent:own:{''.join(flags)}x"
        done = sandbox.run("true", flags=["--session", session, *flags])
        assert done.status == 0, done.said
        made = sandbox.api.inspect_container(f"{sandbox.prefix}shared")
        assert made["State"]["Running"]
    assert len(sandbox.run("sh", "-c", "ls -d agent-own-*; ls agent-own-*/* 2>/dev/null").text.split()) == 3
