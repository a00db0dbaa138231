"""What happens when an agent calls a tool: whether every stage lets it through, and where it runs."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy import tools as rules
from openclaw_sandbox.policy.model import WorkspaceAccess

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.policy.toolchain import Chain, ToolStage

_FILE_TOOLS = frozenset({"read", "write", "edit", "apply_patch", "image"})
_COMMAND_TOOLS = frozenset({"exec", "process"})


class Place(enum.Enum):
    """Where a tool's work is done."""

    SANDBOX = "sandbox"
    HOST = "host"  # the gateway's machine, as the gateway's user
    NODE = "node"  # a paired device
    GATEWAY = "gateway"  # inside OpenClaw itself: it touches no files of an agent


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolVerdict:
    """The answer to "what if the agent calls this tool".

    `allowed`: the sandbox stage lets it through, as OpenClaw's own check says (it knows no aliases).
    `callable`: every stage does, and OpenClaw offers the tool at all. `place` is None if it is not callable.
    `unknown`: rules that may come on top, and cannot be known from here.
    """

    tool: str
    allowed: bool
    callable: bool
    place: Place | None
    why: str
    fix: str
    origin: Origin | None = None
    stages: tuple[tuple[str, bool], ...] = ()
    unknown: tuple[str, ...] = ()


def _blocked(stage: ToolStage, tool: str) -> tuple[str, str, Origin | None]:
    """(why, what to change, where) for the stage that stops a tool."""
    entry = stage.deny.match(tool)
    rule = stage.allow if entry is None else stage.deny
    whole = " Nobody set that list: write it whole." if rule.built_in else ""
    if entry is None:
        return f"{stage.key} does not allow it.", f'Add "{tool}" to {rule.key}.{whole}', rule.origin
    return f'"{entry}" in {rule.key} stops it.', f'Remove "{entry}" from {rule.key}.{whole}', rule.origin


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


def judge_tool(policy: EffectivePolicy, chain: Chain, name: str) -> ToolVerdict:
    """Would this call run, where, by which rule, and what to change."""
    tool = rules.normalize_tool(name)
    allowed = rules.is_allowed(name, allow=policy.tools.allow, deny=policy.tools.deny)
    passed = tuple((stage.key, stage.passes(tool)) for stage in chain.stages)
    stopping = next((stage for stage in chain.stages if not stage.passes(tool)), None)
    common: dict[str, Any] = {"tool": tool, "allowed": allowed, "stages": passed, "unknown": chain.unknown}
    if stopping is not None:
        why, fix, origin = _blocked(stopping, tool)
        return ToolVerdict(**common, callable=False, place=None, why=why, fix=fix, origin=origin)
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
