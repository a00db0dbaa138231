"""The `tools` blocks of openclaw.json, global and of an agent, as pydantic types; see `schema`.

What decides about a sandbox is typed. Of the other keys that some release of OpenClaw knows the values pass,
so that only a key that none knows is refused.
"""

from __future__ import annotations

from typing import Literal

from pydantic import with_config
from typing_extensions import TypedDict

from openclaw_sandbox.config.schema_types import (
    CLOSED,
    Anything,
    NonNegative,
    Positive,
    TextOrNumber,
    Texts,
    Unjudged,
)


@with_config(CLOSED)
class ToolLists(TypedDict, total=False):
    """Which tools: the policy of a sandbox or of subagents."""

    allow: Texts
    alsoAllow: Texts
    deny: Texts


@with_config(CLOSED)
class ProviderTools(TypedDict, total=False):
    """Which tools, for one provider or model."""

    allow: Texts
    alsoAllow: Texts
    deny: Texts
    profile: Literal["minimal", "coding", "messaging", "full"]


@with_config(CLOSED)
class SandboxTools(TypedDict, total=False):
    """`tools.sandbox` and `tools.subagents`."""

    tools: ToolLists


@with_config(CLOSED)
class Elevated(TypedDict, total=False):
    """`tools.elevated`: the way out to the host."""

    enabled: bool
    allowFrom: dict[str, list[TextOrNumber]]


@with_config(CLOSED)
class ApplyPatch(TypedDict, total=False):
    """`tools.exec.applyPatch`."""

    enabled: bool
    workspaceOnly: bool
    allowModels: Texts


@with_config(CLOSED)
class Exec(TypedDict, total=False):
    """`tools.exec`."""

    host: Literal["sandbox", "gateway", "node", "auto"]
    mode: Literal["deny", "allowlist", "ask", "auto", "full"]
    security: Literal["deny", "allowlist", "full"]
    ask: Literal["off", "on-miss", "always"]
    node: str
    pathPrepend: Texts
    safeBins: Texts
    safeBinProfiles: Anything
    safeBinTrustedDirs: Texts
    strictInlineEval: Unjudged
    commandHighlighting: Unjudged
    grantExpiryDays: Unjudged
    reviewer: Unjudged
    backgroundMs: Positive
    timeoutSec: Positive
    timeoutSeconds: Positive
    cleanupMs: Positive
    notifyOnExit: bool
    notifyOnExitEmptySuccess: bool
    applyPatch: ApplyPatch


@with_config(CLOSED)
class AgentExec(Exec, total=False):
    """An agent's `tools.exec`."""

    approvalRunningNoticeMs: NonNegative


@with_config(CLOSED)
class ToolFiles(TypedDict, total=False):
    """`tools.fs`."""

    workspaceOnly: bool


@with_config(CLOSED)
class ToolSessions(TypedDict, total=False):
    """`tools.sessions`."""

    visibility: Literal["self", "tree", "agent", "all"]


@with_config(CLOSED)
class LoopDetectors(TypedDict, total=False):
    """`tools.loopDetection.detectors`."""

    genericRepeat: bool
    knownPollNoProgress: bool
    pingPong: bool


@with_config(CLOSED)
class LoopDetection(TypedDict, total=False):
    """`tools.loopDetection`; the unjudged keys are those of the releases between 2026.2.17 and 2026.9.6."""

    enabled: bool
    historySize: Positive
    warningThreshold: Positive
    criticalThreshold: Positive
    globalCircuitBreakerThreshold: Positive
    detectors: LoopDetectors
    genericRepeat: Unjudged
    knownPollNoProgress: Unjudged
    pingPong: Unjudged
    windowSize: Unjudged
    unknownToolThreshold: Unjudged
    postCompactionGuard: Unjudged


class _EveryTools(TypedDict, total=False):
    profile: Literal["minimal", "coding", "messaging", "full"]
    allow: Texts
    alsoAllow: Texts
    deny: Texts
    byProvider: dict[str, ProviderTools]
    toolsBySender: Anything
    sandbox: SandboxTools
    elevated: Elevated
    fs: ToolFiles
    loopDetection: LoopDetection
    codeMode: Unjudged
    github: Unjudged
    message: Anything
    swarm: Unjudged


@with_config(CLOSED)
class AgentTools(_EveryTools, total=False):
    """An agent's `tools`."""

    exec: AgentExec


@with_config(CLOSED)
class Tools(_EveryTools, total=False):
    """`tools`."""

    exec: Exec
    subagents: SandboxTools
    sessions: ToolSessions
    web: Anything
    media: Anything
    links: Anything
    agentToAgent: Anything
    toolSearch: Unjudged
    sessions_spawn: Unjudged
    updatePlan: Unjudged
