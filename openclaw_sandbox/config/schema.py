"""The keys of openclaw.json that this tool understands, as pydantic types. Everything else is passed over.

The types are TypedDicts without defaults, because an unset key is silence and not a value. Keys that OpenClaw
added after 2026.2.17 stand beside the old ones; both spellings of a renamed key are accepted. What needs more
than a type is in `rules`.

Importing pydantic and building these types takes longer than all the rest of a start. So they are compiled:
after a change here, `scripts/compile_schemas.py` writes what pydantic made of them to `schema.core.json`, and
only that is loaded at run time (see `validate`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from openclaw_sandbox.config.schema_types import (
    CLOSED,
    OPEN,
    Anything,
    NonNegative,
    Positive,
    TextOrNumber,
    TextOrObject,
    TextOrTexts,
    Texts,
    Ulimit,
    Unjudged,
)
from openclaw_sandbox.config.tools_schema import AgentTools, Tools  # noqa: TC001 - pydantic reads them


@with_config(CLOSED)
class Docker(TypedDict, total=False):
    """`sandbox.docker`."""

    image: str
    containerPrefix: str
    workdir: str
    readOnlyRoot: bool
    tmpfs: Texts
    network: str
    user: str
    capDrop: Texts
    env: dict[str, str]
    setupCommand: TextOrTexts
    pidsLimit: Positive
    memory: TextOrNumber
    memorySwap: TextOrNumber
    cpus: Annotated[float, Field(gt=0)]
    gpus: str
    ulimits: dict[str, Ulimit]
    seccompProfile: str
    apparmorProfile: str
    dns: Texts
    extraHosts: Texts
    binds: Texts
    dangerouslyAllowReservedContainerTargets: bool
    dangerouslyAllowExternalBindSources: bool
    dangerouslyAllowContainerNamespaceJoin: bool


@with_config(CLOSED)
class Browser(TypedDict, total=False):
    """`sandbox.browser`."""

    enabled: bool
    image: str
    containerPrefix: str
    network: str
    cdpPort: Positive
    vncPort: Positive
    noVncPort: Positive
    cdpSourceRange: str
    headless: bool
    enableNoVnc: bool
    noVncEnabled: bool
    allowHostControl: bool
    autoStart: bool
    autoStartTimeoutMs: Positive
    binds: Texts


@with_config(CLOSED)
class Ssh(TypedDict, total=False):
    """`sandbox.ssh`, of the backend of that name."""

    target: str
    command: str
    workspaceRoot: str
    strictHostKeyChecking: bool
    updateHostKeys: bool
    identityFile: str
    certificateFile: str
    knownHostsFile: str
    identityData: str
    certificateData: str
    knownHostsData: str


@with_config(CLOSED)
class Prune(TypedDict, total=False):
    """`sandbox.prune`; 0 switches a rule off."""

    idleHours: NonNegative
    maxAgeDays: NonNegative


@with_config(CLOSED)
class Sandbox(TypedDict, total=False):
    """`agents.defaults.sandbox` and an agent's own `sandbox`: one schema for both."""

    mode: Literal["off", "non-main", "all"]
    backend: str
    workspaceAccess: Literal["none", "ro", "rw"]
    sessionToolsVisibility: Literal["spawned", "all"]
    scope: Literal["session", "agent", "shared"]
    perSession: bool
    workspaceRoot: str
    docker: Docker
    ssh: Ssh
    browser: Browser
    prune: Prune


class _EveryAgent(TypedDict, total=False):
    default: bool
    name: str
    workspace: str
    agentDir: str
    model: TextOrObject
    skills: Texts
    memorySearch: Anything
    humanDelay: Anything
    heartbeat: Anything
    identity: Anything
    groupChat: Anything
    subagents: Anything
    sandbox: Sandbox
    tools: AgentTools


@with_config(CLOSED)
class ListedAgent(_EveryAgent, total=False):
    """One element of `agents.list`."""

    id: Required[str]


