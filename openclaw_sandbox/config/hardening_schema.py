"""The keys of config.yml, as pydantic types; compiled like those of `schema`, which explains it.

Types only: which texts are a size, a time or a capability is judged by `measures`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from openclaw_sandbox.config.schema_types import CLOSED, Expected

Size = Annotated[str | float, Expected('a size such as "512m" or "2gb"')]
Rate = Annotated[str | float, Expected('a size per second such as "10mb"')]
Count = Annotated[str | int, Expected("a whole number")]
Number = Annotated[str | float, Expected("a number")]
Duration = Annotated[str | float, Expected('seconds, or a time such as "5m"')]
CpuSet = Annotated[str | int | list[str | int], Expected('processors such as "0,1"')]
Command = Annotated[str | list[str], Expected("a command: text, or a list of words")]


@with_config(CLOSED)
class ResourceLimits(TypedDict, total=False):
    """`resource_limits`."""

    memory: Size
    memory_swap: Size
    memory_reservation: Size
    cpus: Number
    cpu_shares: Count
    cpuset: CpuSet
    pids: Count
    disk: Size
    disk_iops: Count
    disk_io_weight: Count


@with_config(CLOSED)
class Mount(TypedDict, total=False):
    """One element of `mounts`; without a mode it is read-only."""

    source: Required[str]
    target: Required[str]
    mode: Literal["ro", "rw"]


@with_config(CLOSED)
class Logging(TypedDict, total=False):
    """`logging`: what this tool records of the commands."""

    enabled: bool
    level: Literal["debug", "info", "warning", "error"]
    capture_stdout: bool
    capture_stderr: bool
    max_output_size: Size
    audit_trail: str


@with_config(CLOSED)
class Log(TypedDict, total=False):
    """`log`: the engine's log of the container."""

    driver: Literal["json-file", "local", "none"]
    max_size: Size
    max_file: Count
    labels: list[str]


@with_config(CLOSED)
class HealthCheck(TypedDict, total=False):
    """`health_check`."""

    command: Required[Command]
    interval: Duration
    timeout: Duration
    retries: Count


@with_config(CLOSED)
class PortParts(TypedDict, total=False):
    """One element of `ports`, in parts."""

    container: Required[Count]
    host: Count
    protocol: Literal["tcp", "udp", "sctp"]
    address: str


@with_config(CLOSED)
class UlimitPair(TypedDict, total=False):
    """One value of `ulimits`, in parts."""

    soft: Count
    hard: Count


@with_config(CLOSED)
class FileAccess(TypedDict, total=False):
    """`file_access`."""

    allowed_paths: list[str]
    deny_paths: list[str]


Port = Annotated[
    str | int | PortParts, Expected('a port such as 8080 or "8080:80", or {container, host, protocol}')
]
Ulimit = Annotated[str | int | UlimitPair, Expected('a limit such as 1024 or "1024:2048", or {soft, hard}')]


@with_config(CLOSED)
class Block(TypedDict, total=False):
    """What the file says for every agent, or for one."""

    enabled: bool
    engine: str
    default_image: str
    timeout: Duration
    runtime: str
    resource_limits: ResourceLimits
    workspace_volume: Literal["loop", "none"]
    network_policy: Literal["deny-by-default"]
    allowed_hosts: list[str]
    denied_hosts: list[str]
    drop_capabilities: list[str]
    keep_capabilities: list[str]
    mounts: list[Mount]
    blocked_paths: list[str]
    selinux_label: str
    apparmor_profile: str
    readonly_root: bool
    writable_tmpfs: bool
    tmpfs_size: Size
    seccomp_profile: str
    blocked_syscalls: list[str]
    logging: Logging
    ulimits: dict[str, Ulimit]
    disk_read_bps: Rate
    disk_write_bps: Rate
    file_access: FileAccess
    allow_unenforced: list[str]
    log: Log
    health_check: HealthCheck
    ports: list[Port]


@with_config(CLOSED)
class Sandbox(Block, total=False):
    """`sandbox`."""

    agents: dict[str, Block]


@with_config(CLOSED)
class HardeningFile(TypedDict, total=False):
    """config.yml."""

    sandbox: Sandbox


ROOT = HardeningFile
ADAPTER: TypeAdapter[HardeningFile] = TypeAdapter(HardeningFile)
