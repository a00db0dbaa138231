"""The README names every verb, and no verb or flag that there is not."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.cli.verbs import VERBS
from tests.tool import ROOT

if TYPE_CHECKING:
    from tests.tool import Tool

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(command, comments=True)
    for command in re.findall(r"^\$ .*?openclaw-sandbox (.*)$", TEXT, flags=re.MULTILINE)
]
GROUPS = {"config", "egress"}


def test_every_verb_is_shown() -> None:
    assert {words[0] for words in COMMANDS} | {"completion"} == set(VERBS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_flags_that_are_shown_exist(words: list[str], tool: Tool) -> None:
    own = words[: words.index("--")] if "--" in words else words
    verb = own[: 2 if own[0] in GROUPS else 1]
    text = tool(*verb, "--help").text
    for flag in (word for word in own if word.startswith("--")):
        assert re.search(rf"{flag}\b", text), f"{' '.join(verb)} has no {flag}"


def test_the_config_that_is_shown_is_valid(tool: Tool) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    tool.write_config({"agents": {"list": [{"id": "main"}, {"id": "work"}]}})
    (tool.state / "config.yml").write_text(example, encoding="utf-8")
    done = tool("explain", "--agent", "work")
    assert done.status == 0, done.said
    assert "error:" not in done.text + done.said
