"""What the schema says about a config, in words."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.config.validate import schema_problems


def at(path: str, value: Any) -> dict[str, Any]:
    """A config with one value at a dotted path."""
    for key in reversed(path.split(".")):
        value = [value] if key == "0" else {key: value}
    config: dict[str, Any] = value
    return config


def said(path: str, value: Any) -> list[tuple[str, str, str]]:
    problems = schema_problems(at(path, value))
    return [(".".join(map(str, p.path)).removeprefix(path), p.message, p.hint) for p in problems]


SANDBOX = "agents.defaults.sandbox"


@pytest.mark.parametrize(
    ("path", "value", "message", "hint"),
    [
        ("mode", "al", 'expected "off", "non-main" or "all", found "al"', 'did you mean "all"?'),
        ("mode", "sometimes", 'expected "off", "non-main" or "all", found "sometimes"', ""),
        ("mode", True, 'expected "off", "non-main" or "all", found true', ""),
        ("mode", None, 'expected "off", "non-main" or "all", found null', "remove the key to leave it unset"),
        ("perSession", "true", 'expected true or false, found "true"', "write true without quotes"),
        ("perSession", 1, "expected true or false, found 1", ""),
        ("workspaceRoot", 5, "expected text, found 5", ""),
        ("docker", [], "expected an object, found a list", ""),
        ("docker", None, "expected an object, found null", "remove the key to leave it unset"),
        ("docker.binds", "/a:/b", 'expected a list, found "/a:/b"', "put it in brackets to make it a list"),
        ("docker.env", ["A=1"], "expected an object, found a list", ""),
        ("docker.pidsLimit", 1.5, "expected a whole number, found 1.5", ""),
        ("docker.pidsLimit", "256", 'expected a whole number, found "256"', "remove the quotes"),
        ("docker.pidsLimit", "many", 'expected a whole number, found "many"', ""),
        ("docker.pidsLimit", 0, "expected a number above 0, found 0", ""),
        ("docker.pidsLimit", 2.0**60, "expected a whole number, found 1.152921504606847e+18", ""),
        ("docker.cpus", -1, "expected a number above 0, found -1", ""),
        ("docker.cpus", float("inf"), "expected a finite number, found inf", ""),
        ("docker.cpus", float("nan"), "expected a finite number, found nan", ""),
        ("docker.cpus", True, "expected a number, found true", ""),
        ("docker.memory", True, "expected text or a number, found true", ""),
        ("docker.memory", float("nan"), "expected text or a number, found nan", ""),
        ("docker.setupCommand", 1, "expected text, or a list of texts, found 1", ""),
        ("prune.idleHours", -1, "expected a number of at least 0, found -1", ""),
    ],
)
def test_values(path: str, value: Any, message: str, hint: str) -> None:
    assert said(f"{SANDBOX}.{path}", value) == [("", message, hint)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("docker.memory", "2g"),
        ("docker.memory", 536870912),
        ("docker.memory", 0.5),
        ("docker.cpus", 1),
        ("docker.setupCommand", ["a", "b"]),
        (
            "docker.ulimits",
            {"nofile": "1024:2048", "nproc": 5, "core": {}, "memlock": {"soft": 0, "hard": 1}},
        ),
        ("browser.noVncEnabled", False),
        ("browser.enableNoVnc", True),
        ("backend", "docker"),
        ("docker.dangerouslyAllowExternalBindSources", True),
        ("ssh.target", "host"),
        ("prune.maxAgeDays", 0),
    ],
)
def test_valid_values(path: str, value: Any) -> None:
    assert said(f"{SANDBOX}.{path}", value) == []


@pytest.mark.parametrize("value", [None, [], True, {"soft": -1}, {"soft": "1"}, {"max": 1}, {"soft": 1.5}])
def test_a_wrong_ulimit_is_a_problem_at_its_name(value: Any) -> None:
    (path, message, _hint), *parts = said(f"{SANDBOX}.docker.ulimits.nofile", value)
    assert path == ""
    wrong = isinstance(value, dict) and "soft" in value
    assert [path.rpartition(".")[2] for path, _, _ in parts] == (["soft"] if wrong else [])
    assert message.startswith(
        'expected a number, text such as "1024:2048", or {soft, hard} of whole numbers, found'
    )


@pytest.mark.parametrize(
    ("path", "key", "suggestion"),
    [
        (f"{SANDBOX}.docker", "netwrok", f"{SANDBOX}.docker.network"),
        (f"{SANDBOX}.docker", "readonlyRoot", f"{SANDBOX}.docker.readOnlyRoot"),
        (f"{SANDBOX}", "network", f"{SANDBOX}.docker.network"),
        (f"{SANDBOX}.docker", "idleHours", f"{SANDBOX}.prune.idleHours"),
        ("agents.list.0.sandbox", "readOnlyRoot", "agents.list.0.sandbox.docker.readOnlyRoot"),
        ("agents.list.0", "sandbx", "agents.list.0.sandbox"),
        ("tools", "sandbox-tools", "tools.sandbox"),
        ("tools.elevated", "allow_from", "tools.elevated.allowFrom"),
        ("tools.sandbox.tools", "block", ""),
        ("tools.byProvider.openai", "denny", "tools.byProvider.openai.deny"),
    ],
)
def test_unknown_keys_are_reported_at_their_object_with_the_nearest_key(
    path: str, key: str, suggestion: str
) -> None:
    config = at(path, {key: 1, **({"id": "x"} if path == "agents.list.0" else {})})
    (problem,) = [p for p in schema_problems(config) if "unknown key" in p.message]
    assert ".".join(map(str, problem.path)) == path
    assert problem.message.startswith(f'unknown key "{key}"')
    assert suggestion or "; allowed here: " in problem.message
    assert problem.hint == (f"did you mean {suggestion}?" if suggestion else "")
    assert problem.at == (*problem.path, key)


def test_a_missing_id() -> None:
    assert said("agents.list.0.name", "x") == [(("agents.list.0.id"), 'the key "id" is missing', "")]


def test_a_secret_is_not_repeated() -> None:
    (problem,) = said(f"{SANDBOX}.docker.env.API_TOKEN", 12345678)
    assert problem[1] == "expected text, found a number (not shown)"
    (problem,) = said("tools.profile", "ghp_" + "a1B2" * 9)
    assert problem[1].endswith("found text (not shown)")


def test_long_and_odd_values_are_shown_short_and_plain() -> None:
    (problem,) = said("tools.profile", "\x1b[31m" + "x y " * 50)
    assert problem[1].endswith('found "\\x1b[31m' + ("x y " * 50)[:52] + '..."')


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"gateway": {"port": 1}, "channels": [], "agents": {"defaults": {"model": 5, "heartbeat": {}}}},
        {"session": {"reset": "x"}},
        {"agents": {"entries": {"main": {"someday": 1}}, "ownership": "explicit"}},
        {"tools": {"web": {"x": 1}, "toolsBySender": {}, "exec": {"mode": "ask", "host": "auto"}}},
    ],
)
def test_what_is_not_ours_is_passed_over(config: dict[str, Any]) -> None:
    assert list(schema_problems(config)) == []


@pytest.mark.parametrize(
    "config", [{"agents": []}, {"tools": 1}, {"session": None}, {"agents": {"list": {}}}]
)
def test_blocks_of_the_wrong_type(config: dict[str, Any]) -> None:
    assert len(list(schema_problems(config))) == 1


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("tools.loopDetection", {"enable": True}, ""),
        ("tools.loopDetection", {"enabled": 1}, ".enabled"),
        ("tools.loopDetection.detectors", {"pingpong": True}, ""),
        ("agents.entries.x.tools.loopDetection", {"historySize": 0}, ".historySize"),
    ],
)
def test_loop_detection(path: str, value: Any, where: str) -> None:
    assert [place for place, *_ in said(path, value)] == [where]


@pytest.mark.parametrize(
    "tools",
    [
        {"codeMode": "auto", "swarm": True, "github": {}, "message": {}},
        {"exec": {"reviewer": {}, "grantExpiryDays": 7, "strictInlineEval": True}},
        {"loopDetection": {"enabled": True, "postCompactionGuard": {}}},
    ],
)
def test_tools_of_later_releases_are_no_unknown_keys(tools: dict[str, Any]) -> None:
    agent = {"id": "x", "tools": tools}
    newest = {**tools, "toolSearch": True, "sessions_spawn": {}, "updatePlan": False}
    assert list(schema_problems({"tools": newest, "agents": {"list": [agent]}})) == []
