"""One name, one container: whoever asks at the same time, whoever's it is."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.spec import labels
from tests.integration.sandbox import Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


def together(
    sandbox: Sandbox, count: int, *command: str, flags: tuple[str, ...] = ()
) -> list[tuple[int, bytes, bytes]]:
    """The same command, `count` times at once."""
    processes = [sandbox.start(*command, flags=flags) for _ in range(count)]
    ended = [process.communicate(timeout=180) for process in processes]
    return [(p.returncode, out, err) for p, (out, err) in zip(processes, ended, strict=True)]


@pytest.mark.parametrize(
    "config",
    [{}, {"workspaceAccess": "rw"}, {"docker": {"setupCommand": "echo x >> set-up"}}, {"scope": "shared"}],
    ids=["plain", "rw", "setup", "shared"],
)
def test_eight_at_once_make_exactly_one(config: dict[str, Any], sandbox: Sandbox) -> None:
    sandbox.configure(**config)
    ended = together(sandbox, 8, "sh", "-c", "echo done")
    assert [(status, out) for status, out, _ in ended] == [(0, b"done\n")] * 8, ended
    assert len(sandbox.containers()) == 1
    if "docker" in config:
        assert (sandbox.workspace / "set-up").read_text() == "x\n"


def test_eight_commands_of_their_own_leave_nothing(sandbox: Sandbox) -> None:
    ended = together(sandbox, 8, "sh", "-c", "echo done; exit 4", flags=("--rm",))
    assert ended == [(4, b"done\n", b"")] * 8
    assert sandbox.containers() == []


@pytest.fixture
def foreign(sandbox: Sandbox) -> Iterator[Callable[..., str]]:
    """Makes a container of our name that somebody else made; its id."""

    def make(**found: str) -> str:
        made = sandbox.api.create_container(
            sandbox.image,
            ["sleep", "600"],
            name=sandbox.name,
            labels=found,
            host_config=sandbox.api.create_host_config(init=True, network_mode="none"),
        )
        sandbox.api.start(made["Id"])
        return str(made["Id"])

    yield make


def still_runs(sandbox: Sandbox, container_id: str) -> bool:
    found = sandbox.inspect()
    return bool(found["Id"] == container_id and found["State"]["Running"])


@pytest.mark.parametrize("flags", [[], ["--json"], ["--dry-run"]])
def test_a_foreign_container_is_refused_and_survives(
    flags: list[str], sandbox: Sandbox, foreign: Callable[..., str]
) -> None:
    container_id = foreign()
    done = sandbox.run("true", flags=flags)
    assert still_runs(sandbox, container_id)
    if flags == ["--dry-run"]:
        assert done.said.startswith("refuse: ")
        return
    assert done.status == 125
    said = done.said if not flags else json.dumps(done.error)
    assert "is no OpenClaw sandbox" in said
    assert "containerPrefix" in said


def test_a_container_of_another_state_folder_is_refused_and_survives(
    sandbox: Sandbox, new_sandbox: Callable[[], Sandbox]
) -> None:
    other = new_sandbox()
    theirs = Sandbox(tool=other.tool, prefix=sandbox.prefix, image=sandbox.image, api=sandbox.api)
    theirs.configure()
    assert theirs.run("true").status == 0
    container_id = theirs.inspect()["Id"]
    done = sandbox.run("true")
    assert done.status == 125
    assert f"{theirs.tool.state}, not {sandbox.tool.state}" in done.said
    assert "containerPrefix" in done.said
    assert still_runs(sandbox, container_id)


def test_a_container_that_the_reference_made_for_us_is_replaced(
    sandbox: Sandbox, foreign: Callable[..., str]
) -> None:
    """It lacks our hardening. The reference labels no state folder: what it mounts tells whose it is."""
    sandbox.workspace.mkdir(parents=True)
    sandbox.workspace.chmod(0o777)
    made = sandbox.api.create_container(
        sandbox.image,
        ["sleep", "infinity"],
        name=sandbox.name,
        labels={labels.SANDBOX: "1", labels.SESSION_KEY: "agent:main", labels.CONFIG_HASH: "0" * 64},
        host_config=sandbox.api.create_host_config(binds=[f"{sandbox.workspace}:/workspace"], init=True),
    )
    sandbox.api.start(made["Id"])
    done = sandbox.run("sh", "-c", "grep NoNewPrivs /proc/self/status")
    assert done.out == b"NoNewPrivs:\t1\n"
    assert sandbox.inspect()["Id"] != made["Id"]


def test_a_container_that_the_reference_made_for_somebody_else_is_refused(
    sandbox: Sandbox, foreign: Callable[..., str]
) -> None:
    container_id = foreign(**{labels.SANDBOX: "1", labels.SESSION_KEY: "agent:main"})
    done = sandbox.run("true")
    assert (done.status, still_runs(sandbox, container_id)) == (125, True)


def test_a_stopped_container_is_started_again(sandbox: Sandbox) -> None:
    assert sandbox.run("true").status == 0
    container_id = sandbox.inspect()["Id"]
    sandbox.api.kill(sandbox.name)
    assert sandbox.run("echo", "again").out == b"again\n"
    assert sandbox.inspect()["Id"] == container_id


def test_a_paused_container_is_no_trap(sandbox: Sandbox) -> None:
    assert sandbox.run("true").status == 0
    sandbox.api.pause(sandbox.name)
    done = sandbox.run("echo", "again", timeout_s=60)
    assert (done.status, done.out) == (0, b"again\n"), done.said


# ---- what the engine alone can refuse


def test_a_missing_image(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"image": "octest-no-such-image:1"})
    done = sandbox.run("true")
    assert done.status == 125
    assert "octest-no-such-image:1 is not on this machine" in done.said
    assert len(done.said.splitlines()) == 2
    assert sandbox.containers() == []


def test_a_missing_network(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"network": "octest-no-such-network"})
    done = sandbox.run("true", flags=["-q"])
    assert done.status == 125
    (said,) = (line for line in done.said.splitlines() if line.startswith("error: "))
    assert "octest-no-such-network" in said
    assert sandbox.containers() == []


def test_a_missing_bind_source(sandbox: Sandbox, tmp_path: Path) -> None:
    gone = tmp_path / "gone with, a comma"
    sandbox.configure(docker={"binds": [f"{gone}:/data:ro"]})
    done = sandbox.run("true", flags=["-q"])
    assert done.status in (2, 125)
    assert "gone with, a comma" in done.said
    assert not gone.exists(), "nobody makes it, least of all root"
    assert sandbox.containers() == []


# ---- the setup command


def test_a_setup_command_runs_once_before_the_first_command(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"setupCommand": "echo made >> log; echo $HOME"})
    for _ in range(2):
        assert sandbox.run("cat", "log").out == b"made\n"
    assert sandbox.containers() == [sandbox.name]


def test_a_setup_command_that_fails_leaves_nothing(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"setupCommand": "echo on its way; echo went wrong >&2; exit 9"})
    done = sandbox.run("true")
    assert (done.status, done.out) == (125, b"")
    assert "setupCommand failed with status 9" in done.said
    assert "went wrong" in done.said
    assert sandbox.containers() == []
    answered = sandbox.run("true", flags=["--json"])
    assert (answered.error["code"], answered.error["reason"]) == ("setup.failed", "setup")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("flags", [[], ["--rm"]])
def test_an_interrupted_setup_command_leaves_nothing(
    signum: signal.Signals, flags: list[str], sandbox: Sandbox
) -> None:
    sandbox.configure(docker={"setupCommand": "touch begun; sleep 600"})
    process = sandbox.start("true", flags=flags, stdin=subprocess.DEVNULL)
    eventually((sandbox.workspace / "begun").exists)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + signum, b"")
    assert sandbox.containers() == []


def test_a_tool_that_was_killed_while_it_set_up_is_cleared_up_after(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"setupCommand": "if [ -e begun ]; then exit 0; fi; touch begun; sleep 600"})
    process = sandbox.start("true", stdin=subprocess.DEVNULL)
    eventually((sandbox.workspace / "begun").exists)
    process.kill()
    process.communicate(timeout=60)
    assert sandbox.run("echo", "works").out == b"works\n"
    assert sandbox.containers() == [sandbox.name]


# ---- change


def test_a_changed_config_replaces_the_container_unless_it_is_busy(sandbox: Sandbox) -> None:
    assert sandbox.run("true").status == 0
    before = sandbox.inspect()["Id"]
    busy = sandbox.start("sh", "-c", "echo up; sleep 741")
    assert busy.stdout
    assert busy.stdout.readline() == b"up\n"
    sandbox.configure(docker={"memory": "512m"})
    done = sandbox.run("true")
    assert done.status == 125
    assert "a command runs in it" in done.said
    assert sandbox.inspect()["Id"] == before
    busy.terminate()
    busy.communicate(timeout=60)
    time.sleep(0.2)
    assert sandbox.run("true").status == 0
    assert sandbox.inspect()["HostConfig"]["Memory"] == 512 << 20
