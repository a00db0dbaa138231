"""The effective policy: the answer to "what may this session's sandbox do, and who said so".

Two halves meet here. `openclaw` is what OpenClaw's own runtime resolves from openclaw.json, in its own
spelling: it is hashed and printed as it is. `hardening` is what the container really gets: OpenClaw's values,
tightened by config.yml, with our built-in hardening where nobody said anything, in the engine's units.
"""

from __future__ import annotations

import enum
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.egress import EgressPolicy

T_co = TypeVar("T_co", covariant=True)


class Mode(enum.Enum):
    """Which sessions OpenClaw itself puts into a container."""

    OFF = "off"
    NON_MAIN = "non-main"
    ALL = "all"


class Scope(enum.Enum):
    """Who shares one container and one workspace."""

    SESSION = "session"
    AGENT = "agent"
    SHARED = "shared"


class WorkspaceAccess(enum.Enum):
    """What of the agent's own workspace the sandbox sees."""

    NONE = "none"
    RO = "ro"
    RW = "rw"


class Severity(enum.Enum):
    """How much a finding matters. Only ERROR stops `run`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something an operator should know about the policy. `code` is stable, `hint` is a command or a key."""

    code: str
    severity: Severity
    message: str
    hint: str = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[T_co]):
    """A value that one layer asked for and that did not win; the reason if it is not just precedence."""

    origin: Origin
    value: T_co
    why_lost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Generic[T_co]):
    """One effective value, who set it, and what it beat (lowest precedence first)."""

    key: str
    value: T_co
    origin: Origin
    overridden: tuple[Candidate[T_co], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host path made visible in the container. `text` is the entry as the config wrote it."""

    source: str
    destination: str
    read_only: bool
    text: str
    origin: Origin = field(compare=False)
    selinux_relabel: str = ""  # "z", "Z" or nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    """A tmpfs: `options` as mount(8) takes them, e.g. ("noexec", "nosuid", "nodev", "size=104857600")."""

    destination: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A resource limit by its Docker name (`nofile`, `nproc`, `core`, ...). -1 is unlimited."""

    name: str
    soft: int
    hard: int


class SeccompKind(enum.Enum):
    """Which syscall filter."""

    OURS = "openclaw-sandbox"  # the profile this tool ships
    ENGINE = "docker-default"  # the engine's own
    FILE = "file"  # a JSON file named by the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Seccomp:
    """The syscall filter; `path` is set for FILE. `blocked` names are refused on top, with EPERM."""

    kind: SeccompKind
    path: str | None = None
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChoice:
    """Container log: driver by Docker's name, bounded by `max_bytes` x `max_files`."""

    driver: str
    max_bytes: int
    max_files: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChoice:
    """A command that tells whether the sandbox is well; times in seconds."""

    command: tuple[str, ...]
    interval_s: float
    timeout_s: float
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A container port published on this host's loopback; `host_port` 0 takes a free one."""

    container_port: int
    host_port: int
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """What the container gets. Sizes in bytes, times in seconds, None where nothing limits."""

    image: str
    user: str | None  # as configured; None: decided from the workspace's owner, never root
    workdir: str
    env: Mapping[str, str]  # goes into the container
    secret_env: Mapping[str, str] = field(repr=False)  # injected at exec, shown nowhere
    read_only_root: bool
    tmpfs: tuple[Tmpfs, ...]
    network: str
    dns: tuple[str, ...]
    extra_hosts: tuple[str, ...]
    cap_drop: tuple[str, ...]
    cap_add: tuple[str, ...]
    seccomp: Seccomp
    apparmor: str | None
    pids_limit: int | None
    memory_bytes: int | None
    memory_swap_bytes: int | None  # memory plus swap, as Docker counts; -1 is unlimited
    cpus: float | None
    ulimits: tuple[Ulimit, ...]
    shm_bytes: int
    binds: tuple[Bind, ...]
    setup_command: str | None
    timeout_s: float | None  # per command; None: no limit
    runtime: str | None  # None: the engine's default
    #: Keys that the operator allows an engine not to enforce (`allow_unenforced` in config.yml).
    allow_unenforced: tuple[str, ...] = ()
    #: What only config.yml can say. Rates per second, sizes in bytes.
    memory_reservation_bytes: int | None = None
    cpu_shares: int | None = None
    cpuset: str | None = None
    disk_bytes: int | None = None
    workspace_volume: str | None = None  # "loop": the workspace is a file system of `disk_bytes` of its own
    disk_iops: int | None = None
    disk_read_bps: int | None = None
    disk_write_bps: int | None = None
    disk_io_weight: int | None = None
    selinux_label: str | None = None
    max_output_bytes: int | None = None
    log: LogChoice | None = None
    health: HealthChoice | None = None
    ports: tuple[Port, ...] = ()
    #: `file_access`: absolute container paths that nobody inside sees, and the only ones of the workspaces
    #: that are visible (None: all).
    hidden_paths: tuple[str, ...] = ()
    visible_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Host folders. `workspace_dir` is what the working directory shows; see `access` for the rest."""

    root: Path
    workspace_dir: Path
    agent_workspace_dir: Path
    sandbox_dir: Path  # the sandbox's own folder; equals workspace_dir unless access is rw
    access: WorkspaceAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPolicy:
    """The sandbox stage of OpenClaw's tool policy, groups expanded. `sources` name who set each list."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    allow_source: Mapping[str, str]  # {"source": "agent|global|default", "key": ...}
    deny_source: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecHost:
    """`tools.exec.host` as it counts for this agent, and who set it (None: nobody)."""

    setting: str = "sandbox"
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElevatedPolicy:
    """The gates of elevated exec, as OpenClaw's `explain` prints them (camelCase keys in `wire`)."""

    enabled: bool
    channel: str | None
    allowed_by_config: bool
    always_allowed_by_config: bool
    wire: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy:
    """Everything that is decided before an engine is asked.

    `openclaw` is the reference's resolved sandbox config: {mode, scope, workspaceAccess, workspaceRoot,
    docker, browser, tools, prune}, absent values left out, real values of variables (mask before showing).
    `values` holds every effective value by its key (`docker.memory`, `mode`, ...) for `explain`.
    """

    agent_id: str
    session_key: str
    main_session_key: str
    mode: Mode
    scope: Scope
    sandboxed_by_openclaw: bool  # what OpenClaw itself would do with this session
    enabled: bool  # `enabled: false` in config.yml makes `run` refuse
    state_dir: Path
    config_file: str | None
    scope_key: str
    slug: str
    container_name: str
    container_prefix: str
    config_hash: str
    workspace: Workspace
    openclaw: Mapping[str, Any] = field(repr=False)
    hardening: Hardening
    tools: ToolPolicy
    elevated: ElevatedPolicy
    prune_idle_hours: int
    prune_max_age_days: int
    values: Mapping[str, Resolved[Any]] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    exec_host: ExecHost = ExecHost()
    egress: EgressPolicy | None = None  # None: no way out through a gateway
