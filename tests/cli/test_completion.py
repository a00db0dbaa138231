"""Completion: what is offered, and real shells that insert it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.cli.verbs import VERBS
from tests.tool import Tool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    done = Tool(tmp_path)
    done.write_config({"agents": {"list": [{"id": "work"}, {"id": "web"}]}})
    folder = done.state / "sandbox"
    folder.mkdir()
    entries = [
        {"containerName": "a", "sessionKey": "agent:work:telegram:group:1"},
        {"containerName": "b", "sessionKey": "agent:work:$(rm -rf x)"},
        {"containerName": "c", "sessionKey": "shared"},
    ]
    (folder / "containers.json").write_text(json.dumps({"entries": entries}))
    return done


def offered(tool: Tool, line: str, shell: str = "bash") -> list[str]:
    env = {"_OPENCLAW_SANDBOX_COMPLETE": shell, "_OPENCLAW_SANDBOX_LINE": line}
    done = tool(env=env)
    assert (done.status, done.said) == (0, "")
    return done.text.splitlines()


SESSIONS = ["agent:work:main", "agent:web:main", "agent:work:telegram:group:1"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("openclaw-sandbox ", list(VERBS)),
        ("openclaw-sandbox ex", ["explain"]),
        ("openclaw-sandbox --pro", ["--profile"]),
        ("openclaw-sandbox --profile ", []),
        ("openclaw-sandbox nonsense ", []),
        ("openclaw-sandbox config ", ["init", "validate", "show"]),
        ("openclaw-sandbox explain --ag", ["--agent"]),
        ("openclaw-sandbox explain --agent ", ["work", "web"]),
        ("openclaw-sandbox explain --agent=we", ["--agent=web"]),
        ('openclaw-sandbox explain --agent "we', ["web"]),
        ("openclaw-sandbox explain --session ", SESSIONS),
        ("openclaw-sandbox explain --diff work we", ["web"]),
        ("openclaw-sandbox explain --diff work web ", []),
        ("openclaw-sandbox run --color=", ["--color=auto", "--color=always", "--color=never"]),
        ("openclaw-sandbox run --agent work --timeo", ["--timeout"]),
        ("openclaw-sandbox run -- --", []),
        ("openclaw-sandbox run ls --", []),
        ("openclaw-sandbox egress log --agent we", ["web"]),
        ("openclaw-sandbox completion ", ["bash", "zsh", "fish"]),
        ("X=1 /usr/bin/openclaw-sandbox ver", ["verify"]),
        ("", list(VERBS)),
    ],
)
def test_what_is_offered(line: str, expected: list[str], tool: Tool) -> None:
    assert offered(tool, line) == expected


def test_each_shell_reads_its_own_form(tool: Tool) -> None:
    line = "openclaw-sandbox run --session agent:we"
    assert offered(tool, line, "zsh") == ["agent\\:web\\:main"]
    assert offered(tool, line, "fish") == ["agent:web:main"]
    assert offered(tool, "openclaw-sandbox explain --agen", "fish") == ["--agent\tAgent id"]
    assert offered(tool, "openclaw-sandbox explain --agen", "zsh") == ["--agent:Agent id"]


@pytest.mark.parametrize("text", ["{", "{agents: {list: 7}}"])
def test_a_broken_config_offers_nothing_and_says_nothing(text: str, tool: Tool) -> None:
    (tool.state / "openclaw.json").write_text(text)
    assert offered(tool, "openclaw-sandbox explain --agent ") == []
    assert offered(tool, "openclaw-sandbox expl") == ["explain"]


def test_a_damaged_registry_is_left_as_it_is(tool: Tool) -> None:
    path = tool.state / "sandbox" / "containers.json"
    path.write_text("{")
    assert offered(tool, "openclaw-sandbox explain --session ") == []
    assert path.read_text() == "{"


def test_the_script_as_json(tool: Tool) -> None:
    answer = tool("completion", "zsh", "--json").document
    assert answer["shell"] == "zsh"
    assert answer["script"] == tool("completion", "zsh").text


def test_an_unknown_shell(tool: Tool) -> None:
    done = tool("completion", "csh")
    assert done.status == 2
    assert "bash" in done.said


#: Sources the script, sets what bash sets when somebody presses Tab, and prints what would be inserted.
PRESS_TAB = """
source <(openclaw-sandbox completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
_openclaw_sandbox openclaw-sandbox
printf '%s\\n' "${COMPREPLY[@]}"
complete -p openclaw-sandbox
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("openclaw-sandbox doct", ["doctor"]),
        ("openclaw-sandbox explain --session agent:web:", ["main"]),
        ("openclaw-sandbox explain --agent=w", ["work", "web"]),
    ],
)
def test_bash_inserts_what_is_missing(line: str, expected: list[str], tool: Tool) -> None:
    bin_dir = tool.home / "bin"
    bin_dir.mkdir()
    script = bin_dir / "openclaw-sandbox"
    script.write_text(f'#!/bin/sh\nexec {" ".join(str(word) for word in tool.argv())} "$@"\n')
    script.chmod(0o755)
    environment = tool.environment()
    environment["PATH"] = f"{bin_dir}:{environment.get('PATH', '/usr/bin:/bin')}"
    bash = shutil.which("bash")
    assert bash is not None
    ended = subprocess.run(
        [bash, "--norc", "-c", PRESS_TAB, "bash", line],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *found, registered = ended.stdout.splitlines()
    assert found == expected
    assert registered == "complete -o default -F _openclaw_sandbox openclaw-sandbox"
