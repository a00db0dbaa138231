"""What OpenClaw's schema demands beyond types. Each rule bears anything at any place: it sees raw data."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agents import normalize_agent_id
from openclaw_sandbox.config.origin import dotted
from openclaw_sandbox.config.problems import Problem, nearest, shortened
from openclaw_sandbox.config.trim import trim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.config.origin import KeyPath

_KEYED_ID = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}", re.IGNORECASE | re.ASCII)

#: Old keys, and where their content lives now.
_LEGACY: Mapping[KeyPath, str] = {
    (
        "agent",
    ): "agents.defaults (and tools, tools.elevated, tools.exec, tools.sandbox.tools for those parts)",
    ("tools", "bash"): "tools.exec",
    ("routing", "agents"): "agents.list",
    ("routing", "defaultAgentId"): "agents.list[].default",
    ("routing", "agentToAgent"): "tools.agentToAgent",
}
#: Objects that may hold keys we do not know: the keys there that decide about the sandbox. A near miss of one
#: of them is an error, because passing it over would silently switch the sandbox off.
_GUARDED: tuple[tuple[KeyPath, tuple[str, ...]], ...] = (
    ((), ("agents", "tools", "session")),
    (("agents", "defaults"), ("sandbox", "workspace", "elevatedDefault")),
    (("session",), ("mainKey", "scope", "dmScope")),
)
_GUARDED_AGENT = ("sandbox", "tools", "workspace", "default")
_LETTERS_APART = 3


def rule_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything in `data` that breaks a rule, in no order."""
    yield from _legacy_keys(data)
    yield from _near_misses(data)
    yield from _agents(data)
    agents = [*_agent_paths(data)]
    for path in (("agents", "defaults"), *agents):
        docker = (*path, "sandbox", "docker")
        yield from _docker(_at(data, docker), docker)
    yield from _tools(_at(data, ("tools",)), ("tools",), "tools")
    for path in agents:
        yield from _tools(_at(data, (*path, "tools")), (*path, "tools"), "agent tools")


def _at(data: Any, path: KeyPath) -> Any:
    """The value at `path`, or None."""
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data


def _legacy_keys(data: Mapping[str, Any]) -> Iterator[Problem]:
    for path, target in _LEGACY.items():
        if _at(data, path) is not None:
            message = f"{dotted(path)} is a legacy key that OpenClaw no longer reads"
            yield Problem(
                path=path, message=message, hint=f"move it to {target}, or run: openclaw doctor --fix"
            )


def _near_misses(data: Mapping[str, Any]) -> Iterator[Problem]:
    keyed = _at(data, ("agents", "entries"))
    agents = [("agents", "entries", name) for name in keyed] if isinstance(keyed, dict) else []
    for parent, guarded in (*_GUARDED, *((path, _GUARDED_AGENT) for path in agents)):
        block = _at(data, parent)
        for key in block if isinstance(block, dict) else ():
            if key in guarded or (*parent, key) in _LEGACY:
                continue
            if meant := _near_miss(key, guarded):
                message, hint = f'unknown key "{shortened(key)}"', f"did you mean {dotted((*parent, meant))}?"
                yield Problem(path=parent, message=message, hint=hint, at=(*parent, key))


def _near_miss(key: str, guarded: tuple[str, ...]) -> str | None:
    # difflib costs some milliseconds to import: it judges only what nearly has the letters of a guarded key.
    letters = set(key.lower())
    if not any(len(letters ^ set(name.lower())) <= _LETTERS_APART for name in guarded):
        return None
    return nearest(key, guarded, cutoff=0.8)


