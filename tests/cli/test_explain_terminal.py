"""The broken setups on a real terminal of 24 rows and 80 columns: problem and fix need no scrolling."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.explain_setups import SETUPS, install
from tests.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS, COLUMNS = 24, 80
#: One row is the prompt's.
FIRST_SCREEN = ROWS - 1


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="octest-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def on_a_terminal(tool: Tool, *words: str) -> tuple[int, str]:
    """Status and everything that reached the screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in tool.environment().items() if name != "COLUMNS"}
    command = subprocess.Popen(
        tool.argv(*words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, "TERM": "xterm"},
        cwd=tool.home,
    )
    os.close(slave)
    shown = bytearray()
    while chunk := _read(master):
        shown += chunk
    os.close(master)
    return command.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 16)
    except OSError:  # Linux says so when the last one has closed the other side
        return b""


def rows_of(text: str) -> list[str]:
    """The rows of the screen: colours take no place, and what is too long goes on in the next row."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n").split("\n")
    return [line[at : at + COLUMNS] for line in plain for at in range(0, max(len(line), 1), COLUMNS)]


def words_in(rows: Sequence[str]) -> str:
    """Rows as running text. A row that is full goes on in the next one, perhaps within a word."""
    text = "".join(row if len(row) == COLUMNS else f"{row} " for row in rows)
    return " ".join(text.split())


@pytest.mark.parametrize("name", SETUPS)
def test_problem_and_fix_are_on_the_first_screen(name: str, home: Path) -> None:
    setup = SETUPS[name]
    install(setup, home)
    # A remote engine is not asked: the page is the policy's alone.
    tool = Tool(home=home, env={"DOCKER_HOST": "tcp://192.0.2.1:1"})
    status, text = on_a_terminal(tool, "explain", *setup.args)
    assert status == setup.exit_status
    seen = words_in(rows_of(text)[:FIRST_SCREEN])
    assert setup.named in seen
    assert setup.fix in seen
    assert "\x1b[" in text, "a terminal is painted"


def test_the_page_keeps_within_the_terminal(home: Path) -> None:
    setup = SETUPS["capdrop-emptied-by-agent"]
    install(setup, home)
    tool = Tool(home=home, env={"DOCKER_HOST": "tcp://192.0.2.1:1"})
    _, text = on_a_terminal(tool, "explain", *setup.args)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= COLUMNS
