"""`--dry-run` changes nothing, and the line it prints is the container that `run` makes."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every path below, with its mode, owner and time of change."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("flags", [[], ["--json"], ["--rm"], ["--agent", "main"]])
def test_nothing_changes(flags: list[str], sandbox: Sandbox) -> None:
    sandbox.configure(docker={"setupCommand": "touch set-up"})
    before = listing(sandbox.tool.home)
    done = sandbox.run("touch", "ran", flags=["--dry-run", *flags])
    assert done.status == 0, done.said
    assert listing(sandbox.tool.home) == before
    assert sandbox.containers() == []


def test_the_plan_is_on_stderr_and_the_line_on_stdout(sandbox: Sandbox) -> None:
    done = sandbox.run("id", "-u", flags=["--dry-run"])
    assert done.said.splitlines() == [f"create and start {sandbox.name}", "run in it: id -u"]
    assert done.text.startswith("docker run --rm ")
    assert done.text.endswith(" id -u\n")
    assert done.text.count("\n") == 1


def test_what_would_happen_to_a_container_that_is_there(sandbox: Sandbox) -> None:
    assert sandbox.run("true").status == 0

    def plan() -> str:
        return sandbox.run("id", flags=["--dry-run"]).said.splitlines()[0]

    assert plan() == f"use {sandbox.name}, which runs"
    sandbox.api.kill(sandbox.name)
    assert plan() == f"start {sandbox.name}"
    sandbox.configure(docker={"memory": "512m"})
    assert plan().startswith(f"remove {sandbox.name}: ")
    sandbox.remove_all()
    sandbox.configure(docker={"setupCommand": "true"})
    steps = sandbox.run("id", flags=["--dry-run"]).said.splitlines()
    assert steps == [f"create and start {sandbox.name}", "run docker.setupCommand in it", "run in it: id"]


def test_the_json_of_a_plan(sandbox: Sandbox) -> None:
    document = sandbox.run("id", flags=["--dry-run", "--json"]).document
    assert set(document) == {"plan", "argv", "line"}
    assert shlex.split(document["line"]) == document["argv"]
    assert document["plan"][-1] == "run in it: id"


LOOK = """
id -u; id -g; pwd; cat
grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; ulimit -a; mount; env | sort
exit 7
"""


@pytest.mark.parametrize(
    ("flags", "config"),
    [
        ([], {}),
        (["-u", "4321:8765", "-w", "/tmp"], {}),
        (["--rm"], {"docker": {"memory": "256m", "cpus": 0.5, "pidsLimit": 77, "tmpfs": ["/tmp:size=1m"]}}),
        ([], {"workspaceAccess": "ro", "docker": {"capDrop": ["NET_RAW"], "readOnlyRoot": False}}),
    ],
)
def test_the_line_really_runs_and_makes_the_same(
    flags: list[str], config: dict[str, Any], sandbox: Sandbox
) -> None:
    sandbox.configure(**config)
    command = ("sh", "-c", LOOK)
    ours = sandbox.run(*command, flags=[*flags, "-e", "A=it's"], stdin=b"input\n")
    mine = comparable(sandbox.inspect()) if "--rm" not in flags else None
    sandbox.remove_all()
    line = sandbox.run(*command, flags=[*flags, "-e", "A=it's", "--dry-run"]).text
    theirs = subprocess.run(
        ["sh", "-c", line], input=b"input\n", capture_output=True, timeout=120, check=False
    )
    assert (ours.status, theirs.returncode) == (7, 7), theirs.stderr
    assert without_noise(theirs.stdout) == without_noise(ours.out)
    if mine is not None and not flags:
        created = subprocess.run(
            ["sh", "-c", line.replace("docker run --rm", "docker create", 1)],
            capture_output=True,
            timeout=120,
            check=True,
        )
        assert comparable(sandbox.api.inspect_container(created.stdout.decode().strip())) == mine


def without_noise(output: bytes) -> list[bytes]:
    """What two containers of one spec have in common: not their overlay's paths, not their host name."""
    noisy = (
        b"overlay on / ",
        b"HOSTNAME=",
        b"OPENCLAW_SANDBOX_RUN=",
        b"cgroup",
        b"PWD=",
        b"OLDPWD=",
        b"SHLVL=",
        b"_=",
    )
    return [line for line in output.splitlines() if not any(word in line for word in noisy)]


def comparable(inspected: dict[str, Any]) -> dict[str, Any]:
    """What two containers of one spec have in common in the engine's own account.

    The keeper's command, its streams and its labels are ours; the CLI sets defaults that mean the same.
    """
    host = {
        key: value for key, value in inspected["HostConfig"].items() if value not in (None, [], {}, "", 0, -1)
    }
    for key in ("AutoRemove", "RestartPolicy", "ConsoleSize", "ContainerIDFile"):
        host.pop(key, None)
    host["SecurityOpt"] = sorted(
        option if not option.startswith("seccomp=") else json.dumps(json.loads(option[8:]), sort_keys=True)
        for option in host["SecurityOpt"]
    )
    host["CapDrop"] = sorted(name.removeprefix("CAP_") for name in host["CapDrop"])
    for mount in host["Mounts"]:
        mount.pop("BindOptions", None)
    config = {key: inspected["Config"][key] for key in ("User", "WorkingDir", "Image")}
    return {"host": host, "config": config, "labels": sorted(inspected["Config"]["Labels"].keys() - OURS)}


#: Known only when everything else is; `docker run` would make another container anyway.
OURS = {labels.SPEC, labels.PARTS, labels.OWNER}
