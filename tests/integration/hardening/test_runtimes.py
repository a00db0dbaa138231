"""Runtimes of another kind, on an engine of its own: gVisor for real, one that hangs, one that is missing."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.lifecycle import starting
from tests.integration.hardening.daemon import HANGING, Daemon, private_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

RUNSC = "/usr/bin/runsc"
#: What this gVisor needs on machines without KVM; see the runtime's own documentation.
_ARGS = ["--platform=ptrace", "--network=none"]


@pytest.fixture(scope="module")
def daemon(image: str) -> Iterator[Daemon]:
    assert Path(RUNSC).exists(), "runsc is missing: apt-get install runsc"
    # Not pytest's own folder: a socket's path may have only 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="octest-"))
    hanging = folder / "hanging"
    hanging.write_text(HANGING)
    hanging.chmod(0o755)
    runtimes = {
        "runsc": {"path": RUNSC, "runtimeArgs": [*_ARGS, "--oci-seccomp"]},
        "runsc-plain": {"path": RUNSC, "runtimeArgs": _ARGS},
        "runsc-wrong": {"path": RUNSC, "runtimeArgs": ["--platform=nosuch", "--oci-seccomp"]},
        "hanging": {"path": str(hanging)},
        "missing": {"path": str(folder / "nothing")},
    }
    try:
        with private_daemon(folder, runtimes) as found:
            found.load(image)
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def under(daemon: Daemon, new_sandbox: Callable[[], Sandbox]) -> Callable[..., Sandbox]:
    """A sandbox on that engine, with this config.yml."""

    def make(**block: Any) -> Sandbox:
        made = new_sandbox()
        tool = replace(made.tool, env={"DOCKER_HOST": daemon.socket})
        (tool.state / "config.yml").write_text(json.dumps({"sandbox": block}))
        return replace(made, tool=tool, api=daemon.client.api)

    return make


def test_a_command_in_gvisor(under: Callable[..., Sandbox]) -> None:
    sandbox = under(runtime="runsc", resource_limits={"pids": 256, "memory": "512mb"})
    done = sandbox.run("sh", "-c", "uname -r; cat /proc/version; id -u; touch /probe; cat", stdin=b"through")
    assert done.text.startswith("4.4.0"), done.said
    assert done.text.endswith("through")
    assert "\n1000\n" in done.text
    assert "touch: cannot touch '/probe'" in done.said
    assert sandbox.inspect()["HostConfig"]["Runtime"] == "runsc"


def test_an_agent_of_its_own_kind(under: Callable[..., Sandbox]) -> None:
    sandbox = under(agents={"main": {"runtime": "runsc"}})
    done = sandbox.run("cat", "/proc/version")
    assert b"gVisor" in done.out or done.text.startswith("Linux version 4.4.0"), done.said


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"runtime": "runsc", "resource_limits": {"pids": 64}},
            ("pids limit of 64", "256 or more", "ulimits.nproc"),
        ),
        ({"runtime": "runsc-plain"}, ("seccomp_profile", "--oci-seccomp")),
        (
            {"runtime": "runsc", "file_access": {"deny_paths": ["/etc/shadow"]}},
            ("file_access.deny_paths", "does not hide", "/etc/shadow"),
        ),
        ({"runtime": "kata-fc"}, ("kata-fc", "no runtime of this name")),
        ({"runtime": "missing"}, ("missing", "its program is missing")),
        ({"runtime": "runsc-wrong"}, ("runsc-wrong", "could not start the sandbox")),
    ],
)
def test_refused_by_name(
    block: dict[str, Any], words: tuple[str, ...], under: Callable[..., Sandbox]
) -> None:
    sandbox = under(**block)
    done = sandbox.run("true")
    assert done.status == 125, done.said
    for word in words:
        assert word in done.said
    assert sandbox.containers() == []


def test_gvisor_without_the_profile_if_the_operator_says_so(under: Callable[..., Sandbox]) -> None:
    done = under(runtime="runsc-plain", allow_unenforced=["seccomp_profile"]).run("true")
    assert done.status == 0
    assert "seccomp_profile: not enforced" in done.said


def test_a_runtime_that_hangs_is_killed_and_named(
    under: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = under(runtime="hanging")
    patient = "import openclaw_sandbox.lifecycle.starting as s; s.RUNTIME_START_S = 3.0"
    enter = "from openclaw_sandbox.cli.app import run_cli; import sys; sys.exit(run_cli(sys.argv[1:]))"
    argv = (sandbox.tool.start_with[0], "-c", f"{patient}\n{enter}")
    sandbox = replace(sandbox, tool=replace(sandbox.tool, start_with=argv))
    began = time.monotonic()
    done = sandbox.run("true")
    assert time.monotonic() - began < 30
    assert done.status == 125
    assert "The runtime hanging did not start the sandbox within 3 s" in done.said
    assert "killed: " in done.said
    assert sandbox.containers() == []
    assert starting.RUNTIME_START_S == 30
