"""A command with a terminal, and one without, seen from a real terminal."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.sandbox import eventually, matching
from tests.integration.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

WAYS = [[], ["--rm"]]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal(rows=33, columns=111) as opened:
        yield opened


def start(terminal: Terminal, sandbox: Sandbox, script: str, *, flags: Sequence[str] = ("-t",)) -> None:
    argv = sandbox.tool.argv("run", *flags, "--", "sh", "-c", script)
    terminal.start(argv, env=sandbox.tool.environment({"TERM": "xterm"}))


@pytest.mark.parametrize("way", WAYS)
def test_the_command_has_a_terminal_of_the_right_size(
    way: list[str], warm: Sandbox, terminal: Terminal
) -> None:
    start(terminal, warm, "tty; echo $TERM; sleep 0.3; stty size; exit 5", flags=["-t", *way])
    assert terminal.finish() == 5
    assert terminal.seen.split() == [b"/dev/pts/0", b"xterm-256color", b"33", b"111"]


@pytest.mark.parametrize("way", WAYS)
def test_the_size_is_right_from_nearly_the_first_moment(
    way: list[str], warm: Sandbox, terminal: Terminal
) -> None:
    """Engines of this age size a terminal only when its command has started."""
    script = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); stty size; sleep 0.05; done"
    start(terminal, warm, script, flags=["-t", *way])
    assert terminal.finish() == 0
    sizes = terminal.seen.split(b"\r\n")
    assert sizes[-2] == b"33 111"
    assert sizes.count(b"33 111") >= 10, sizes


def test_the_size_follows(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "trap 'stty size' WINCH; echo up; while :; do sleep 0.1; done")
    terminal.read_until(b"up")
    eventually(terminal.is_raw)
    terminal.resize(rows=50, columns=132)
    terminal.read_until(b"50 132")
    terminal.type(b"\x03")
    terminal.finish()


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_is_a_key_and_the_terminal_is_put_back(
    way: list[str], warm: Sandbox, terminal: Terminal
) -> None:
    script = "trap 'echo got it; exit 9' INT; echo up; while :; do sleep 0.1; done"
    start(terminal, warm, script, flags=["-t", *way])
    terminal.read_until(b"up")
    eventually(terminal.is_raw)
    terminal.type(b"\x03")
    assert terminal.finish() == 9
    assert b"got it\r\n" in terminal.seen
    assert not terminal.is_raw()


def test_keys_and_end_of_input(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "stty -echo; echo up; cat")
    terminal.read_until(b"up")
    eventually(terminal.is_raw)
    terminal.type(b"some keys\n")
    terminal.read_until(b"some keys")
    terminal.type(b"\x10\x11")  # Docker would leave the command behind
    terminal.type(b"\x04\x04")
    assert terminal.finish() == 0
    assert not terminal.is_raw()


def test_a_time_limit_puts_the_terminal_back(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "echo up; sleep 711", flags=["-t", "--timeout", "1"])
    assert terminal.finish() == 124
    assert b"timed out after 1 s" in terminal.seen
    assert not terminal.is_raw()
    assert not list(matching(warm.processes(), "711"))


def test_a_terminal_that_hangs_up_ends_the_command(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "echo up; sleep 712")
    terminal.read_until(b"up")
    terminal.hang_up()
    eventually(lambda: not list(matching(warm.processes(), "712")))
    assert terminal.process is not None
    assert terminal.process.wait(60) in (129, 141)


def test_ctrl_c_without_a_terminal_for_the_command(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "echo up; sleep 713", flags=[])
    terminal.read_until(b"up")
    assert not terminal.is_raw()
    terminal.type(b"\x03")
    assert terminal.finish() == 130
    assert not list(matching(warm.processes(), "713"))


def test_no_terminal_for_the_command_unless_asked(warm: Sandbox, terminal: Terminal) -> None:
    start(terminal, warm, "tty; exit 3", flags=["--no-tty"])
    terminal.type(b"\x04")
    assert terminal.finish() == 3
    assert b"not a tty" in terminal.seen


@pytest.mark.parametrize("streams", [{"stdin": subprocess.DEVNULL}, {"stdout": subprocess.DEVNULL}])
def test_half_a_terminal_is_none(streams: dict[str, int], warm: Sandbox, terminal: Terminal) -> None:
    argv = warm.tool.argv("run", "-t", "--", "true")
    terminal.start(argv, env=warm.tool.environment(), **streams)
    assert terminal.finish() == 2
    assert b"-t needs a terminal" in terminal.seen


def test_an_interactive_shell(warm: Sandbox, terminal: Terminal) -> None:
    terminal.start(warm.tool.argv("shell"), env=warm.tool.environment({"TERM": "xterm"}))
    terminal.type(b"echo $((6 * 7))\n")
    terminal.read_until(b"42")
    terminal.type(b"sleep 714\n")
    eventually(lambda: list(matching(warm.processes(), "714")))
    terminal.type(b"\x03")
    eventually(lambda: not list(matching(warm.processes(), "714")))
    terminal.type(b"exit 4\n")
    assert terminal.finish() == 4
    assert not terminal.is_raw()


def test_a_job_in_the_background_does_not_take_the_terminals_keys(warm: Sandbox, terminal: Terminal) -> None:
    script = 'set -m; "$@" & wait $!; echo "ended with $?"'
    argv = ["sh", "-c", script, "sh", *warm.tool.argv("run", "--", "sh", "-c", "cat; echo done; exit 6")]
    terminal.start(argv, env=warm.tool.environment())
    terminal.read_until(b"ended with 6")
    assert b"done" in terminal.seen
