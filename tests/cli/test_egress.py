"""`egress test`, `allow`, `log` and `learn`, where no engine answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tool import Tool

HARDENING = """\
sandbox:
  # who may be called
  allowed_hosts: ['203.0.113.9', 'api.example.test:8443']
  denied_hosts: ['bad.example.test']
"""


@pytest.fixture
def config(tool: Tool) -> Path:
    tool.write_config({"agents": {"list": [{"id": "work", "default": True}]}})
    path = tool.state / "config.yml"
    path.write_text(HARDENING)
    return path


def test_what_would_happen(tool: Tool, config: Path) -> None:
    done = tool("egress", "test", "203.0.113.9", "--json")
    assert done.status == 0
    assert done.document == {
        "host": "203.0.113.9",
        "port": 443,
        "verdict": "allow",
        "reason": "allowed_hosts names it",
        "rule": f"203.0.113.9 ({config}:3 sandbox.allowed_hosts.0)",
        "addresses": ["203.0.113.9"],
        "recorded": True,
    }
    done = tool("egress", "test", "api.example.test", "--agent", "work", "--json")
    assert (done.status, done.document["reason"]) == (1, "port 443 is not in its rule")
    done = tool("egress", "test", "bad.example.test:80")
    assert done.status == 1
    assert done.text.splitlines()[:2] == [
        "deny bad.example.test:80: denied_hosts names it",
        f"  rule: bad.example.test ({config}:4 sandbox.denied_hosts.0)",
    ]


def test_without_a_list_nothing_is_recorded(tool: Tool) -> None:
    done = tool("egress", "test", "example.test", "--json")
    assert done.status == 1
    assert done.document["recorded"] is False
    tool.write_config({"agents": {"defaults": {"sandbox": {"docker": {"network": "bridge"}}}}})
    done = tool("egress", "test", "example.test", "--json")
    assert (done.status, done.document["recorded"]) == (0, False)
    assert "no gateway decides" in done.document["reason"]


def test_allowing_keeps_the_rest_of_the_file(tool: Tool, config: Path) -> None:
    done = tool("egress", "allow", "*.data.example.test", "--agent", "work", "--dry-run")
    assert done.status == 0
    assert "+        - '*.data.example.test'" in done.text
    assert config.read_text() == HARDENING
    config.chmod(0o640)
    done = tool("egress", "allow", "*.data.example.test", "--agent", "work", "--json")
    assert done.document["changed"] is True
    assert config.read_text() == (
        HARDENING + "  agents:\n    work:\n      allowed_hosts:\n        - '*.data.example.test'\n"
    )
    assert config.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in config.parent.iterdir() if ".new" in path.name] == []
    done = tool("egress", "allow", "*.data.example.test", "--agent", "work", "--json")
    assert done.document == {"changed": False, "diff": ""}
    assert "already" in tool("egress", "allow", " *.DATA.example.test.\n", "--agent", "work").said
    done = tool("egress", "test", "a.data.example.test", "--agent", "work", "--json")
    assert done.document["rule"].startswith("*.data.example.test (")


def test_allowing_makes_the_file(tool: Tool) -> None:
    done = tool("egress", "allow", "a.example.test", "--agent", "main")
    assert done.status == 0, done.said
    path = tool.state / "config.yml"
    assert path.read_text().startswith("sandbox:\n  agents:\n    main:\n")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["egress", "test", "https://example.test/"], "is no HOST"),
        (["egress", "test", "127.1"], "is no HOST"),
        (["egress", "allow", "*", "--agent", "work"], "allows every host"),
        (["egress", "allow", "*.com", "--agent", "work"], "too wide"),
        (["egress", "allow", "169.254.169.254", "--agent", "work"], "cloud metadata"),
        (["egress", "allow", "a.example.test", "--agent", "ghost"], "ghost"),
        (["egress", "allow", "a.example.test"], "--agent"),
        (["egress", "learn", "--"], "There is no command"),
        (["egress", "log", "--agent", "ghost"], "ghost"),
        (["egress", "bogus"], "bogus"),
    ],
)
def test_what_cannot_be_done(argv: list[str], words: str, tool: Tool, config: Path) -> None:
    done = tool(*argv)
    assert done.status == 2, done.said
    assert done.said.startswith("error: ")
    assert words in done.said
    assert "Traceback" not in done.said
    assert config.read_text() == HARDENING


def test_errors_as_json(tool: Tool) -> None:
    done = tool("egress", "test", "a b", "--json")
    assert done.status == 2
    assert done.error["code"] == "usage"


def test_a_bad_entry_stops_a_run_with_its_place(tool: Tool, config: Path) -> None:
    config.write_text("sandbox:\n  allowed_hosts: ['*.com']\n")
    done = tool("run", "--", "id")
    assert done.status == 2
    assert f"{config}:2" in done.said
    assert "too wide" in done.said


def test_learning_needs_an_engine(tool: Tool) -> None:
    done = tool("egress", "learn", "--", "true")
    assert done.status == 125
    assert "No Docker Engine was found" in done.said


def test_an_empty_log(tool: Tool) -> None:
    done = tool("egress", "log", "--json")
    assert (done.status, done.document) == (0, {"records": []})


def test_a_log_cannot_drive_the_terminal(tool: Tool, config: Path) -> None:
    """Whoever took a gateway over writes what it likes; nobody's screen obeys it."""
    folder = tool.state / "sandbox" / "egress" / "0" / "log"
    folder.mkdir(parents=True)
    evil = {
        **dict.fromkeys(("id", "time", "sandbox", "via", "reason", "rule", "verdict"), "\x1b[2J\r\n"),
        "host": "2001:db8::1",
        "port": 443,
    }
    (folder / "decisions.jsonl").write_text(json.dumps({"decision": evil}) + "\n")
    done = tool("egress", "log")
    assert done.status == 0
    assert "[2001:db8::1]:443" in done.text
    assert "\x1b" not in done.text
    assert len(done.text.splitlines()) == 1
