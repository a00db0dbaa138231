"""Random valid configs, and random damage to them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.property.json5_texts import keys, values

if TYPE_CHECKING:
    from random import Random

_words = st.sampled_from(["exec", "group:fs", "*", "read", "sessions_*"])
_lists = st.lists(_words, max_size=3)
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$"), max_size=6)


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


_docker = _some(
    image=_texts,
    readOnlyRoot=st.booleans(),
    network=st.sampled_from(["none", "bridge", "container:x"]),
    capDrop=_lists,
    env=st.dictionaries(keys, _texts, max_size=3),
    pidsLimit=st.integers(1, 2**53 - 1),
    memory=st.sampled_from(["1g", 536870912, 0.5]),
    cpus=st.floats(0.1, 64),
    ulimits=st.dictionaries(keys, st.sampled_from([1, "1:2", {"soft": 1}, {}]), max_size=2),
    binds=st.lists(st.sampled_from(["/a:/b", "/srv/x:/x:ro"]), max_size=2),
    seccompProfile=st.sampled_from(["~/s.json", "/s.json"]),
)
_sandbox = _some(
    mode=st.sampled_from(["off", "non-main", "all"]),
    scope=st.sampled_from(["session", "agent", "shared"]),
    workspaceAccess=st.sampled_from(["none", "ro", "rw"]),
    workspaceRoot=st.sampled_from(["~/s", "/s"]),
    docker=_docker,
    browser=_some(enabled=st.booleans(), cdpPort=st.integers(1, 65535)),
    prune=_some(idleHours=st.integers(0, 99)),
)
_tools = _some(
    profile=st.sampled_from(["minimal", "full"]),
    allow=_lists,
    deny=_lists,
    sandbox=_some(tools=_some(alsoAllow=_lists, deny=_lists)),
    elevated=_some(
        enabled=st.booleans(), allowFrom=st.dictionaries(keys, st.lists(_texts | st.integers(), max_size=2))
    ),
    exec=_some(host=st.sampled_from(["sandbox", "auto"]), timeoutSec=st.integers(1, 9)),
)
_agent = st.fixed_dictionaries({"id": _texts}, optional={"sandbox": _sandbox, "tools": _tools})
configs = _some(
    agents=_some(defaults=_some(sandbox=_sandbox, model=values), list=st.lists(_agent, max_size=3)),
    tools=_tools,
    session=_some(scope=st.sampled_from(["global", "per-sender"]), mainKey=_texts),
    channels=values,
)

JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**400,
        "",
        "x",
        "${GONE}",
        "${HOME}",
        "~",
        "host",
        "unconfined",
        [],
        [None],
        {},
    ),
    *(
        {"$include": "openclaw.json"},
        {"$include": ["gone.json", 1]},
        {"a": {"$include": 5}},
        [[[]]],
        "\0\x1b[0m",
    ),
)
_NAMES = (
    "x",
    "",
    "$include",
    "sandbox",
    "docker",
    "allow",
    "alsoAllow",
    "agents",
    "entries",
    "env",
    "agent",
    "a\nb",
)


def damaged(value: Any, random: Random) -> Any:
    """A copy of `value` with one to four changes at random places."""
    holder = [copy.deepcopy(value)]
    for _ in range(random.randint(1, 4)):
        container: Any = holder
        while True:
            places = list(container) if isinstance(container, dict) else list(range(len(container)))
            key = random.choice(places)
            inner = container[key]
            if not isinstance(inner, (dict, list)) or not inner or random.random() < 0.3:
                break
            container = inner
        _damage(container, key, random)
    return holder[0]


def _damage(container: Any, key: Any, random: Random) -> None:
    kind = random.random()
    if kind < 0.5 or isinstance(container, list):
        container[key] = copy.deepcopy(random.choice(JUNK))
    elif kind < 0.7:
        container[random.choice(_NAMES)] = container.pop(key)
    else:
        container[random.choice(_NAMES)] = copy.deepcopy(random.choice(JUNK))
