"""What happens when an agent calls a tool: each stage of OpenClaw's pipeline, and where the tool runs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy import tools as rules
from openclaw_sandbox.policy.model import ExecHost, ToolStage, WorkspaceAccess

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.policy.tools import ToolsConfig

_FILE_TOOLS = frozenset({"read", "write", "edit", "apply_patch", "image"})
_COMMAND_TOOLS = frozenset({"exec", "process"})


class Place(enum.Enum):
    """Where a tool's work is done."""

    SANDBOX = "sandbox"
    HOST = "host"  # the gateway's machine, as the gateway's user
    NODE = "node"  # a paired device
    GATEWAY = "gateway"  # inside OpenClaw itself: it touches no files of an agent


def _stage(key: str, block: Mapping[str, Any], origin: Origin | None) -> ToolStage | None:
    """One block's lists. `alsoAllow` without `allow` adds to everything."""
    allow, extra, deny = block.get("allow"), block.get("alsoAllow"), block.get("deny")
    wanted = list(allow) if allow else (["*"] if extra else [])
    stage = ToolStage(
        key=key,
        allow=rules.expand([*wanted, *(extra or ())]),
        deny=rules.expand(deny or ()),
        origin=origin,
    )
    return stage if stage.allow or stage.deny else None


def _profile_stage(config: ToolsConfig) -> ToolStage | None:
    """The agent's profile, else the global one; `full` and none restrict nothing."""
    for block, origin in ((config.agent, config.agent_origin), (config.shared, config.shared_origin)):
        profile = block.get("profile")
        if profile is None:
            continue
        members = rules.PROFILES.get(str(profile), ())
        if not members:
            return None
        extra = next((b["alsoAllow"] for b in (config.agent, config.shared) if b.get("alsoAllow")), ())
        allow = rules.expand([*members, *extra])
        return ToolStage(key=f"tools.profile={profile}", allow=allow, deny=(), origin=origin(("profile",)))
    return None


def _without_effect(stage: ToolStage) -> bool:
    """An early allow list that names no tool of OpenClaw's own is dropped: a typo locks nobody out."""
    return bool(stage.allow) and not any("*" in entry or entry in rules.CORE_TOOLS for entry in stage.allow)


def _early_stages(config: ToolsConfig) -> list[ToolStage]:
    found = [
        _profile_stage(config),
        _stage("tools", config.shared, config.shared_origin(())),
        _stage("agents.list[].tools", config.agent, config.agent_origin(())),
    ]
    return [
        ToolStage(key=s.key, allow=() if _without_effect(s) else s.allow, deny=s.deny, origin=s.origin)
        for s in found
        if s is not None
    ]


def _subagent_stage(config: ToolsConfig) -> ToolStage:
    block = config.shared.get("subagents")
    lists = (block or {}).get("tools") if isinstance(block, Mapping) else None
    own = lists if isinstance(lists, Mapping) else {}
    return ToolStage(
        key="tools.subagents.tools",
        allow=rules.expand(own.get("allow") or ()),
        deny=rules.expand([*rules.SUBAGENT_DENY, *(own.get("deny") or ())]),
        origin=config.shared_origin(("subagents", "tools")),
    )


def tool_stages(
    config: ToolsConfig, *, session_key: str, sandboxed: bool, sandbox: ToolStage
) -> tuple[ToolStage, ...]:
    """Every stage that applies to a session, in order. Rules by provider and by chat group are not in it."""
    stages = _early_stages(config)
    if sandboxed:
        stages.append(sandbox)
    if ":subagent:" in session_key.lower():
        stages.append(_subagent_stage(config))
    return tuple(stages)


