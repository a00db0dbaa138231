"""The verb as its users meet it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine


def test_the_answer_in_json(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all", docker={"memory": "256m", "memorySwap": "256m"})
    done = sandbox.tool("verify", "--json", timeout_s=300)
    answer = done.document
    assert (done.status, answer["ok"], done.said) == (0, True, "")
    assert len(answer["probes"]) == answer["summary"]["total"] == 163
    keys = {"id", "category", "severity", "attempted", "expected", "verdict", "evidence", "setting", "origin"}
    assert all(keys <= set(probe) for probe in answer["probes"])
    judged = sum(answer["summary"][word] for word in ("blocked", "open", "not-applicable", "error"))
    assert (judged, answer["summary"]["error"]) == (163, 0)
    assert sandbox.containers() == []


def test_what_the_config_gives_up_is_said_with_its_origin(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all", docker={"network": "bridge", "readOnlyRoot": False})
    done = sandbox.tool("verify", "--json", "--only", "net.ifaces", "--only", "fs.rootfs-ro")
    found = {probe["id"]: probe for probe in done.document["probes"]}
    assert done.status == 0
    assert (found["net.ifaces"]["expected"], found["net.ifaces"]["verdict"]) == ("open", "open")
    assert "openclaw.json" in found["net.ifaces"]["origin"]
    assert found["fs.rootfs-ro"]["why"] == "docker.readOnlyRoot is false"


def test_a_session_on_the_host_is_no_pass(sandbox: Sandbox) -> None:
    sandbox.configure(mode="off")
    done = sandbox.tool("verify", "--json")
    assert done.status == 1
    assert done.error["code"] == "verify.not-sandboxed"


def test_every_agent_is_tried_and_one_on_the_host_fails(sandbox: Sandbox) -> None:
    block = {"containerPrefix": sandbox.prefix, "image": sandbox.image}
    sandbox.tool.write_config(
        {
            "agents": {
                "defaults": {"sandbox": {"mode": "all", "docker": block}},
                "list": [{"id": "good"}, {"id": "loose", "sandbox": {"mode": "off"}}],
            }
        }
    )
    path = sandbox.tool.home / "report.xml"
    done = sandbox.tool("verify", "--all", "--json", "--only", "ps.", "--junit", path)
    answer = done.document
    assert (done.status, answer["ok"]) == (1, False)
    assert [(found["agent"], found["ok"]) for found in answer["sandboxes"]] == [("good", True)]
    assert [found["agent"] for found in answer["not_verified"]] == ["loose"]
    suites = ElementTree.parse(path).getroot()
    assert [(suite.get("name"), suite.get("errors")) for suite in suites] == [
        ("agent:good:main", "0"),
        ("loose", "1"),
    ]


def test_a_container_is_held_against_the_policy_of_its_own_session(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all", scope="session")
    assert sandbox.run("true", flags=("--session", "agent:main:talk")).status == 0
    (name,) = sandbox.containers()
    done = sandbox.tool("verify", "--attach", name, "--quick", "--json")
    assert (done.status, done.document["summary"]["failed"]) == (0, [])
    assert (done.document["session"], done.document["notes"]) == ("agent:main:talk", [])


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_leaves_nothing(sandbox: Sandbox, name: str) -> None:
    """Neither the container nor the interpreter that was brought in."""
    sandbox.configure(mode="all")
    with sandbox.tool.start("verify") as process:
        eventually(sandbox.containers)
        process.send_signal(signal.Signals[f"SIG{name}"])
        process.communicate(timeout=60)
    assert process.returncode != 0
    eventually(lambda: not sandbox.containers())
    assert [path for path in sandbox.tool.home.rglob("*") if "-verify-" in path.name] == []


def test_a_junit_report(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    path = sandbox.tool.home / "report.xml"
    done = sandbox.tool("verify", "--quick", "--junit", path)
    assert (done.status, "PROVEN" in done.text) == (0, True)
    suite = ElementTree.parse(path).getroot()[0]
    assert suite.get("failures") == suite.get("errors") == "0"
    assert len(suite) == int(suite.get("tests", "0")) > 130
    done = sandbox.tool("verify", "--only", "ps.uid", "--junit", sandbox.tool.home / "no" / "r.xml")
    assert (done.status, "cannot be written" in done.said) == (1, True)


def test_it_leaves_nothing_on_the_host(sandbox: Sandbox) -> None:
    sandbox.configure(mode="all")
    assert sandbox.tool("verify", "--quick", "-q").status == 0
    names = [path.name for path in sandbox.tool.home.rglob("*")]
    assert [name for name in names if "canary" in name or ".oc-" in name] == []
