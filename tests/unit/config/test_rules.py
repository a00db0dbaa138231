"""What is invalid although every type is right."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.config.rules import rule_problems


def said(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(".".join(map(str, problem.path)), problem.message) for problem in rule_problems(data)]


def docker(block: Any) -> list[tuple[str, str]]:
    """The same block in the defaults, in a listed agent without an id, in a keyed one: they must agree."""
    places = {
        "agents.defaults.": {"agents": {"defaults": {"sandbox": {"docker": block}}}},
        "agents.list.0.": {"agents": {"list": [{"sandbox": {"docker": block}}]}},
        "agents.entries.x.": {"agents": {"entries": {"x": {"sandbox": {"docker": block}}}}},
    }
    found = [
        [(path.removeprefix(f"{place}sandbox.docker."), message) for path, message in said(data)]
        for place, data in places.items()
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.mark.parametrize("word", ["host", " HOST\t", "\ufeffHost\u00a0"])
def test_the_hosts_network(word: str) -> None:
    assert docker({"network": word}) == [("network", 'network "host" is blocked: it undoes the sandbox')]


@pytest.mark.parametrize("key", ["seccompProfile", "apparmorProfile"])
def test_unconfined(key: str) -> None:
    assert docker({key: " Unconfined"}) == [(key, f'{key} "unconfined" is blocked: it undoes the sandbox')]


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ("", "a bind must not be empty"),
        (" \t", "a bind must not be empty"),
        ("\ufeff", "a bind must not be empty"),
        ("data:/data", 'the bind source "data" is not an absolute path'),
        ("~/x:/x", 'the bind source "~/x" is not an absolute path'),
        (":/x", 'the bind source ":/x" is not an absolute path'),
        ("./x", 'the bind source "./x" is not an absolute path'),
    ],
)
def test_binds(bind: str, message: str) -> None:
    assert docker({"binds": ["/ok:/ok", bind]}) == [("binds.1", message)]


@pytest.mark.parametrize(
    "block", [None, 1, [], {"network": "bridge", "binds": [" /a : /b", 1, None]}, {"binds": 1, "network": []}]
)
def test_nothing_to_say(block: Any) -> None:
    assert docker(block) == []


BOTH = {"allow": ["a"], "alsoAllow": ["b"]}


@pytest.mark.parametrize(
    ("data", "path", "scope"),
    [
        ({"tools": BOTH}, "tools", "tools"),
        ({"agents": {"list": [{"id": "x", "tools": BOTH}]}}, "agents.list.0.tools", "agent tools"),
        ({"tools": {"byProvider": {"p/m": BOTH}}}, "tools.byProvider.p/m", "tools.byProvider policy"),
        ({"tools": {"sandbox": {"tools": BOTH}}}, "tools.sandbox.tools", "tools policy"),
        ({"tools": {"subagents": {"tools": BOTH}}}, "tools.subagents.tools", "tools policy"),
    ],
)
def test_allow_and_also_allow(data: dict[str, Any], path: str, scope: str) -> None:
    assert said(data) == [(path, f"{scope} cannot set both allow and alsoAllow in the same place")]


def test_one_of_the_two_may_be_empty() -> None:
    assert said({"tools": {"allow": [], "alsoAllow": ["b"], "byProvider": {"p": 1}, "sandbox": 5}}) == []


@pytest.mark.parametrize(
    ("loops", "wrong"),
    [
        ({"warningThreshold": 5, "criticalThreshold": 5}, ["criticalThreshold"]),
        ({"criticalThreshold": 9, "globalCircuitBreakerThreshold": 2}, ["globalCircuitBreakerThreshold"]),
        ({"warningThreshold": 9, "globalCircuitBreakerThreshold": 2}, []),
        ({"warningThreshold": 1, "criticalThreshold": 2, "globalCircuitBreakerThreshold": 3}, []),
        ({"warningThreshold": "5", "criticalThreshold": 5}, []),
        (5, []),
    ],
)
def test_thresholds_of_loop_detection(loops: Any, wrong: list[str]) -> None:
    for data, place in (
        ({"tools": {"loopDetection": loops}}, "tools"),
        ({"agents": {"list": [{"id": "x", "tools": {"loopDetection": loops}}]}}, "agents.list.0.tools"),
    ):
        assert [path for path, _ in said(data)] == [f"{place}.loopDetection.{key}" for key in wrong]


def test_exec_mode_and_its_parts() -> None:
    assert said({"tools": {"exec": {"mode": "ask", "ask": "off"}}}) == [
        ("tools.exec.mode", "exec.mode cannot be combined with security or ask")
    ]
    assert said({"tools": {"exec": {"mode": "ask"}}}) == []


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"agent": {"sandbox": {"mode": "all"}}}, "agent"),
        ({"tools": {"bash": {}}}, "tools.bash"),
        ({"routing": {"agents": {}}}, "routing.agents"),
        ({"routing": {"defaultAgentId": "x"}}, "routing.defaultAgentId"),
        ({"routing": {"agentToAgent": {}}}, "routing.agentToAgent"),
    ],
)
def test_legacy_keys(data: dict[str, Any], path: str) -> None:
    assert said(data) == [(path, f"{path} is a legacy key that OpenClaw no longer reads")]


@pytest.mark.parametrize(
    ("data", "path", "hint"),
    [
        ({"agnets": {}}, "", "did you mean agents?"),
        ({"Tools": {}}, "", "did you mean tools?"),
        ({"sessions": {}}, "", "did you mean session?"),
        (
            {"agents": {"defaults": {"sandbx": {}}}},
            "agents.defaults",
            "did you mean agents.defaults.sandbox?",
        ),
        ({"session": {"mainkey": "x"}}, "session", "did you mean session.mainKey?"),
        (
            {"agents": {"entries": {"a": {"sandBox": {}}}}},
            "agents.entries.a",
            "did you mean agents.entries.a.sandbox?",
        ),
    ],
)
def test_a_near_miss_of_a_key_that_decides_is_no_unknown_key_to_pass_over(
    data: dict[str, Any], path: str, hint: str
) -> None:
    (problem,) = rule_problems(data)
    assert (".".join(map(str, problem.path)), problem.hint) == (path, hint)


#: Keys that OpenClaw really has.
TOP = """meta env wizard diagnostics logging update browser ui auth models nodeHost bindings broadcast audio
media messages commands approvals cron hooks web channels discovery talk gateway memory skills
plugins canvasHost"""
DEFAULTS = """model imageModel models repoRoot skipBootstrap userTimezone contextTokens thinkingDefault
verboseDefault heartbeat subagents workspace"""
SESSION = "idleMinutes resetTriggers store sendPolicy typingMode identityLinks maintenance"


def test_other_keys_of_openclaw_are_no_near_misses() -> None:
    data: dict[str, Any] = dict.fromkeys(TOP.split(), 1)
    data["agents"] = {"defaults": dict.fromkeys(DEFAULTS.split(), 1)}
    data["session"] = dict.fromkeys(SESSION.split(), 1)
    assert said(data) == []


def keyed(entries: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    return said({"agents": {"entries": entries, **more}})


def test_keyed_agents() -> None:
    assert keyed({"main": {}, "work_1": {"default": True}}) == []
    assert keyed({}) == [("agents.entries", "agents.entries is empty")]
    assert keyed({"a": {}}, list=[{"id": "a"}]) == [
        ("agents.list", "agents.list and agents.entries cannot both be set")
    ]
    assert keyed({"-a": {}, "a/b": {}, "": {}}) == [
        ("agents.entries.-a", "invalid agent id"),
        ("agents.entries.a/b", "invalid agent id"),
        ("agents.entries.", "invalid agent id"),
    ]
    assert keyed({"a": {}, "A": {}}) == [("agents.entries.A", 'this is the same agent id as "a"')]
    assert keyed({"a": {"default": True}, "b": {"default": True}}) == [
        ("agents.entries.b.default", 'only one agent can be the default, and "a" already is')
    ]


@pytest.mark.parametrize(
    "data", [{"agents": 1, "tools": []}, {"agents": {"list": [1], "entries": [2], "defaults": 3}}]
)
def test_anything_is_borne(data: dict[str, Any]) -> None:
    assert said(data) == []
