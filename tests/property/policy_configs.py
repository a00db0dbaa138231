"""Configs for laws about the policy: valid ones from a strategy, and broken ones from a seeded generator."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    import random

NAMES = ["A", "a", "b_x", "B_Y", "_z", "Z1", "LANG", "GH_TOKEN", "PATH", "é", "10", "9"]
ULIMITS = ["nofile", "nproc", "core", "memlock"]

_SIZES = st.sampled_from(["512m", "1g", "1.5g", 536870912, 1073741824])
_PATHS = st.sampled_from(["/srv/a", "/srv/b", "/data/x"])
_BINDS = st.builds(
    lambda source, target, mode: f"{source}:{target}{mode}",
    _PATHS,
    st.sampled_from(["/a", "/b", "/mnt/c"]),
    st.sampled_from(["", ":ro", ":rw"]),
)
_DOCKER = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["a:1", "b:2"]),
        "workdir": st.sampled_from(["/workspace", "/work"]),
        "readOnlyRoot": st.booleans(),
        "network": st.sampled_from(["none", "bridge"]),
        "capDrop": st.lists(st.sampled_from(["ALL", "NET_RAW"]), unique=True),
        "env": st.dictionaries(st.sampled_from(NAMES), st.text("ab1", max_size=5), max_size=6),
        "memory": _SIZES,
        "pidsLimit": st.integers(1, 4096),
        "cpus": st.sampled_from([0.5, 1, 2.0, 1.25]),
        "ulimits": st.dictionaries(st.sampled_from(ULIMITS), st.integers(0, 9), max_size=3),
        "binds": st.lists(_BINDS, max_size=3),
    },
)
SANDBOX = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["off", "non-main", "all"]),
        "workspaceAccess": st.sampled_from(["none", "ro", "rw"]),
        "docker": _DOCKER,
        "prune": st.fixed_dictionaries({}, optional={"idleHours": st.integers(0, 99)}),
    },
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A valid openclaw.json with defaults and one agent."""
    return {
        "agents": {
            "defaults": {"sandbox": draw(SANDBOX)},
            "list": [{"id": "main", "sandbox": draw(SANDBOX)}],
        }
    }


#: A config in which everything that decides about the sandbox is said once, to be broken.
FULL: dict[str, Any] = {
    "agents": {
        "defaults": {
            "workspace": "~/ws",
            "sandbox": {
                "mode": "all",
                "scope": "agent",
                "workspaceAccess": "rw",
                "workspaceRoot": "~/sbx",
                "perSession": True,
                "docker": {
                    "image": "x:1",
                    "containerPrefix": "p-",
                    "workdir": "/work",
                    "readOnlyRoot": False,
                    "tmpfs": ["/tmp:size=1m", "/run"],
                    "network": "bridge",
                    "user": "1000:1000",
                    "capDrop": ["ALL"],
                    "env": {"A": "1", "GH_TOKEN": "abc"},
                    "setupCommand": "true",
                    "pidsLimit": 100,
                    "memory": "1g",
                    "memorySwap": "2g",
                    "cpus": 1.5,
                    "ulimits": {"nofile": {"soft": 1, "hard": 2}, "core": 0, "nproc": "1:2"},
                    "seccompProfile": "./x.json",
                    "apparmorProfile": "docker-default",
                    "dns": ["1.1.1.1"],
                    "extraHosts": ["a:127.0.0.1"],
                    "binds": ["/srv/a:/a:ro", "/srv/b:/b"],
                },
                "browser": {"enabled": True, "cdpPort": 9333, "binds": []},
                "prune": {"idleHours": 1, "maxAgeDays": 2},
            },
        },
        "list": [
            {"id": "main", "default": True, "sandbox": {"docker": {"capDrop": []}}},
            {
                "id": "work",
                "workspace": "/srv/ws",
                "sandbox": {"scope": "shared", "mode": "non-main"},
                "tools": {
                    "allow": ["exec"],
                    "elevated": {"enabled": True, "allowFrom": {"slack": ["*", 5]}},
                    "sandbox": {"tools": {"deny": ["group:web", "mcp_*"]}},
                },
            },
        ],
    },
    "tools": {
        "profile": "coding",
        "deny": ["browser"],
        "exec": {"host": "gateway"},
        "elevated": {"allowFrom": {"telegram": ["user:1"]}},
        "sandbox": {"tools": {"allow": ["*"], "deny": []}},
    },
    "session": {"scope": "per-sender", "store": "~/s/{agentId}.json"},
    "env": {"vars": {"X": "y"}},
}

