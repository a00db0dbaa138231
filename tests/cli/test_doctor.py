"""`doctor` on a machine without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.tool import Tool


def test_a_dead_engine_fails_with_its_hint_and_the_rest_is_looked_at(tool: Tool) -> None:
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
    done = tool("doctor", "--json")
    answer = done.document
    assert (done.status, answer["ok"]) == (1, False)
    found = {check["id"]: check for check in answer["checks"]}
    assert found["engine.reachable"]["status"] == "fail"
    assert found["engine.reachable"]["fix"]
    assert found["config.valid"]["status"] == "ok"
    assert set(answer["scores"]) >= {"engine", "config", "state"}


def test_a_broken_config_is_a_failure_and_no_crash(tool: Tool) -> None:
    tool.state.mkdir()
    (tool.state / "openclaw.json").write_text("{ agents: ")
    done = tool("doctor", "--only", "config.", "--json")
    assert done.status == 1
    assert [check["id"] for check in done.document["checks"]] == ["config.valid"]


def test_an_unknown_check(tool: Tool) -> None:
    done = tool("doctor", "--only", "nothing.")
    assert (done.status, "No check is called nothing." in done.said) == (2, True)


def test_a_check_that_was_misspelt(tool: Tool) -> None:
    done = tool("doctor", "--only", "engine.reachabel", "--only", "config.")
    assert done.status == 2
    assert "No check is called engine.reachabel." in done.said
    assert "Did you mean engine.reachable?" in done.said


def test_an_agent_that_is_refused_is_named(tool: Tool) -> None:
    """`run` would refuse it, so it is a failure and not an agent less."""
    agents = {"list": [{"id": "work", "sandbox": {"docker": {"binds": ["/etc:/x"]}}}, {"id": "main"}]}
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all"}}, **agents}})
    done = tool("doctor", "--only", "config.", "--json")
    found = {check["id"]: check for check in done.document["checks"]}
    assert done.status == 1
    assert found["config.bind.sensitive"]["details"] == ["agents: work"]


def test_the_places_of_mistakes_in_the_config(tool: Tool) -> None:
    tool.state.mkdir()
    (tool.state / "openclaw.json").write_text('{\n  "agents": {"defaults": {"sandbox": {"mode": "al"}}}\n}')
    (check,) = tool("doctor", "--only", "config.", "--json").document["checks"]
    assert "openclaw.json:2:" in check["details"][0]


def test_secrets_of_the_config_are_not_shown(tool: Tool) -> None:
    secret = "hunter2-hunter2"
    docker = {"env": {"API_TOKEN": secret}, "binds": [f"/{secret}:/etc:ro"]}
    tool.write_config({"agents": {"defaults": {"sandbox": {"mode": "all", "docker": docker}}}})
    done = tool("doctor", "-v")
    assert "config.bind." in done.text
    assert secret not in done.text + done.said


def test_there_is_nothing_to_mend_without_an_engine(tool: Tool) -> None:
    done = tool("doctor", "--fix", "--only", "state.")
    assert "nothing that this tool can mend" in done.said


def test_a_link_in_the_registrys_place_is_left_alone_and_its_owner_told(tool: Tool) -> None:
    folder = tool.state / "sandbox"
    folder.mkdir(parents=True)
    victim = tool.home / "victim"
    victim.write_text("precious")
    (folder / "containers.json").symlink_to(victim)
    done = tool("doctor", "--only", "state.registry", "--fix", "--yes", "--json")
    (check,) = done.document["checks"]
    assert (done.status, check["status"], done.document["fixed"]) == (1, "fail", [])
    assert check["fix"].startswith("Move it away")
    assert victim.read_text() == "precious"


def test_the_page(tool: Tool) -> None:
    path = tool.home / "report.html"
    tool("doctor", "--html", path)
    text = path.read_text()
    assert "No sandbox was tried." in text
    assert "engine.reachable" in text
    for place, why in ((tool.home / "no" / "r.html", "does not exist"), (tool.home, "it is a folder")):
        done = tool("doctor", "--html", place)
        assert (done.status, done.out) == (1, b"")
        assert why in done.said
