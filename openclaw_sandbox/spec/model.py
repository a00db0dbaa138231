"""ContainerSpec: what a container must be, for any engine. A value: equal specs make equal containers."""

from __future__ import annotations

import enum
from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class BindMount:
    """A host path in the container. The source must exist: engines never create it."""

    source: str
    destination: str
    read_only: bool
    #: The config key that asked for it, for messages ("workspaceAccess", "docker.binds[0]").
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsMount:
    """A tmpfs; options as mount(8) takes them, sizes in bytes."""

    destination: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UlimitSpec:
    """A resource limit by Docker's name; -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompSpec:
    """`profile` is the JSON text of the filter; None means the engine's own default."""

    name: str
    profile: str | None = field(default=None, repr=False)


class LogDriver(enum.Enum):
    """Where the main process's output goes. A sandbox's main process only sleeps: NONE loses nothing."""

    NONE = "none"
    JSON_FILE = "json-file"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """Container log: bounded by `max_bytes` x `max_files`."""

    driver: LogDriver = LogDriver.NONE
    max_bytes: int = 10 * 1024 * 1024
    max_files: int = 3
    labels: tuple[str, ...] = ()  # names of container labels that each record repeats


class RestartPolicy(enum.Enum):
    """What the engine does when the main process ends by itself. Docker's words."""

    NO = "no"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLimit:
    """Bytes or operations per second on one block device of the host."""

    device: str
    per_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpec:
    """Block I/O. `size_bytes` bounds the container's own layer, where the storage driver can.

    `volume_bytes`: the workspace's folder on the host is a file system of its own, of this size.
    """

    size_bytes: int | None = None
    volume_bytes: int | None = None
    read_bps: tuple[DeviceLimit, ...] = ()
    write_bps: tuple[DeviceLimit, ...] = ()
    read_iops: tuple[DeviceLimit, ...] = ()
    write_iops: tuple[DeviceLimit, ...] = ()
    weight: int | None = None  # 10 to 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec:
    """A port published on this host's loopback. `host_port` 0: one that is free."""

    container_port: int
    host_port: int = 0
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSpec:
    """A command that tells whether the sandbox is well; times in seconds."""

    command: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 5.0
    start_period_s: float = 0.0
    retries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container. Sizes in bytes; `cpus` in cores; unset limits are None and mean "no limit"."""

    name: str
    image: str
    command: tuple[str, ...]
    labels: Mapping[str, str]
    #: Labels that differ from one creation to the next and are no drift (`openclaw.createdAtMs`).
    volatile_labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    user: str  # numeric "uid:gid"
    workdir: str
    env: Mapping[str, str]
    mounts: tuple[BindMount, ...]
    tmpfs: tuple[TmpfsMount, ...]
    #: Paths of the image that nobody inside sees: files look empty, folders too. Missing ones stay missing.
    masked_paths: tuple[str, ...] = ()
    read_only_root: bool
    network: str
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()  # as resolv.conf(5) has them: "timeout:1"
    extra_hosts: tuple[str, ...] = ()
    cap_drop: tuple[str, ...]
    cap_add: tuple[str, ...] = ()
    no_new_privileges: bool = True
    seccomp: SeccompSpec
    apparmor: str | None = None
    pids_limit: int | None
    memory_bytes: int | None
    memory_swap_bytes: int | None
    memory_reservation_bytes: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpuset: str | None = None
    disk: DiskSpec = field(default_factory=DiskSpec)
    selinux_label: str | None = None
    ports: tuple[PortSpec, ...] = ()
    health: HealthSpec | None = None
    ulimits: tuple[UlimitSpec, ...] = ()
    shm_bytes: int
    init: bool = True
    restart: RestartPolicy = RestartPolicy.NO
    #: The keeper only sleeps: there is nothing to tidy up, so a stop need not wait.
    stop_signal: str = "SIGKILL"
    private_ipc: bool = True
    private_cgroup_namespace: bool = True
    runtime: str | None = None
    log: LogSpec = field(default_factory=LogSpec)
    #: The main process is the user's own command, with its stdin and perhaps a terminal.
    interactive: bool = False
    tty: bool = False