JUNK: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, 2**70, "", " ", "\x00", "../..", "/", "/etc", "~", "host"),
    *(
        "unconfined",
        "container:x",
        "a" * 5000,
        "é日本\ud7ff",
        "${HOME}",
        "${NOPE_X}",
        "$${X}",
        "*",
        "group:fs",
    ),
    *("1:2:3", "-1", "0x10", "1e9", "all", "shared", "off", [], {}, [[]], {"": ""}, [None], ["x"] * 50),
    *({"$include": "./nope.json"}, {"$include": 5}, {"soft": -1}, "agent:a:b", "ALL", "%s%n", "\x1b[31m"),
]
_KEYS = ["x", "docker", "mode", "allow", "binds", "$include", "", "memroy"]
_SESSIONS = [
    *(None, None, None, "", "main", "global", "agent:work:telegram:1", "agent:ghost:x:1"),
    *("::", "a:b", "\x00", "x" * 500),
]
_AGENTS = [None, None, None, None, None, "main", "work", "work", "ghost", " ", "Work", "../x", "é"]


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [path, *(node for key, child in children for node in _nodes(child, (*path, key)))]


def _break(document: Any, rng: random.Random) -> None:
    """One change somewhere: another value, a value from elsewhere, a key more, or one less."""
    path = rng.choice([node for node in _nodes(document) if node])
    parent = document
    for part in path[:-1]:
        parent = parent[part]
    kind = rng.randrange(5)
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, dict):
        parent[rng.choice(["x", "docker", "mode", "allow", "binds", "$include", "", "memroy"])] = (
            copy.deepcopy(rng.choice(JUNK))
        )
    elif kind == 2 and isinstance(parent, list):
        parent.append(copy.deepcopy(rng.choice([*JUNK, parent[path[-1]]])))
    elif kind == 3:
        source = rng.choice([node for node in _nodes(FULL) if node])
        value: Any = FULL
        for part in source:
            value = value[part]
        parent[path[-1]] = copy.deepcopy(value)
    else:
        parent[path[-1]] = copy.deepcopy(rng.choice(JUNK))


def _scramble(text: str, rng: random.Random) -> str:
    """A change that knows nothing of JSON."""
    at, kind = rng.randrange(len(text) + 1), rng.randrange(4)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + rng.choice("{}[]\",:/*'\\\x00\ufeff9e.-") + text[at:]
    if kind == 2:
        return text[:at] + text[at + rng.randrange(1, 40) :]
    return text[:at] + text[max(0, at - rng.randrange(1, 200)) :]


def broken_config(rng: random.Random) -> str:
    """The text of a config that is probably broken, and perhaps only odd."""
    document = copy.deepcopy(FULL)
    for _ in range(rng.choice([0, 1, 1, 2, 8])):
        if [node for node in _nodes(document) if node]:
            _break(document, rng)
    text = json.dumps(document, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5)
    return _scramble(text, rng) if rng.random() < 0.25 else text


def question(rng: random.Random) -> list[str]:
    """Flags of `explain`, some of them odd."""
    args: list[str] = []
    for flag, values in (("--session", _SESSIONS), ("--agent", _AGENTS)):
        value = rng.choice(values)
        args += [flag, value] if value is not None else []
    args += rng.choice(
        [
            *([], [], ["--json"], ["--json"], ["--all"], ["--tool", "exec", "--json"], ["--path", "/a/b"]),
            *(["--key", "docker"], ["--key", "nope"], ["--diff", "main", "work"], ["--channel", "slack"]),
            *(["--sender", "bob", "--channel", "telegram", "--json"], ["--path", "\x00"], ["--tool", " "]),
        ]
    )
    return args
