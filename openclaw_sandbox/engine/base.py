"""What a backend must do. tests/contract holds every backend to this text.

Every call takes or has a deadline in seconds; when it passes, EngineHangingError is raised and what the call
would have made is unknown, which the caller must assume to exist.
"""

from __future__ import annotations

import enum
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_sandbox.spec.model import ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What the engine says about itself and its host. None: it did not say."""

    name: str
    version: str
    api_version: str
    cgroup_version: int | None
    cgroup_driver: str
    storage_driver: str
    root_dir: str
    operating_system: str
    architecture: str
    kernel: str
    cpus: int
    memory_bytes: int
    rootless: bool
    userns_remapped: bool
    apparmor: bool
    selinux: bool
    seccomp: bool
    #: Limits that this engine really enforces, by our key: "memory", "pids", "cpus", "swap", ...
    enforced_limits: frozenset[str]
    #: Hard limits that no container of this engine can exceed, by ulimit name.
    ulimit_ceilings: Mapping[str, int] = field(default_factory=dict)
    runtimes: tuple[str, ...]
    #: A runtime's own arguments, where the engine tells them.
    runtime_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_runtime: str
    warnings: tuple[str, ...]
    #: Whether its storage driver can bound what a container writes beside its mounts.
    layer_quota: bool = False
    log_driver: str = ""
    live_restore: bool = False
    #: Versions of the engine's parts, by its own names: "containerd", "runc", "docker-init".
    components: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """An image in the local store. `id` is content-addressed: `sha256:...`; `created_at` is RFC 3339."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size_bytes: int
    created_at: str
    architecture: str
    user: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMount:
    """A mount as the engine reports it."""

    kind: str  # bind, volume, tmpfs
    source: str
    destination: str
    read_only: bool


class ContainerState(enum.Enum):
    """Docker's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A container that exists. From `list` only the fields above the line are filled, from `inspect` all.

    `mounts` come from both; `size_bytes`, what the container has written beside its mounts, from a `list`
    that was asked for sizes.
    """

    id: str
    name: str
    image: str  # the reference it was created from
    image_id: str
    labels: Mapping[str, str]
    state: ContainerState
    created_at_ms: int
    mounts: tuple[ObservedMount, ...] = ()
    size_bytes: int | None = None
    # ---- inspect only
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    started_at: str = ""
    finished_at: str = ""
    exec_ids: tuple[str, ...] = ()  # execs that are running now
    #: The engine's own inspect document, for `explain --live` and `verify`.
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def running(self) -> bool:
        """Whether a command can be executed in it now."""
        return self.state is ContainerState.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """A command in a running container. `env` may hold secrets: only the engine sees it."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    workdir: str | None = None
    user: str | None = None
    tty: bool = False
    stdin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecStatus:
    """`exit_code` is None while it runs; `pid`, on the engine's host, is 0 until its process is there."""

    running: bool
    exit_code: int | None
    pid: int

    @property
    def starting(self) -> bool:
        """Whether the engine is about to start it."""
        return self.running and self.pid == 0


class Sink(Protocol):
    """Where a stream's bytes go. May block: that is the back-pressure. May raise OSError: nobody listens."""

    def __call__(self, data: memoryview, /) -> None: ...


