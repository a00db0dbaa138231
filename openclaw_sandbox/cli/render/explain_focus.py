"""`explain --tool`, `--path` and `--key`: one question, one short answer, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.explain_json import place, value_document
from openclaw_sandbox.cli.render.explain_text import show_value, shown, where
from openclaw_sandbox.cli.render.layout import columns_of, width
from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.config.origin import BUILT_IN, dotted
from openclaw_sandbox.config.secret_text import is_secret_name
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.policy.agents import configured_agents, find_agent
from openclaw_sandbox.policy.model import Resolved
from openclaw_sandbox.policy.paths import MountKind
from openclaw_sandbox.policy.tighten import LIMITS
from openclaw_sandbox.policy.toolcall import Place, judge_tool
from openclaw_sandbox.policy.toolchain import tool_chain

if TYPE_CHECKING:
    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.policy.paths import MappedPath

Answer = tuple[dict[str, Any], str]

_PLACES = {
    Place.SANDBOX: "in the sandbox",
    Place.HOST: "on the host",
    Place.NODE: "on a paired device",
    Place.GATEWAY: "in OpenClaw itself",
}


def about_tool(view: View, name: str, *, provider: str | None = None, model: str | None = None) -> Answer:
    """Would this call run, where, by which rule, and what to change."""
    if not name.strip():
        raise UsageError("--tool needs a name.", hint="For instance: --tool exec")
    chain = tool_chain(view.config, view.policy, provider=provider, model=model)
    verdict = judge_tool(view.policy, chain, name)
    document = {
        "agentId": view.policy.agent_id,
        "sessionKey": view.policy.session_key,
        "tool": verdict.tool,
        "allowed": verdict.allowed,
        "callable": verdict.callable,
        "runsOn": verdict.place.value if verdict.place else None,
        "why": verdict.why,
        "fix": verdict.fix,
        "origin": place(verdict.origin),
        "stages": [{"stage": stage, "passes": passes} for stage, passes in verdict.stages],
        "model": {
            "provider": chain.model.provider,
            "name": chain.model.name,
            "origin": place(chain.model.origin),
        },
        "unknown": list(verdict.unknown),
    }
    answer = f"runs {_PLACES[verdict.place]}" if verdict.place else "is not available"
    lines = [f"{printable(verdict.tool)} {answer}: {verdict.why}"]
    source = where(verdict.origin, view, with_key=True)
    lines += [f"  set at: {source}"] if source and not verdict.callable else []
    lines += [f"  fix: {verdict.fix}"] if verdict.fix else []
    passed = ", ".join(f"{stage}: {'yes' if ok else 'no'}" for stage, ok in verdict.stages)
    lines += [f"  stages: {passed}"] if passed else []
    lines += [f"  not known: {text}" for text in verdict.unknown]
    return document, printable("\n".join(lines))


def _mapped(mapped: MappedPath | None) -> dict[str, Any]:
    if mapped is None:
        return {"visible": False, "writable": False}
    return {
        "visible": mapped.visible,
        "containerPath": mapped.container_path,
        "hostPath": mapped.host_path,
        "relativePath": mapped.relative_path,
        "writable": mapped.writable,
        "source": mapped.mount.kind.value,
        "mount": mapped.mount.key,
    }


def _inside_sentence(mapped: MappedPath) -> str:
    if not mapped.visible:
        return f"hidden from commands and file tools by {mapped.mount.key}"
    rights = "read and write" if mapped.writable else "read, not write"
    kind = mapped.mount.kind
    if kind is MountKind.IMAGE:
        return f"the image's own file, not the host's; commands can {rights}"
    if kind is MountKind.TMPFS:
        return f"in memory (tmpfs {mapped.mount.destination}), gone with the container; commands can {rights}"
    return f"{mapped.host_path} on the host ({kind.value}); exec and file tools can {rights}"


def about_path(view: View, text: str) -> Answer:
    """What a path is inside the container, and whether the host's path of that name is visible there."""
    if not text.strip() or "\0" in text:
        raise UsageError("--path needs a path.", hint="For instance: --path /workspace/notes.md")
    tool = view.paths.resolve(text)
    document: dict[str, Any] = {"path": text, "tool": _mapped(tool)}
    path = text.strip()
    if not path.startswith("/"):
        lines = [f"{path}, as a file tool takes it:", f"  {_tool_sentence(tool)}"]
        return document, printable("\n".join(lines))
    inside, outside = view.paths.inside(path), _seen_from_host(view, path)
    document |= {"inside": _mapped(inside), "onHost": _mapped(outside)}
    host = "not visible in the sandbox"
    if outside is not None:
        rights = "read-write" if outside.writable else "read-only"
        host = f"{outside.container_path} in the sandbox, {rights}"
    lines = [f"{path} in the sandbox is {_inside_sentence(inside)}.", f"{path} of the host is {host}."]
    return document, printable("\n".join(lines))


