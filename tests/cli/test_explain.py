"""`explain`'s flags: what each answers, in text and in JSON, and how a wrong question ends."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.cli.app import run_cli
from openclaw_sandbox.policy.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = """{
  agents: {
    defaults: {
      sandbox: {
        mode: "non-main",
        docker: {
          memory: "1g",
          binds: ["/srv/data:/data:ro"],
          env: { COLOUR: "blue", GH_TOKEN: "ghp_0123456789abcdefghij" },
        },
      },
    },
    list: [
      { id: "main" },
      { id: "work", sandbox: { workspaceAccess: "ro", docker: { memory: "4g" } } },
    ],
  },
  tools: { elevated: { allowFrom: { telegram: ["bob"] } } },
}
"""
SECRET = "ghp_0123456789abcdefghij"
GROUP = "agent:work:telegram:group:1"


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `explain` with these arguments: status, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith(("OPENCLAW", "CLAWDBOT"))]:
        monkeypatch.delenv(name)
    state = tmp_path / ".openclaw"
    state.mkdir()
    (state / "openclaw.json").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("OPENCLAW_SANDBOX_DEBUG", "1")
    monkeypatch.setattr("openclaw_sandbox.cli.engine_view.engine_findings", lambda _policy: ())

    def run(*args: str) -> tuple[int, str, str]:
        status = run_cli(["explain", *args])
        captured = capsys.readouterr()
        assert SECRET not in captured.out + captured.err
        return status, captured.out, captured.err

    return run


@pytest.fixture
def ask_json(ask: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """The same with --json: the parsed answer of a question that succeeds."""

    def run(*args: str) -> Any:
        status, out, err = ask(*args, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return run


def test_keys_of_the_json_answer(ask_json: Callable[..., Any]) -> None:
    answer = ask_json()
    assert list(answer) == [
        *("docsUrl", "agentId", "sessionKey", "mainSessionKey", "sandbox", "elevated", "fixIt", "verdict"),
        *(
            "configFile",
            "resolved",
            "container",
            "exec",
            "mounts",
            "hardening",
            "origins",
            "warnings",
            "notes",
        ),
    ]
    assert list(answer["container"]) == [
        *("name", "slug", "scopeKey", "configHash", "workspaceDir", "agentWorkspaceDir", "createArgs"),
    ]
    assert answer["resolved"]["docker"]["env"] == {"COLOUR": "blue", "GH_TOKEN": "***"}
    assert answer["hardening"]["secret_env"] == ["GH_TOKEN"]
    assert answer["verdict"] == {
        "sandboxed": False,
        "why": "mode is non-main, and this is the main session",
        "runRefused": False,
    }


def test_every_value_has_file_and_line(ask_json: Callable[..., Any]) -> None:
    origins = ask_json("--agent", "work")["origins"]
    memory = origins["docker.memory"]
    assert memory["value"] == "4g"
    assert (memory["origin"]["line"], memory["origin"]["key"]) == (15, "agents.list.1.sandbox.docker.memory")
    assert memory["overridden"][0]["value"] == "1g"
    assert memory["overridden"][0]["origin"]["line"] == 7
    assert all(value["origin"]["kind"] for value in origins.values())


def test_page(ask: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = ask("--session", GROUP)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "Sandboxed: mode is non-main, and this is not the main session."
    assert "openclaw.json:15 (over 1g, openclaw.json:7)" in out
    assert "OpenClaw's default" not in out


def test_all(ask: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = ask("--all")
    assert "docker.readOnlyRoot" in out
    assert "built-in hardening" in out
    assert "elevated: no chat channel known" in out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--tool", "exec"), "exec runs on the host"),
        (("--tool", "exec", "--session", GROUP), "exec runs in the sandbox: The container runs it."),
        (("--tool", "write", "--session", GROUP), "write is not available: workspaceAccess is ro"),
        (("--tool", "browser", "--session", GROUP), 'fix: Remove "browser" from tools.sandbox.tools.deny.'),
        (("--path", "/data/x"), "/srv/data/x on the host (bind); exec and file tools can read, not write"),
        (("--path", "/srv/data/x"), "/srv/data/x of the host is /data/x in the sandbox, read-only."),
        (("--path", "/etc/passwd"), "the image's own file, not the host's; commands can read, not write"),
        (("--path", "/tmp/x"), "in memory (tmpfs /tmp)"),
        (("--path", "notes"), "/workspace/notes"),
        (("--path", "../x"), "outside of the sandbox: no tool can use it"),
        (("--key", "memory", "--agent", "work"), "agents.list.1.sandbox.docker.memory"),
        (("--key", "agents.defaults.sandbox.docker.memory"), "1g"),
        (("--key", "agents.list.1.sandbox.workspaceAccess", "--agent", "work"), "ro"),
        (("--key", "docker.env.GH_TOKEN"), "***"),
        (("--key", "docker.env"), "docker.env.COLOUR"),
        (("--diff", "main", "work"), "workspaceAccess"),
        (("--diff", "work", GROUP), "sessionIsSandboxed"),
        (("--diff", "main", "main"), "They are the same."),
        (("--all", "--channel", "telegram"), "open to the senders in tools.elevated.allowFrom.telegram"),
        (("--all", "--channel", "slack"), "shut: allowFrom (tools.elevated.allowFrom.slack)"),
    ],
)
def test_sentence(args: tuple[str, ...], sentence: str, ask: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = ask(*args)
    assert (status, err) == (0, "")
    assert sentence in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--tool", "exec", "--key", "x"), "--tool and --key cannot be combined."),
        (("--tool", " "), "--tool needs a name."),
        (("--path", " "), "--path needs a path."),
        (("--key", "docker.memry"), "Did you mean docker.memory?"),
        (("--key", "zzzz"), "See all of them"),
        (("--key", ""), 'There is no key ""'),
        (("--diff", "main", "work", "--agent", "main"), "--diff names both sides itself."),
        (("--diff", "main", " "), "--diff needs two agents or two sessions."),
        (("--diff", "main"), "--diff"),
        (("--channel", "a b"), "is not the name of a channel."),
        (("--agent", "wrok"), "Did you mean work?"),
        (("--agent", " "), "--agent must not be blank."),
        (("--agent", "main", "--session", GROUP), 'belongs to agent "work", not to "main"'),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_question(
    args: tuple[str, ...], message: str, ask: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, err = ask(*args)
    assert (status, out) == (2, "")
    assert message in err


def test_wrong_question_in_json(ask: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = ask("--agent", "nobody", "--json")
    assert (status, err) == (2, "")
    assert json.loads(out)["error"]["code"] == "config.unknown-agent"


def test_tool_in_json(ask_json: Callable[..., Any]) -> None:
    answer = ask_json("--tool", "bash", "--session", GROUP)
    assert (answer["tool"], answer["allowed"], answer["callable"]) == ("exec", False, True)
    assert answer["runsOn"] == "sandbox"
    assert answer["stages"] == [{"stage": "tools.sandbox.tools", "passes": True}]


def test_path_in_json(ask_json: Callable[..., Any]) -> None:
    answer = ask_json("--path", "/data/x")
    assert answer["inside"]["hostPath"] == "/srv/data/x"
    assert answer["onHost"] == {"visible": False, "writable": False}
    assert answer["tool"]["mount"] == "/srv/data:/data:ro"


def test_key_in_json(ask_json: Callable[..., Any]) -> None:
    assert ask_json("--key", "docker.memory")["origin"]["line"] == 7
    assert set(ask_json("--key", "docker.env")["values"]) == {"docker.env.COLOUR", "docker.env.GH_TOKEN"}


def test_diff_in_json(ask_json: Callable[..., Any]) -> None:
    answer = ask_json("--diff", "main", "work")
    assert (answer["a"]["agentId"], answer["b"]["agentId"]) == ("main", "work")
    by_key = {difference["key"]: difference for difference in answer["differences"]}
    assert by_key["docker.memory"]["a"]["value"] == "1g"
    assert by_key["docker.memory"]["b"]["origin"]["line"] == 15


@pytest.mark.parametrize(("who", "allowed"), [("bob", True), ("eve", False)])
def test_sender(who: str, allowed: bool, ask_json: Callable[..., Any]) -> None:
    answer = ask_json("--session", GROUP, "--sender", who)
    assert answer["elevated"]["channel"] == "telegram"
    assert answer["elevated"]["sender"] == {"name": who, "allowed": allowed}


def test_what_the_engine_adds(
    ask: Callable[..., tuple[int, str, str]], ask_json: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding(code="image.missing", severity=Severity.WARNING, message="No image.", hint="Make it.")
    monkeypatch.setattr("openclaw_sandbox.cli.engine_view.engine_findings", lambda _policy: (finding,))
    assert "warning: No image.\n  fix: Make it." in ask()[1]
    assert [found["code"] for found in ask_json()["warnings"]] == ["env.secret", "image.missing"]


def test_a_policy_that_run_refuses_is_shown_whole(
    tmp_path: Path, ask: Callable[..., tuple[int, str, str]], ask_json: Callable[..., Any]
) -> None:
    config = tmp_path / ".openclaw" / "openclaw.json"
    config.write_text(CONFIG.replace("/srv/data:", "/etc:"), encoding="utf-8")
    _, out, _ = ask()
    assert "Refused: run does not start, one thing is not allowed." in out
    answer = ask_json()
    assert answer["verdict"]["runRefused"] is True
    assert answer["warnings"][0]["code"] == "bind.sensitive"
    assert answer["warnings"][0]["origin"]["line"] == 8


def test_nothing_is_painted_or_broken_by_names_in_the_config(
    tmp_path: Path, ask: Callable[..., tuple[int, str, str]]
) -> None:
    config = tmp_path / ".openclaw" / "openclaw.json"
    config.write_text('{agents: {list: [{id: "a\\u001b[31mb", sandbox: {docker: {user: "x\\ny\\u001b"}}}]}}')
    _, out, _ = ask()
    assert "\x1b" not in out
    assert "\\x1b" in out


def test_without_a_config(tmp_path: Path, ask: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / ".openclaw" / "openclaw.json").unlink()
    status, out, _ = ask()
    assert status == 0
    assert "does not exist" in out
    assert "nothing: every value is a default" in out


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("resource_limits.pids", "docker.pidsLimit\n  512  counts  built-in hardening"),
        ("sandbox.resource_limits.cpus", "resource_limits.cpus\n  (unset)  counts  built-in"),
        ("agents.work.timeout", "timeout\n  (unset)  counts  built-in"),
        ("tools.exec.host", "tools.exec.host\n  gateway  counts  openclaw.json:2 tools.exec.host"),
        ("agents.entries.work.sandbox.docker.image", "docker.image\n  openclaw-sandbox:bookworm-slim"),
    ],
)
def test_keys_of_other_places(
    key: str, shown: str, tmp_path: Path, ask: Callable[..., tuple[int, str, str]]
) -> None:
    config = tmp_path / ".openclaw" / "openclaw.json"
    config.write_text('{\ntools: {exec: {host: "gateway"}, web: {apiKey: "hush-hush-hush"}},\n}')
    status, out, _ = ask("--key", key)
    assert (status, out.startswith(shown)) == (0, True), out
    assert "hush" not in ask("--key", "tools.web.apiKey")[1] + ask("--key", "tools.web")[1]


def test_a_key_that_nobody_set_is_not_another_one(ask: Callable[..., tuple[int, str, str]]) -> None:
    assert ask("--key", "tools.allow")[0] == 2