class Stream(Protocol):
    """The open streams of one command. One thread may `pump` while another writes or closes."""

    def pump(self, stdout: Sink, stderr: Sink) -> None:
        """Deliver output as it comes until the stream ends. With a terminal all of it is stdout.

        Raises:
            EngineLostError: the stream broke before its end.
            OSError: a sink failed; the command still runs.
        """
        ...

    def write(self, data: bytes) -> bool:
        """Send stdin. False: the command no longer reads."""
        ...

    def close_stdin(self) -> None:
        """End of input."""
        ...

    def resize(self, *, rows: int, columns: int) -> bool:
        """New size of the terminal; True without one. False: the command has not started, or has ended."""
        ...

    def set_deadline(self, timeout_s: float | None) -> None:
        """Seconds of silence after which `pump` raises EngineHangingError; None waits for ever."""
        ...

    def close(self) -> None:
        """Drop the connection. This does not end the command."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedExec:
    """A command that was started in a container, and its streams."""

    exec_id: str
    stream: Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecOutput:
    """A finished, captured exec. `truncated`: more came than was asked for."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    """A network of the engine. `subnets` in CIDR notation."""

    id: str
    name: str
    internal: bool
    subnets: tuple[str, ...]
    labels: Mapping[str, str]
    options: Mapping[str, str]


class Networks(Protocol):
    """Networks of one engine."""

    def find(self, name: str) -> NetworkInfo | None:
        """The network of this name or id; None if there is none."""
        ...

    def create(
        self, name: str, *, subnet: str, options: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """Make a bridge network.

        Raises:
            NetworkTakenError: the name is taken, or the subnet overlaps that of another network.
        """
        ...

    def remove(self, name: str) -> bool:
        """Remove it. False: it is gone already, or in use."""
        ...


class Engine(Protocol):
    """Container operations of one engine."""

    #: How a human finds this engine: the socket or URL.
    address: str
    #: True if a host path in a bind mount means this machine's path.
    local: bool

    @property
    def networks(self) -> Networks:
        """Its networks."""
        ...

    def info(self) -> EngineInfo:
        """Raises EngineUnavailableError (one of its four kinds) if the engine does not answer."""
        ...

    def image(self, reference: str) -> ImageInfo | None:
        """The local image of this name or id; None if there is none. Nothing is pulled."""
        ...

    def create(self, spec: ContainerSpec, *, labels: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        """Create the container with `labels` on top of the spec's; do not start it.

        Returns the id and the engine's warnings ("... discarded").

        Raises:
            ImageMissingError: `spec.image` is not in the local store. No pull is tried.
            SpecRefusedError: the engine refused a field of `spec`. Nothing was made.
            SandboxConflictError: the name is taken.
        """
        ...

    def start(self, container_id: str, *, timeout_s: float | None = None) -> None:
        """Start it; already running is fine. `timeout_s`: instead of the engine's own deadline.

        Raises:
            EngineHangingError: it took too long, and may still be starting.
            SpecRefusedError: the runtime refused (a limit, a mount, the profile). The container still exists.
        """
        ...

    def inspect(self, name_or_id: str) -> Observed | None:
        """Everything about one container; None if there is none."""
        ...

    def list(
        self, *, labels: Sequence[str] = (), all_states: bool = True, sizes: bool = False
    ) -> list[Observed]:
        """All containers that carry every label ("key" or "key=value"), in one call. Sizes take long."""
        ...

    def remove(self, container_id: str, *, force: bool = False) -> bool:
        """Remove it with its anonymous volumes. False: it was already gone or going."""
        ...

    def rename(self, container_id: str, name: str) -> None:
        """Give it another name. Raises SandboxConflictError if that is taken."""
        ...

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> Stream:
        """The streams of the main process; attach before `start` to miss nothing."""
        ...

    def kill(self, container_id: str, *, signal: str = "KILL") -> None:
        """Signal the main process; not running is fine."""
        ...

    def wait(self, container_id: str, *, timeout_s: float | None) -> int:
        """The main process's exit status. Raises EngineHangingError after `timeout_s`."""
        ...

    def logs(self, container_id: str, stdout: Sink, stderr: Sink, *, follow: bool, tail: int | None) -> None:
        """Deliver what the main process wrote: the last `tail` lines, then with `follow` until it ends.

        Raises:
            EngineError: there is no such container, or it keeps no log.
        """
        ...

    def stop(self, container_id: str, *, grace_s: float) -> None:
        """Ask the main process to end, kill it after `grace_s` seconds; not running is fine."""
        ...

    def oom_seen(self, container_id: str, *, since_s: float, until_s: float) -> bool:
        """Whether the kernel killed a process of it for memory between two moments (seconds since 1970)."""
        ...

    def exec_start(self, container_id: str, spec: ExecSpec) -> StartedExec:
        """Start a command. Raises SandboxGoneError if the container is not running, paused or gone."""
        ...

    def exec_status(self, exec_id: str) -> ExecStatus:
        """State of a command that was started."""
        ...

    def exec_capture(
        self, container_id: str, spec: ExecSpec, *, timeout_s: float, limit_bytes: int = 1 << 20
    ) -> ExecOutput:
        """Run a short helper to its end. Raises EngineHangingError after `timeout_s`; it then still runs."""
        ...