@with_config(OPEN)
class KeyedAgent(_EveryAgent, total=False):
    """One value of `agents.entries`. Later releases added keys that are none of the sandbox's."""


@with_config(CLOSED)
class AgentDefaults(TypedDict, total=False):
    """`agents.defaults`: every key that a release knows; the values of those that are none of ours pass."""

    workspace: str
    skipBootstrap: bool
    elevatedDefault: Literal["off", "on", "ask", "full"]
    sandbox: Sandbox
    authInheritance: Unjudged
    blockStreamingBreak: Unjudged
    blockStreamingChunk: Unjudged
    blockStreamingCoalesce: Unjudged
    blockStreamingDefault: Unjudged
    bootstrapMaxChars: Unjudged
    bootstrapTotalMaxChars: Unjudged
    cliBackends: Unjudged
    compaction: Unjudged
    contextInjection: Unjudged
    contextLimits: Unjudged
    contextPruning: Unjudged
    contextTokens: Unjudged
    cwd: Unjudged
    decisionModel: Unjudged
    embeddedAgent: Unjudged
    envelopeElapsed: Unjudged
    envelopeTimestamp: Unjudged
    envelopeTimezone: Unjudged
    experimental: Unjudged
    fastModeDefault: Unjudged
    heartbeat: Unjudged
    humanDelay: Unjudged
    imageMaxDimensionPx: Unjudged
    imageModel: Unjudged
    imageQuality: Unjudged
    maxConcurrent: Unjudged
    mediaMaxMb: Unjudged
    mediaModels: Unjudged
    memorySearch: Unjudged
    model: Unjudged
    modelPolicy: Unjudged
    modelSelectionScope: Unjudged
    models: Unjudged
    params: Unjudged
    pdfMaxMb: Unjudged
    pdfMaxPages: Unjudged
    pdfModel: Unjudged
    reasoningDefault: Unjudged
    repoRoot: Unjudged
    sessionStore: Unjudged
    silentReply: Unjudged
    skills: Unjudged
    skipOptionalBootstrapFiles: Unjudged
    startupContext: Unjudged
    subagents: Unjudged
    systemAgent: Unjudged
    thinkingDefault: Unjudged
    timeFormat: Unjudged
    timeoutSeconds: Unjudged
    toolProgressDetail: Unjudged
    typingIntervalSeconds: Unjudged
    typingMode: Unjudged
    userTimezone: Unjudged
    utilityModel: Unjudged
    verboseDefault: Unjudged
    voiceModel: Unjudged


@with_config(CLOSED)
class Agents(TypedDict, total=False):
    """`agents`."""

    defaults: AgentDefaults
    list: list[ListedAgent]
    entries: dict[str, KeyedAgent]
    ownership: str


@with_config(CLOSED)
class Session(TypedDict, total=False):
    """`session`: every key that a release knows; the values of those that are none of the sandbox's pass."""

    mainKey: str
    scope: Literal["per-sender", "global"]
    dmScope: Literal["main", "per-peer", "per-channel-peer", "per-account-channel-peer"]
    store: str
    identityLinks: dict[str, list[str]]
    resetTriggers: Texts
    idleMinutes: Positive
    reset: Unjudged
    resetByType: Unjudged
    resetByChannel: Unjudged
    typingIntervalSeconds: Positive
    typingMode: Literal["never", "instant", "thinking", "message"]
    sendPolicy: Unjudged
    agentToAgent: Unjudged
    maintenance: Unjudged
    groupScope: Literal["main", "per-group"]
    notifyOnCreate: bool
    threadBindings: Unjudged
    sharing: Unjudged


@with_config(OPEN)
class Config(TypedDict, total=False):
    """openclaw.json."""

    agents: Agents
    tools: Tools
    session: Session


ROOT = Config
ADAPTER: TypeAdapter[Config] = TypeAdapter(Config)