def exec_host(config: ToolsConfig) -> ExecHost:
    """`tools.exec.host`, decided once: the agent's, else the global one, else `sandbox`."""
    for block, origin in ((config.agent, config.agent_origin), (config.shared, config.shared_origin)):
        settings = block.get("exec")
        host = settings.get("host") if isinstance(settings, Mapping) else None
        if host is not None:
            return ExecHost(setting=str(host), origin=origin(("exec", "host")))
    return ExecHost(setting="sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolVerdict:
    """The answer to "what if the agent calls this tool".

    `allowed`: the sandbox stage lets it through, as OpenClaw's own check says (it knows no aliases).
    `callable`: every stage does, and OpenClaw offers the tool at all. `place` is None if it is not callable.
    """

    tool: str
    allowed: bool
    callable: bool
    place: Place | None
    why: str
    fix: str
    origin: Origin | None = None
    stages: tuple[tuple[str, bool], ...] = ()


def _passes(stage: ToolStage, tool: str) -> bool:
    if rules.first_match(stage.deny, tool) is not None:
        return False
    wanted = (tool, "exec") if tool == "apply_patch" else (tool,)
    return not stage.allow or any(rules.first_match(stage.allow, name) for name in wanted)


def _blocked(stage: ToolStage, tool: str) -> tuple[str, str]:
    """(why, what to change) for the stage that stops a tool."""
    entry = rules.first_match(stage.deny, tool)
    if entry is not None:
        return f'"{entry}" in {stage.key}.deny stops it.', f'Remove "{entry}" from {stage.key}.deny.'
    return f"{stage.key}.allow does not name it.", f'Add "{tool}" to {stage.key}.allow.'


def _place(policy: EffectivePolicy, tool: str) -> tuple[Place, str]:
    sandboxed = policy.sandboxed_by_openclaw
    if tool in _COMMAND_TOOLS:
        return exec_place(policy.exec_host.setting, sandboxed=sandboxed)
    if tool in _FILE_TOOLS:
        if sandboxed:
            return Place.SANDBOX, "Files are read and written through the sandbox's mounts."
        return Place.HOST, "This session has no sandbox: files of the host are read and written."
    return Place.GATEWAY, "OpenClaw itself does this; no sandbox is involved."


def exec_place(setting: str, *, sandboxed: bool) -> tuple[Place, str]:
    """Where `exec` really runs. Without a sandbox `sandbox` means the host, and 2026.2.17 asks nobody."""
    if setting == "node":
        return Place.NODE, 'A paired device runs it, with approvals: tools.exec.host is "node".'
    if setting == "gateway":
        return Place.HOST, 'The host runs it, with approvals: tools.exec.host is "gateway".'
    if sandboxed:
        return Place.SANDBOX, "The container runs it."
    return Place.HOST, "The host runs it, and nobody is asked: this session has no sandbox."


def _missing_writer(policy: EffectivePolicy, tool: str) -> bool:
    """Under access `ro` OpenClaw does not offer the tools that write."""
    read_only = policy.workspace.access is WorkspaceAccess.RO
    return policy.sandboxed_by_openclaw and read_only and tool in rules.WRITERS


def judge_tool(policy: EffectivePolicy, name: str) -> ToolVerdict:
    """Would this call run, where, by which rule, and what to change."""
    tool = rules.normalize_tool(name)
    allowed = rules.is_allowed(name, allow=policy.tools.allow, deny=policy.tools.deny)
    passed = tuple((stage.key, _passes(stage, tool)) for stage in policy.tool_stages)
    stopping = next((stage for stage in policy.tool_stages if not _passes(stage, tool)), None)
    common: dict[str, Any] = {"tool": tool, "allowed": allowed, "stages": passed}
    if stopping is not None:
        why, fix = _blocked(stopping, tool)
        return ToolVerdict(**common, callable=False, place=None, why=why, fix=fix, origin=stopping.origin)
    if _missing_writer(policy, tool):
        why = "workspaceAccess is ro: OpenClaw does not offer tools that write."
        origin = policy.values["workspaceAccess"].origin
        fix = 'Set workspaceAccess to "rw" or "none".'
        return ToolVerdict(**common, callable=False, place=None, why=why, fix=fix, origin=origin)
    place, why = _place(policy, tool)
    return ToolVerdict(**common, callable=True, place=place, why=why, fix=_stop_hint(place))


def _stop_hint(place: Place) -> str:
    if place is Place.HOST:
        return 'To keep it off the host: agents.defaults.sandbox.mode "all", tools.exec.host "sandbox".'
    return ""
