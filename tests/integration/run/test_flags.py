"""Arguments, variables, folders and users, as they were given."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

WAYS = [[], ["--rm"]]

ODD_WORDS = [
    *(
        "",
        " ",
        "two words",
        "it's",
        '"quoted"',
        "back\\slash",
        "line\nline",
        "tab\ttab",
        "$HOME `id` $(id)",
        "*",
        "~",
    ),
    *("--", "-e", "--json", "é漢\N{SNOWMAN}", "\x01\x1b[31m\x7f", "a" * 131_071),
]
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ.get('VALUE')]))"


@pytest.mark.parametrize("way", WAYS)
def test_arguments_arrive_as_they_are(way: list[str], warm: Sandbox) -> None:
    done = warm.run("python3", "-c", SHOW, *ODD_WORDS, flags=way)
    assert done.status == 0, done.said
    assert done.document == [ODD_WORDS, None]


def test_a_megabyte_of_arguments(warm: Sandbox) -> None:
    words = [str(n) * 100_000 for n in range(10)]
    done = warm.run("python3", "-c", SHOW, *words)
    assert done.document[0] == words


IN_PROCESS = (
    "import sys; from openclaw_sandbox.cli.app import run_cli; sys.exit(run_cli(eval(sys.stdin.read())))"
)


@pytest.mark.parametrize("way", WAYS)
def test_an_argument_that_no_program_can_get(way: list[str], warm: Sandbox) -> None:
    """More than 128 KiB: this machine would not even start us with it, so we are asked by another way."""
    tool = type(warm.tool)(warm.tool.home, start_with=(sys.executable, "-c", IN_PROCESS))
    argv = ["run", *way, "--", "echo", "x" * 140_000]
    done = tool(stdin=repr(argv).encode())
    assert (done.status, done.out) == (126, b"")
    assert "echo: its arguments are too long" in done.said or "echo: cannot be executed" in done.said


def test_a_word_after_the_command_is_the_commands(warm: Sandbox) -> None:
    done = warm.tool("run", "echo", "--rm", "-e", "A=1", "--json")
    assert done.out == b"--rm -e A=1 --json\n"


# ---- variables


@pytest.mark.parametrize("way", WAYS)
def test_variables(way: list[str], warm: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nA=file\nB=two words\nHOST_ONE\n")
    flags = [
        *way,
        "--env-file",
        str(tmp_path / "env"),
        "-e",
        "A=flag",
        "-e",
        "C=",
        "-e",
        "HOST_TWO",
        "-e",
        "NOWHERE",
    ]
    host = {"HOST_ONE": "1", "HOST_TWO": "2", "HOST_THREE": "3"}
    done = warm.run("env", flags=flags, env=host)
    found = dict(line.split("=", 1) for line in done.text.splitlines())
    assert {name: found[name] for name in ("A", "B", "C", "HOST_ONE", "HOST_TWO")} == {
        "A": "flag",
        "B": "two words",
        "C": "",
        "HOST_ONE": "1",
        "HOST_TWO": "2",
    }
    assert "NOWHERE" not in found
    assert "HOST_THREE" not in found, "nothing of this machine's environment gets in by itself"
    assert found["HOME"] == "/workspace"


@pytest.mark.parametrize("value", ["line\nline", "é漢", "=", " spaces ", "x" * 100_000])
def test_odd_values(value: str, warm: Sandbox) -> None:
    done = warm.run("python3", "-c", SHOW, flags=["-e", f"VALUE={value}"])
    assert done.document == [[], value]


def test_the_configs_variables_and_the_flags_over_them(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"env": {"A": "config", "B": "config", "MY_TOKEN": "hunter2"}})
    done = sandbox.run("sh", "-c", "echo $A $B $MY_TOKEN", flags=["-e", "B=flag"])
    assert done.out == b"config flag hunter2\n"
    assert sandbox.run("sh", "-c", "echo $A $B", flags=["--rm"]).out == b"config config\n"


# ---- folder and user


@pytest.mark.parametrize("way", WAYS)
def test_the_working_folder(way: list[str], warm: Sandbox) -> None:
    assert warm.run("pwd", flags=way).out == b"/workspace\n"
    assert warm.run("pwd", flags=[*way, "-w", "/tmp"]).out == b"/tmp\n"
    assert warm.run("mkdir", "-p", "/workspace/two words").status == 0
    assert warm.run("pwd", flags=[*way, "-w", "/workspace/two words"]).out == b"/workspace/two words\n"


def test_a_working_folder_that_is_not_there(warm: Sandbox) -> None:
    done = warm.run("pwd", flags=["-w", "/no/such/folder"])
    assert (done.status, done.out) == (125, b"")
    assert len(done.said.splitlines()) == 1
    assert "working directory does not exist" in done.said


@pytest.mark.parametrize("way", WAYS)
def test_the_user(way: list[str], warm: Sandbox) -> None:
    done = warm.run("sh", "-c", "id -u; id -g; id -G", flags=[*way, "-u", "4321:8765"])
    assert done.text.split() == ["4321", "8765", "8765"]
    done = warm.run("sh", "-c", "id -u; id -g", flags=[*way, "-u", "4321"])
    assert done.text.split() == ["4321", "4321"], "never group 0"


def test_a_time_limit_reaches_another_user_too(warm: Sandbox) -> None:
    done = warm.run("sh", "-c", "setsid sleep 721 & sleep 722", flags=["-u", "4321:8765", "--timeout", "1"])
    assert done.status == 124
    assert not [line for line in warm.processes() if "72" in line]


def test_the_configs_user_is_obeyed_and_root_is_warned_of(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"user": "4321:8765"})
    sandbox.workspace.mkdir(parents=True)
    sandbox.workspace.chmod(0o777)
    done = sandbox.run("sh", "-c", "id -u; id -g")
    assert done.text.split() == ["4321", "8765"]
    sandbox.configure(docker={"user": "0:0"})
    done = sandbox.run("id", "-u")
    assert (done.status, done.out) == (0, b"0\n")
    assert "Commands run as root" in done.said


# ---- JSON


def test_the_json_of_a_run(warm: Sandbox) -> None:
    done = warm.run("sh", "-c", "echo out; echo err >&2; exit 7", flags=["--json"])
    assert (done.status, done.err) == (7, b"")
    document = done.document
    assert (document["exitCode"], document["commandExitCode"], document["reason"]) == (7, 7, "nonzero")
    assert (document["stdout"], document["stderr"]) == ("out\n", "err\n")
    assert (document["stdoutBytes"], document["stderrBytes"], document["leftOutBytes"]) == (4, 4, 0)
    assert document["container"] == warm.name


def test_the_json_of_bytes(warm: Sandbox) -> None:
    document = warm.run("printf", r"\377\376", flags=["--json"]).document
    assert (document["stdout"], document["stdoutEncoding"]) == ("//4=", "base64")


def test_the_json_of_a_time_limit(warm: Sandbox) -> None:
    done = warm.run("sleep", "723", flags=["--json", "--timeout", "1s"])
    assert (done.status, done.document["exitCode"], done.document["reason"]) == (124, 124, "timeout")


def test_the_json_of_a_command_that_is_not_there(warm: Sandbox) -> None:
    done = warm.run("no-such-program", flags=["--json"])
    assert (done.status, done.document["exitCode"]) == (127, 127)
    assert "no-such-program: command not found" in done.document["message"]


def test_verbose_tells_the_engines_calls_and_their_times(warm: Sandbox) -> None:
    done = warm.run("true", flags=["-v"])
    assert done.out == b""
    calls = [line for line in done.said.splitlines() if line.startswith("engine: ")]
    assert any("/exec" in line and line.endswith(" ms)") for line in calls)


# ---- sessions


def test_sessions_have_containers_of_their_own(sandbox: Sandbox) -> None:
    sandbox.configure(scope="session")
    keys = ["agent:main:telegram:group:1", "agent:main:telegram:group:2", "main"]
    for key in keys:
        assert sandbox.run("sh", "-c", f"echo {key} > mine; cat mine", flags=["--session", key]).status == 0
    assert len(sandbox.containers()) == 3
    for key in keys:
        assert sandbox.run("cat", "mine", flags=["--session", key]).text == f"{key}\n"
    digest = hashlib.sha256(b"agent:main:telegram:group:1").hexdigest()[:8]
    assert any(digest in name for name in sandbox.containers())


def test_agents_have_containers_of_their_own(sandbox: Sandbox) -> None:
    path = sandbox.configure()
    config = json.loads(path.read_text())
    config["agents"]["list"] = [{"id": "main"}, {"id": "work"}]
    path.write_text(json.dumps(config))
    assert sandbox.run("true", flags=["--agent", "work"]).status == 0
    assert sandbox.run("true").status == 0
    assert len(sandbox.containers()) == 2