def _agent_paths(data: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Every agent's entry, also one without an id."""
    listed, keyed = _at(data, ("agents", "list")), _at(data, ("agents", "entries"))
    for index in range(len(listed)) if isinstance(listed, list) else ():
        yield ("agents", "list", index)
    for name in keyed if isinstance(keyed, dict) else ():
        yield ("agents", "entries", name)


def _docker(docker: Any, path: KeyPath) -> Iterator[Problem]:
    """The security refinements of a `docker` block."""
    if not isinstance(docker, dict):
        return
    for key, blocked, hint in _BLOCKED_WORDS:
        value = docker.get(key)
        if isinstance(value, str) and trim(value).lower() == blocked:
            yield Problem(
                path=(*path, key), message=f'{key} "{blocked}" is blocked: it undoes the sandbox', hint=hint
            )
    binds = docker.get("binds")
    for index, bind in enumerate(binds if isinstance(binds, list) else ()):
        if isinstance(bind, str):
            yield from _bind(bind, (*path, "binds", index))


_BLOCKED_WORDS = (
    ("network", "host", 'use "none", or "bridge" where the sandbox needs the network'),
    ("seccompProfile", "unconfined", "name a profile file, or remove the key to get this tool's own profile"),
    ("apparmorProfile", "unconfined", "name an AppArmor profile, or remove the key"),
)


def _bind(bind: str, path: KeyPath) -> Iterator[Problem]:
    text = trim(bind)
    colon = text.find(":")
    source = trim(text if colon <= 0 else text[:colon])
    if not text:
        yield Problem(
            path=path, message="a bind must not be empty", hint='write "/host/path:/container/path:ro"'
        )
    elif not source.startswith("/"):
        message = f'the bind source "{shortened(source)}" is not an absolute path'
        yield Problem(path=path, message=message, hint='start it with "/": OpenClaw expands no "~" in binds')


def _tools(tools: Any, path: KeyPath, scope: str) -> Iterator[Problem]:
    """The rules of a `tools` block: contradicting lists, contradicting exec approvals."""
    if not isinstance(tools, dict):
        return
    yield from _lists(tools, path, scope)
    providers = tools.get("byProvider")
    for name, policy in (providers if isinstance(providers, dict) else {}).items():
        yield from _lists(policy, (*path, "byProvider", name), "tools.byProvider policy")
    for stage in ("sandbox", "subagents"):
        yield from _lists(_at(tools, (stage, "tools")), (*path, stage, "tools"), "tools policy")
    yield from _thresholds(tools.get("loopDetection"), (*path, "loopDetection"))
    exec_block = tools.get("exec")
    if isinstance(exec_block, dict) and "mode" in exec_block and exec_block.keys() & {"security", "ask"}:
        yield Problem(
            path=(*path, "exec", "mode"), message="exec.mode cannot be combined with security or ask"
        )


def _thresholds(loops: Any, path: KeyPath) -> Iterator[Problem]:
    """A warning comes before the critical point, and that before the breaker."""
    steps = ("warningThreshold", "criticalThreshold", "globalCircuitBreakerThreshold")
    for lower, upper in pairwise(steps if isinstance(loops, dict) else ()):
        below, above = loops.get(lower), loops.get(upper)
        if isinstance(below, int) and isinstance(above, int) and below >= above:
            yield Problem(path=(*path, upper), message=f"{upper} must be above {lower}")


def _lists(policy: Any, path: KeyPath, scope: str) -> Iterator[Problem]:
    if isinstance(policy, dict) and _filled(policy.get("allow")) and _filled(policy.get("alsoAllow")):
        yield Problem(
            path=path,
            message=f"{scope} cannot set both allow and alsoAllow in the same place",
            hint="merge alsoAllow into allow, or remove allow and use profile with alsoAllow",
            at=(*path, "alsoAllow"),
        )


def _filled(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _agents(data: Mapping[str, Any]) -> Iterator[Problem]:
    """The rules of the newer `agents.entries`."""
    keyed = _at(data, ("agents", "entries"))
    if not isinstance(keyed, dict):
        return
    path: KeyPath = ("agents", "entries")
    if _at(data, ("agents", "list")) is not None:
        message = "agents.list and agents.entries cannot both be set"
        yield Problem(
            path=("agents", "list"), message=message, hint="move every agent to agents.entries.<id>"
        )
    if not keyed:
        yield Problem(path=path, message="agents.entries is empty", hint="name an agent, or remove the key")
    seen: dict[str, str] = {}
    for agent_id in keyed:
        if not _KEYED_ID.fullmatch(agent_id):
            hint = "letters, digits, _ and - only, at most 64, and no - at the start"
            yield Problem(path=(*path, agent_id), message="invalid agent id", hint=hint)
        elif seen.setdefault(normalize_agent_id(agent_id), agent_id) != agent_id:
            first = seen[normalize_agent_id(agent_id)]
            yield Problem(path=(*path, agent_id), message=f'this is the same agent id as "{first}"')
    defaults = [
        name for name, entry in keyed.items() if isinstance(entry, dict) and entry.get("default") is True
    ]
    for name in defaults[1:]:
        message = f'only one agent can be the default, and "{defaults[0]}" already is'
        yield Problem(path=(*path, name, "default"), message=message)
