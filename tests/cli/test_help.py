"""Help is there, short, and costs next to nothing: modules are counted, not milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox import __version__
from openclaw_sandbox.cli.verbs import VERBS
from tests.tool import ROOT

if TYPE_CHECKING:
    from tests.tool import Tool

#: What takes longer to load than everything that help needs.
HEAVY = {
    "docker",
    "pydantic",
    "pydantic_core",
    "ruamel",
    "yaml",
    "pyjson5",
    "json5",
    "asyncio",
    "rich",
    "requests",
}
PROGRAM = """
import json, sys
from openclaw_sandbox.cli.app import run_cli
sys.stdout.flush()
status = run_cli(sys.argv[1:])
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""

HELPS = [
    ["--version"],
    ["--help"],
    [],
    *([verb, "--help"] for verb in VERBS),
    *([verb, "-h"] for verb in VERBS),
]


@pytest.mark.parametrize("argv", HELPS, ids=" ".join)
def test_no_heavy_module_is_loaded(argv: list[str], tool: Tool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv],
        capture_output=True,
        env=tool.environment(),
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    status, modules = json.loads(ended.stderr)
    assert status == 0
    assert not HEAVY & set(modules)
    assert ended.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_is_short_and_has_examples(verb: str, tool: Tool) -> None:
    done = tool(verb, "--help", env={"COLUMNS": "80"})
    lines = done.text.splitlines()
    assert lines[0].startswith(f"Usage: openclaw-sandbox {verb}")
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index("  Examples:") + 1 :]
    assert examples
    assert all("openclaw-sandbox" in line for line in examples if line.strip())
    assert done.said == ""


@pytest.mark.parametrize(
    "words",
    [
        "config init",
        "config validate",
        "config show",
        "egress log",
        "egress test",
        "egress allow",
        "egress learn",
    ],
)
def test_a_verb_of_a_group_has_its_own_examples(words: str, tool: Tool) -> None:
    lines = tool(*words.split(), "--help").text.splitlines()
    examples = [line.strip() for line in lines[lines.index("  Examples:") + 1 :] if line.strip()]
    assert examples
    assert all(line.startswith(f"openclaw-sandbox {words}") for line in examples)


def test_the_list_of_verbs_says_what_each_does(tool: Tool) -> None:
    text = tool("--help").text
    assert tool().text == text
    for verb in VERBS:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [verb]]
        assert len(line.split()) > 3, "a word on what it does"
    assert "124 timed out" in " ".join(text.split())


def test_the_version(tool: Tool) -> None:
    assert tool("--version").text == f"openclaw-sandbox {__version__}\n"


def test_the_version_needs_no_command_line_library(tool: Tool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--version"],
        capture_output=True,
        env=tool.environment(),
        timeout=60,
        check=True,
    )
    assert not {"typer", "json.decoder", "subprocess"} & set(json.loads(ended.stderr)[1])
