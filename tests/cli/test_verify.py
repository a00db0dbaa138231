"""`verify` where no engine is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from tests.tool import Tool


def test_the_catalogue_needs_no_engine(tool: Tool) -> None:
    done = tool("verify", "--list", "--json")
    assert done.status == 0
    probes = done.document["probes"]
    assert len({probe["id"] for probe in probes}) == 163
    text = tool("verify", "--list", "--only", "net.")
    assert text.text.rstrip().endswith("15 probes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "nothing"), "No probe is called nothing."),
        (("--only", "net.", "--only", "ps.cap", "--only", "ps.cpas"), "No probe is called ps.cpas."),
        (("--only", ""), 'No probe is called "".'),
        (("--quick", "--only", "ps.fork-limit"), "--quick leaves out every probe"),
        (("--fail-on", "bad"), '"bad" is no severity'),
        (("--all", "--agent", "main"), "--all goes with none of"),
        (("--fresh", "--attach", "x"), "choose"),
        (("--attach", ""), "--attach '' is not the name of a container"),
        (("--attach", "../x"), "is not the name of a container"),
        (("--attach", "a b?x=1"), "is not the name of a container"),
        (("--attach", b"\xff"), "is not the name of a container"),
    ],
)
def test_a_question_that_cannot_be_answered(tool: Tool, words: tuple[str | bytes, ...], said: str) -> None:
    done = tool("verify", *words)
    assert done.status == 2
    assert said in done.said


def test_switched_off_is_no_pass(tool: Tool) -> None:
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
    (tool.state / "config.yml").write_text("sandbox:\n  enabled: false\n")
    done = tool("verify", "--json")
    assert (done.status, done.error["code"]) == (2, "config.disabled")


def test_what_could_not_be_verified_is_an_error_in_the_report(tool: Tool) -> None:
    """An old report must not stay and look like an answer."""
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
    path = tool.home / "report.xml"
    path.write_text("old")
    assert tool("verify", "--junit", path).status == 125
    suite = ElementTree.parse(path).getroot()[0]
    assert (suite.get("errors"), suite.get("name")) == ("1", "agent:main:main")


def test_a_dead_engine(tool: Tool) -> None:
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
    assert tool("verify").status == 125
