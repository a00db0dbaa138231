"""Command lines that cannot be carried out: one clear message, status 2, as text and as JSON."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.cli.verbs import VERBS

if TYPE_CHECKING:
    from tests.tool import Tool

WRONG = [
    (["bogus"], "No such command 'bogus'"),
    (["rnu"], "Did you mean 'run'"),
    (["run"], "There is no command to run"),
    (["run", "--"], "There is no command to run"),
    (["run", "--bogus", "--", "id"], "No such option: --bogus"),
    (["run", "--timeuot", "3", "--", "id"], "--timeout"),
    (["run", "--timeout"], "--timeout"),
    (["run", "--timeout", "soon", "--", "id"], "--timeout 'soon' is not a time"),
    (["run", "--timeout", "0", "--", "id"], "--timeout '0' is not a time"),
    (["run", "--max-output", "lots", "--", "id"], "--max-output"),
    (["run", "-e", "=x", "--", "id"], "the name of the variable is missing"),
    (["run", "-e", "1A=x", "--", "id"], "not the name of a variable"),
    (["run", "--env-file", "/nonexistent", "--", "id"], "/nonexistent does not exist"),
    (["run", "-w", "relative", "--", "id"], "not an absolute path"),
    (["run", "-u", "root", "--", "id"], "is not UID or UID:GID"),
    (["run", "-u", "0", "--", "id"], "No command runs as root"),
    (["run", "-u", "1000:0", "--", "id"], "No command runs as root"),
    (["run", "-t", "--", "id"], "-t needs a terminal"),
    (["run", "--color", "mauve", "--", "id"], "mauve"),
    (["run", "--agent", " ", "--", "id"], "--agent must not be blank"),
    (["run", "--agent", "ghost", "--", "id"], "ghost"),
    (["run", "--session", "agent:ghost:x", "--", "id"], "ghost"),
    (["run", b"--", b"caf\xe9"], "not UTF-8"),
    (["run", "-e", b"A=caf\xe9", "--", "id"], "not UTF-8"),
    (["run", "-w", b"/caf\xe9", "--", "id"], "not UTF-8"),
]


def one_sentence(text: str) -> bool:
    return bool(text) and "\n" not in text and "Traceback" not in text and "bug" not in text


@pytest.mark.parametrize(("argv", "words"), WRONG)
def test_in_words(argv: list[str | bytes], words: str, tool: Tool) -> None:
    done = tool(*argv)
    assert (done.status, done.out) == (2, b"")
    first = done.said.splitlines()[0]
    assert first.startswith("error: ")
    assert words in first
    assert one_sentence(first)
    assert len(done.said.splitlines()) <= 4


@pytest.mark.parametrize(("argv", "words"), WRONG[::3])
def test_as_json(argv: list[str | bytes], words: str, tool: Tool) -> None:
    verb = next((index for index, word in enumerate(argv) if word in VERBS), None)
    place = 0 if verb is None else verb + 1
    done = tool(*argv[:place], "--json", *argv[place:])
    assert done.status == 2
    assert done.err == b""
    error = done.error
    assert error["code"] in ("usage", "config.unknown-agent", "config.invalid")
    assert one_sentence(error["message"])
    assert words in error["message"] or argv[0] not in VERBS


@pytest.mark.parametrize(("agent", "shown"), [("a\nhelp: b", "a\\nhelp: b"), ("a" * 9000, "aaa ... aaa")])
def test_what_was_typed_cannot_fake_or_hide_a_line(agent: str, shown: str, tool: Tool) -> None:
    first, second = tool("run", "--agent", agent, "--", "id").said.splitlines()
    assert shown in first
    assert len(first) < 2100
    assert second.startswith("help: Configured: main")


def test_the_keys_of_an_error_are_pinned(tool: Tool) -> None:
    usage = tool("run", "--json").document
    assert list(usage) == ["error"]
    assert set(usage["error"]) == {"code", "message", "hint", "details", "issues"}
    assert (usage["error"]["code"], usage["error"]["issues"]) == ("usage", [])
    tool.write_config({"agents": {"defaults": {"sandbox": {"docker": {"memory": "lots"}}}}})
    error = tool("run", "--json", "--", "id").error
    assert error["code"] == "config.invalid"
    (issue,) = error["issues"]
    assert set(issue) == {"path", "message", "file", "line", "column", "hint"}
    assert issue["path"] == "agents.defaults.sandbox.docker.memory"
    assert (issue["file"], issue["line"]) == (str(tool.state / "openclaw.json"), 1)


def test_json_belongs_to_the_command_after_the_first_word(tool: Tool) -> None:
    for argv in (
        ["run", "--rm", "echo", "--json"],
        ["run", "--", "echo", "--json"],
        ["run", "-e", "A=--json", "id"],
    ):
        done = tool(*argv)
        assert (done.status, done.out) == (125, b"")
        assert done.said.startswith("error: No Docker Engine was found")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_an_unknown_flag(verb: str, tool: Tool) -> None:
    done = tool(verb, "--no-such-flag")
    assert done.status == 2
    assert done.said.startswith("error: No such option: --no-such-flag")
    assert f"openclaw-sandbox {verb} --help" in done.said


def test_colours_of_an_error_obey_the_flag(tool: Tool) -> None:
    assert b"\x1b" in tool("run", "--color", "always", "--bogus").err
    assert b"\x1b" in tool("run", "--color=always", "--bogus").err
    assert b"\x1b" in tool("run", "--bogus", env={"FORCE_COLOR": "1"}).err
    assert b"\x1b" not in tool("run", "--color", "never", "--bogus", env={"FORCE_COLOR": "1"}).err
    assert b"\x1b" not in tool("run", "--bogus").err


def test_a_working_folder_that_was_removed(tool: Tool, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    inside = type(tool)(tool.home, tool.env, before=("sh", "-c", script, "sh", str(gone)))
    done = inside("run", "--", "id")
    assert done.status == 125
    assert done.said.startswith("error: No Docker Engine was found")


@pytest.mark.parametrize(
    "argv", [["--version"], ["--help"], ["explain"], ["explain", "--json"], ["bogus", "--json"]]
)
def test_a_reader_that_is_gone(argv: list[str], tool: Tool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = tool.start(*argv, stdout=writing)
    os.close(writing)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + signal.SIGPIPE, b"")


def test_a_full_disk_behind_stdout(tool: Tool) -> None:
    with Path("/dev/full").open("wb") as full:
        process = tool.start("explain", "--json", stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == b"error: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1:strict", "utf-8:strict"])
def test_names_that_the_locale_cannot_write(encoding: str, tool: Tool) -> None:
    key = b"agent:main:\xc3\xbc\xf0\x9f\xa6\x80\xff"
    environment = {"PYTHONIOENCODING": encoding}
    page = tool("explain", "--session", key, env=environment)
    assert (page.status, page.said) == (0, "")
    answer = tool("explain", "--json", "--session", key, env=environment)
    assert json.loads(answer.out.decode("utf-8"))["sessionKey"] == "agent:main:ü🦀\udcff"
