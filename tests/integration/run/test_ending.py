"""However a command ends, nothing that it started outlives a Ctrl-C, a time limit or a reader that left."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.integration.sandbox import eventually, matching

if TYPE_CHECKING:
    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

#: Ways to hide a process from whoever wants to end it. {} is its mark for this test.
ESCAPES = {
    "child": "sleep {} & sleep 600",
    "detached": "setsid sleep {} >/dev/null 2>&1 </dev/null & sleep 600",
    "double-forked": "(setsid sh -c 'sleep {} & exit 0' &); sleep 600",
    "without its mark": "env -i setsid sleep {} >/dev/null 2>&1 & sleep 600",
    "entirely without its mark": "exec env -i sleep {}",
    "orphan without its mark": "(env -i setsid sh -c 'sleep {} & exit 0' &); sleep 600",
    "with another run's mark": (
        "(OPENCLAW_SANDBOX_RUN=0123456789abcdef0123456789abcdef setsid sleep {} &); "
        "OPENCLAW_SANDBOX_RUN=x setsid sleep {} & sleep 600"
    ),
    "deaf to signals": "trap '' INT TERM HUP; sh -c 'while :; do sleep {}; done' & sleep 600",
    "stopped": "sleep {} & kill -STOP $!; kill -STOP $$",
    "without streams": "exec >&- 2>&- <&-; sleep {}",
    "many": "for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'sleep {} & sleep {} & wait' & done; sleep 600",
}


def unique(number: int, name: str) -> str:
    """A duration that tells the processes of one test from all others: sleeps of some 600 s."""
    return f"6{number}{list(ESCAPES).index(name)}"


@pytest.mark.parametrize("name", ESCAPES)
def test_a_time_limit_leaves_nothing(name: str, warm: Sandbox) -> None:
    mark = unique(1, name)
    done = warm.run("sh", "-c", ESCAPES[name].replace("{}", mark), flags=["--timeout", "1"])
    assert done.status == 124, done.said
    assert "timed out after 1 s" in done.said
    assert list(matching(warm.processes(), f"sleep {mark}")) == []
    assert warm.inspect()["State"]["Running"]


@pytest.mark.parametrize("name", ESCAPES)
def test_ctrl_c_leaves_nothing(name: str, warm: Sandbox) -> None:
    mark = unique(2, name)
    process = warm.start("sh", "-c", ESCAPES[name].replace("{}", mark))
    eventually(lambda: list(matching(warm.processes(), f"sleep {mark}")))
    process.send_signal(signal.SIGINT)
    if name in ("deaf to signals", "stopped"):
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) in ((b"", b""), (b"", b"Killed\n"))
    assert list(matching(warm.processes(), f"sleep {mark}")) == []


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("flags", [[], ["--rm"], ["--rm", "-e", "A=1"]])
def test_other_signals_leave_nothing(
    signum: signal.Signals, status: int, flags: list[str], sandbox: Sandbox
) -> None:
    process = sandbox.start("sh", "-c", "setsid sleep 631 & echo up; sleep 632", flags=flags)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err in (b"", b"Killed\n"), "at most what the shell inside says of its child"
    if flags:
        assert sandbox.containers() == []
    else:
        assert sandbox.processes() == []


@pytest.mark.parametrize("way", [[], ["--rm"]])
def test_what_we_were_told_to_ignore_is_ignored(way: list[str], warm: Sandbox) -> None:
    """nohup."""
    script = 'trap "" HUP; exec "$@"'
    tool = replace(warm.tool, before=("sh", "-c", script, "sh"))
    process = tool.start("run", *way, "--", "sh", "-c", "echo up; read line; echo $line; exit 8")
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    out, _ = process.communicate(b"still here\n", timeout=60)
    assert (process.returncode, out) == (8, b"still here\n")


def test_a_command_may_tidy_up_when_interrupted(warm: Sandbox) -> None:
    script = "trap 'echo tidy; exit 3' INT; echo up; while :; do sleep 0.1; done"
    process = warm.start("sh", "-c", script)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, b"tidy\n")


def test_any_number_of_ctrl_c_is_130_and_no_traceback(warm: Sandbox) -> None:
    for pause_s in (0.0, 0.1):
        process = warm.start("sh", "-c", "trap '' INT; sleep 681")
        eventually(lambda: list(matching(warm.processes(), "681")))
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(pause_s)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"Traceback" not in err


def test_a_fork_bomb_is_ended_and_the_sandbox_can_be_used_again(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"pidsLimit": 64})
    assert sandbox.run("true").status == 0
    done = sandbox.run("sh", "-c", "f() { f | f & }; f; sleep 600", flags=["--timeout", "2"])
    assert done.status == 124
    assert sandbox.processes() == []
    again = sandbox.run("echo", "alive")
    assert (again.status, again.out) == (0, b"alive\n")


def test_other_commands_in_the_sandbox_live_on(sandbox: Sandbox) -> None:
    other = sandbox.start("sh", "-c", "echo up; sleep 641; echo survived")
    assert other.stdout
    assert other.stdout.readline() == b"up\n"
    background = sandbox.run("sh", "-c", "setsid sleep 642 >/dev/null 2>&1 &")
    assert background.status == 0
    for name in ("child", "detached", "double-forked", "entirely without its mark"):
        script = ESCAPES[name].replace("{}", "643")
        assert sandbox.run("sh", "-c", script, flags=["--timeout", "1"]).status == 124
        assert list(matching(sandbox.processes(), "643")) == []
    left = sandbox.processes()
    assert "sleep 641" in left
    assert "sleep 642" in left, "what a command left behind on purpose"
    other.send_signal(signal.SIGTERM)
    other.communicate(timeout=60)
    assert other.returncode == 143


# ---- exit statuses


@pytest.mark.parametrize("flags", [[], ["--rm"]])
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["sh", "-c", "exit 0"], 0),
        (["sh", "-c", "exit 1"], 1),
        (["sh", "-c", "exit 255"], 255),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["no-such-program"], 127),
        (["/no/such/program"], 127),
        (["/etc/passwd"], 126),
        (["/workspace"], 126),
    ],
)
def test_statuses(argv: list[str], status: int, flags: list[str], warm: Sandbox) -> None:
    done = warm.run(*argv, flags=flags)
    assert (done.status, done.out) == (status, b"")
    if status in (126, 127):
        lines = done.said.splitlines()
        assert len(lines) == 1, done.said
        assert argv[0] in lines[0]
        assert "OCI" not in done.said
        assert "tini" not in done.said


FILES = {
    "not-executable": ("echo hi", 0o644, 126),
    "no-program": ("echo hi", 0o755, 126),
    "no-interpreter": ("#!/no/such/interpreter\n", 0o755, 127),
    "windows-line-ends": ("#!/bin/sh\r\necho hi\r\n", 0o755, 127),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_programs(name: str, warm: Sandbox) -> None:
    content, mode, status = FILES[name]
    path = warm.workspace / name
    path.write_text(content)
    path.chmod(mode)
    done = warm.run(f"./{name}")
    assert (done.status, done.out) == (status, b"")
    assert done.said.startswith(f"warning: ./{name}: ")
    assert len(done.said.splitlines()) == 1


@pytest.mark.parametrize("status", [124, 125, 126, 127, 130, 137, 143])
def test_a_program_that_chooses_such_a_status_itself(status: int, warm: Sandbox) -> None:
    done = warm.run("sh", "-c", f"echo mine; exit {status}", flags=["--timeout", "60"])
    assert (done.status, done.out, done.err) == (status, b"mine\n", b"")


@pytest.mark.parametrize("flags", [[], ["--rm"]])
def test_a_time_limit_is_124_and_a_program_that_dies_of_it_is_not_believed(
    flags: list[str], warm: Sandbox
) -> None:
    script = "trap 'exit 5' TERM INT; while :; do sleep 0.1; done"
    done = warm.run("sh", "-c", script, flags=[*flags, "--timeout", "1"])
    assert (done.status, done.out) == (124, b"")


@pytest.mark.parametrize("fate", ["kill", "restart"])
def test_a_container_that_is_stopped_under_a_command(fate: str, sandbox: Sandbox) -> None:
    process = sandbox.start("sh", "-c", "echo up; sleep 651")
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    getattr(sandbox.api, fate)(sandbox.name)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 137
    assert b"somebody stopped, restarted or removed the sandbox" in err
    assert sandbox.run("echo", "again").out == b"again\n"


def test_a_container_that_is_removed_under_a_command(sandbox: Sandbox) -> None:
    process = sandbox.start("sh", "-c", "echo up; sleep 652")
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    sandbox.api.remove_container(sandbox.name, force=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (125, 137)
    assert b"Traceback" not in err
    assert b"bug" not in err
    assert sandbox.run("echo", "again").out == b"again\n"


def test_out_of_memory_is_said(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"memory": "48m"})
    done = sandbox.run("python3", "-c", "x = bytearray(200 << 20)")
    assert done.status == 137
    assert "out of memory: the limit is 48 MiB" in done.said


def test_rm_leaves_nothing(sandbox: Sandbox) -> None:
    for flags in (["--rm"], ["--rm", "-e", "A=1"], ["--rm", "--timeout", "1"]):
        sandbox.run("sh", "-c", "setsid sleep 661 & sleep 2", flags=flags)
        assert sandbox.containers() == []


def test_interrupted_at_any_moment_leaves_nothing_half_made(sandbox: Sandbox) -> None:
    """From before the first call to long after the start: no container of a single command survives."""
    for step in range(14):
        process = sandbox.start("sleep", "671", flags=["--rm"])
        time.sleep(0.1 + step * 0.06)
        process.send_signal((signal.SIGINT, signal.SIGTERM)[step % 2])
        process.wait(60)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        eventually(lambda: sandbox.containers() == [])


def test_a_tool_that_is_killed_outright_leaves_a_sandbox_that_works(sandbox: Sandbox) -> None:
    for pause_s in (0.25, 0.4, 0.7):
        process = sandbox.start(
            "true", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        time.sleep(pause_s)
        process.kill()
        process.wait(60)
    assert sandbox.run("echo", "works").out == b"works\n"
    assert sandbox.containers() == [sandbox.name]
