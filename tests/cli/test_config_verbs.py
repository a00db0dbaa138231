"""`config init`, `config validate`, `config show`."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from openclaw_sandbox.config.edit_list import data_of
from openclaw_sandbox.config.postures import PRESETS, Posture, fresh_text, merged_text, overwritten

if TYPE_CHECKING:
    from tests.tool import Tool

OWN = """\
# mine
sandbox:
  # why so little
  timeout: 7   # seconds
  mounts:
    - {source: /srv/a, target: /a, mode: ro}
"""


@pytest.mark.parametrize("posture", list(Posture))
@pytest.mark.parametrize("agent", [None, "Work"])
def test_a_new_file_is_valid_and_says_what_the_posture_says(
    posture: Posture, agent: str | None, tool: Tool
) -> None:
    flags = ["--agent", agent] if agent else []
    done = tool("config", "init", "--posture", posture.value, *flags)
    assert done.status == 0, done.said
    file = tool.state / "config.yml"
    text = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    block = YAML(typ="safe", pure=True).load(text)["sandbox"]
    for setting in PRESETS[posture].settings:
        value = block["agents"]["work"] if agent else block
        for part in setting.key.split("."):
            value = value[part]
        assert value == setting.value
        assert f"# {setting.why}" in text
    # The difference comes first, then the openclaw.json that goes with it.
    assert done.text.index("+sandbox:") < done.text.index('"agents"')
    document = json.loads(done.text[done.text.index("\n{") :])
    sandbox = document["agents"]["list"][0]["sandbox"] if agent else document["agents"]["defaults"]["sandbox"]
    assert sandbox == PRESETS[posture].sandbox
    tool.write_config(document)
    validated = tool("config", "validate")
    assert validated.status == 0, validated.said


def test_restricted_separates_the_people_who_write(tool: Tool) -> None:
    document = tool("config", "init", "--posture", "restricted", "--json").document
    assert document["openclaw"] == {
        "agents": {"defaults": {"sandbox": {"mode": "all", "workspaceAccess": "none"}}},
        "session": {"dmScope": "per-channel-peer"},
    }


def test_nothing_is_overwritten_without_force(tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    file = tool.state / "config.yml"
    file.write_text(OWN)
    refused = tool("config", "init", "--posture", "balanced")
    assert refused.status == 2
    assert "-  timeout: 7" in refused.text
    assert "says already: timeout" in refused.said
    assert "--force" in refused.said
    assert file.read_text() == OWN
    tried = tool("config", "init", "--posture", "balanced", "--dry-run")
    assert tried.status == 0
    assert file.read_text() == OWN
    assert tool("config", "init", "--posture", "balanced", "--force").status == 0
    text = file.read_text()
    assert "# mine" in text
    assert "# why so little" in text
    assert "# seconds" in text
    assert "{source: /srv/a, target: /a, mode: ro}" in text
    assert tool("config", "init", "--posture", "balanced", "--force").text.startswith(
        f"{file} says all of this"
    )
    assert file.read_text() == text


def test_another_agent_takes_nothing_away(tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    (tool.state / "config.yml").write_text(OWN)
    assert tool("config", "init", "--posture", "restricted", "--agent", "public").status == 0
    shown = tool("config", "show", "--format", "json").document
    assert shown["hardening"]["timeout_s"] == 7


def test_a_file_that_is_wrong_is_not_touched(tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    (tool.state / "config.yml").write_text("sandbox: {memroy: 1g}\n")
    for words in (("init", "--posture", "open", "--force"), ("validate",), ("show",)):
        done = tool("config", *words)
        assert done.status == 2
        assert "config.yml:1:" in done.said
        assert "memroy" in done.said
    assert (tool.state / "config.yml").read_text() == "sandbox: {memroy: 1g}\n"


def test_validate_tells_what_run_would_refuse(tool: Tool) -> None:
    tool.write_config({"agents": {"list": [{"id": "main"}, {"id": "work"}]}})
    (tool.state / "config.yml").write_text("sandbox:\n  agents:\n    work: {engine: podman}\n")
    done = tool("config", "validate")
    assert done.status == 2
    assert "podman" in done.said
    assert "config.yml:3:" in done.said


def test_the_effective_whole_in_three_forms(tool: Tool) -> None:
    tool.write_config({"agents": {"defaults": {"sandbox": {"docker": {"env": {"API_TOKEN": "hunter2"}}}}}})
    (tool.state / "config.yml").write_text("sandbox: {resource_limits: {memory: 64mb}}\n")
    texts = {form: tool("config", "show", "--format", form).text for form in ("yaml", "json", "toml")}
    assert all("hunter2" not in text for text in texts.values())
    loaded = (
        YAML(typ="safe", pure=True).load(texts["yaml"]),
        json.loads(texts["json"]),
        tomllib.loads(texts["toml"]),
    )
    for document in loaded:
        assert document["hardening"]["memory_bytes"] == 64 << 20
        assert document["openclaw"]["scope"] == "agent"
    assert loaded[0] == loaded[1]


def test_a_posture_over_an_empty_file_keeps_its_comments() -> None:
    assert merged_text("# only this\n", Posture.OPEN, None) == "# only this\n" + fresh_text(
        Posture.OPEN, None
    )


@pytest.mark.parametrize(
    "text",
    [
        "sandbox:\n  agents:\n    1: {timeout: 7}\n    on: {timeout: 8}\n",
        "sandbox:\n  agents:\n    Work: {timeout: 7}\n",
        "sandbox: {}\n",
        "---\n# only this\n",
        "? sandbox\n: timeout: 7\n",
        "sandbox:\n  timeout: 0o17\n  log: {labels: [2020-01-01]}\n",
    ],
)
@pytest.mark.parametrize("agent", ["work", "1", "on"])
def test_a_posture_changes_its_own_keys_and_no_other(text: str, agent: str) -> None:
    before, after = data_of(text), data_of(merged_text(text, Posture.OPEN, agent))
    agents = after["sandbox"]["agents"]
    key = "Work" if agent == "work" and "Work" in text else agent
    for setting in PRESETS[Posture.OPEN].settings:
        head, _, tail = setting.key.partition(".")
        value = agents[key].pop(head) if not tail else agents[key][head].pop(tail)
        assert value == setting.value
    others = {name: value for name, value in agents.items() if name != key}
    written = ((before.get("sandbox") or {}).get("agents") or {}).items()
    assert others == {name: value for name, value in written if name != key}


@pytest.mark.parametrize(
    "text",
    [
        "sandbox:\n  agents:\n    work: &same {timeout: 7}\n    public: *same\n",
        "sandbox:\n  log: {labels: [2020-13-45]}\n",
        "null\n",
    ],
)
def test_what_a_posture_would_break_is_left_alone(text: str, tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    file = tool.state / "config.yml"
    file.write_text(text)
    done = tool("config", "init", "--posture", "open", "--agent", "work", "--force")
    assert (done.status, done.out) == (2, b"")
    assert done.said.startswith("error: config.yml cannot be edited here")
    assert "below sandbox.agents.work: timeout: 3600" in done.said
    assert file.read_text() == text


@pytest.mark.parametrize("verb", ["init", "allow"])
def test_lines_keep_their_ends(verb: str, tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    file = tool.state / "config.yml"
    file.write_bytes(OWN.replace("\n", "\r\n").encode())
    words = {
        "init": ("config", "init", "--posture", "restricted", "--agent", "main"),
        "allow": ("egress", "allow", "a.example.test", "--agent", "main"),
    }
    done = tool(*words[verb])
    assert done.status == 0, done.said
    assert "-  timeout" not in done.text
    data = file.read_bytes()
    assert data.startswith(OWN.replace("\n", "\r\n").encode()[:40])
    assert data.count(b"\n") == data.count(b"\r\n") > OWN.count("\n")


def test_many_editors_at_once_lose_nothing(tool: Tool) -> None:
    hosts = [f"h{number}.example.test" for number in range(6)]
    editors = [tool.start("egress", "allow", host, "--agent", "main") for host in hosts]
    for editor in editors:
        _, said = editor.communicate(timeout=60)
        assert editor.returncode == 0, said
    block = data_of((tool.state / "config.yml").read_text())["sandbox"]["agents"]["main"]
    assert sorted(block["allowed_hosts"]) == hosts
    assert [path.name for path in tool.state.iterdir()] == ["config.yml"]


@pytest.mark.parametrize("target", ["config.yml", "../elsewhere/config.yml"])
def test_a_link_that_leads_nowhere_is_said_and_makes_nothing(target: str, tool: Tool) -> None:
    tool.state.mkdir(parents=True, exist_ok=True)
    (tool.state / "config.yml").symlink_to(target)
    done = tool("config", "init", "--posture", "balanced")
    assert done.status == 2, done.said
    assert "config.yml" in done.said
    assert not (tool.state.parent / "elsewhere").exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tool: Tool) -> None:
    tool.state.mkdir(parents=True)
    file = tool.state / "config.yml"
    file.write_text(f"# {'x' * (256 * 1024 - 40)}\nsandbox:\n  timeout: 7\n")
    done = tool("config", "init", "--posture", "restricted", "--force")
    assert done.status == 2
    assert "would become larger than 256 KiB" in done.said
    assert [path.name for path in tool.state.iterdir()] == ["config.yml"]


def test_what_is_said_already() -> None:
    assert overwritten({"timeout": 1, "resource_limits": {"cpus": 1}}, Posture.BALANCED, None) == ("timeout",)
    assert overwritten({"timeout": 1}, Posture.BALANCED, "work") == ()
