"""Nobody reads what the tool says: its exit status stays what it is."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tool import Tool


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("explain",), 0),
        (("doctor", "--only", "state.", "--fix"), 0),
        (("run", "--agent", "nobody", "--", "true"), 2),
        (("bogus",), 2),
    ],
)
def test_a_stderr_that_nobody_reads(words: tuple[str, ...], status: int, tool: Tool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            tool.argv(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=writer,
            env=tool.environment(),
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == status
