"""`config init`, `config validate`, `config show`."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

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


def test_what_is_said_already() -> None:
    assert overwritten({"timeout": 1, "resource_limits": {"cpus": 1}}, Posture.BALANCED, None) == ("timeout",)
    assert overwritten({"timeout": 1}, Posture.BALANCED, "work") == ()