def _seen_from_host(view: View, path: str) -> MappedPath | None:
    """As written, else after the host's symlinks."""
    return view.paths.from_host(path) or view.paths.from_host(view.host.realpath(path))


def _tool_sentence(mapped: MappedPath | None) -> str:
    if mapped is None:
        return "outside of the sandbox: no tool can use it"
    return f"{mapped.container_path}: {_inside_sentence(mapped)}"


def _matching(view: View, key: str) -> list[Resolved[Any]]:
    """The values a user means: by full name, by path in a file, by last part, or a whole block."""
    values = view.policy.values
    name = _name_in_policy(key)
    limit = next((limit for limit in LIMITS if limit.key == name), None)
    if limit is not None and name not in values:  # nobody set it in config.yml: what counts in its place
        return [values.get(limit.value_key) or Resolved(key=name, value=None, origin=BUILT_IN)]
    if name in values:
        return [values[name]]
    below = [value for found, value in sorted(values.items()) if found.startswith(f"{name}.")]
    found = below or _written(view, name)
    return found if found or name.startswith("tools.") else _by_last_part(values, name)


def _name_in_policy(key: str) -> str:
    """A key as a file spells it, without what leads to the sandbox's block there."""
    name = key.strip().removeprefix("agents.defaults.")
    if name.startswith(("agents.list", "agents.entries")) and ".sandbox." in name:
        return name.partition(".sandbox.")[2]
    parts = name.removeprefix("sandbox.").split(".")
    return ".".join(parts[2:] if parts[0] == "agents" and len(parts) > 2 else parts)


def _by_last_part(values: Mapping[str, Resolved[Any]], name: str) -> list[Resolved[Any]]:
    return [value for found, value in sorted(values.items()) if found.endswith(f".{name}")]


#: What decides about tools and sessions stands in openclaw.json and is no value of the sandbox.
_WRITTEN = ("tools", "session")


def _written(view: View, name: str) -> list[Resolved[Any]]:
    """A key of these blocks as the file has it: the agent's own beside the one for all agents."""
    path = tuple(name.split("."))
    if path[0] not in _WRITTEN:
        return []
    agent = find_agent(configured_agents(view.config.data), view.policy.agent_id)
    found = []
    for place_of_block, data in (((), view.config.data), (agent.path, agent.data)):
        value: Any = data
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None and not is_secret_name(path[-1]):
            full = (*place_of_block, *path)
            found.append(Resolved(key=dotted(full), value=value, origin=view.config.origin_of(full)))
    return found


def about_key(view: View, key: str) -> Answer:
    """One value (or one block of them): what it is, who set it, and what it beat."""
    found = _matching(view, key) if key.strip() else []
    if not found:
        raise UsageError(f'There is no key "{key}" in the policy.', hint=_suggest(view, key))
    documents = {value.key: value_document(value, view.redactor) for value in found}
    lines = [line for value in found for line in _key_lines(view, value)]
    if len(found) == 1:
        return {"key": found[0].key, **documents[found[0].key]}, "\n".join(lines)
    return {"values": documents}, "\n".join(lines)


def _suggest(view: View, key: str) -> str:
    from difflib import get_close_matches

    names = list(view.policy.values)
    near = get_close_matches(key.strip(), [*names, *(name.rpartition(".")[2] for name in names)], n=1)
    return f"Did you mean {near[0]}?" if near else "See all of them: openclaw-sandbox explain --all"


def _key_lines(view: View, value: Resolved[Any]) -> list[str]:
    rows = [(shown(value, view), where(value.origin, view, with_key=True), "counts")]
    rows += [
        (
            show_value(value.key, c.value, view),
            where(c.origin, view, with_key=True),
            c.why_lost or "overridden",
        )
        for c in reversed(value.overridden)
    ]
    return [printable(value.key), *columns_of([(a, c, b) for a, b, c in rows], total=width())]
