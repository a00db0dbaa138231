"""EffectivePolicy to ContainerSpec. Pure: what the host must be asked for comes in as BuildContext."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from openclaw_sandbox import __version__
from openclaw_sandbox.policy.egress import proxy_environment
from openclaw_sandbox.policy.model import SeccompKind, WorkspaceAccess
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    DeviceLimit,
    DiskSpec,
    HealthSpec,
    LogDriver,
    LogSpec,
    PortSpec,
    SeccompSpec,
    TmpfsMount,
    UlimitSpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.policy.model import EffectivePolicy

#: The main process does nothing; commands come by exec. The reference uses the same words.
KEEPER = ("sleep", "infinity")
AGENT_MOUNT = "/agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What the policy cannot know: who owns the workspace, the filter's text, the moment."""

    user: str  # numeric "uid:gid"
    seccomp_profile: str | None  # JSON text; None for the engine's own
    created_at_ms: int
    #: Folders right under a shared workspace that belong to other scopes: the sandbox must not see into them.
    masked: tuple[str, ...] = ()
    #: The host's block devices that the sandbox writes to; only needed where rates are limited.
    devices: tuple[str, ...] = ()


def state_hash(state_dir: str) -> str:
    """Whose containers are these? The first 16 hex digits of SHA-256 of the absolute state folder."""
    return hashlib.sha256(state_dir.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def build_spec(policy: EffectivePolicy, context: BuildContext) -> ContainerSpec:
    """The container that `policy` promises."""
    hardening = policy.hardening
    return ContainerSpec(
        name=policy.container_name,
        image=hardening.image,
        command=KEEPER,
        labels={
            labels.SANDBOX: "1",
            labels.SESSION_KEY: policy.scope_key,
            labels.CONFIG_HASH: policy.config_hash,
            labels.STATE: state_hash(str(policy.state_dir)),
            labels.STATE_DIR: str(policy.state_dir),
        },
        volatile_labels={
            labels.CREATED_AT_MS: str(context.created_at_ms),
            labels.VERSION: __version__,  # an older container that is what it must be is replaced when idle
            labels.AGENT: policy.agent_id,  # agents that share a container must not replace each other's
        },
        user=context.user,
        workdir=hardening.workdir,
        env={**hardening.env, **(proxy_environment() if policy.egress else {})},
        mounts=_mounts(policy),
        tmpfs=(*_tmpfs(policy), *_masks(policy, context)),
        read_only_root=hardening.read_only_root,
        network=hardening.network,
        dns=hardening.dns,
        extra_hosts=hardening.extra_hosts,
        cap_drop=hardening.cap_drop,
        cap_add=hardening.cap_add,
        seccomp=_seccomp(policy, context),
        apparmor=hardening.apparmor,
        pids_limit=hardening.pids_limit,
        memory_bytes=hardening.memory_bytes,
        memory_swap_bytes=hardening.memory_swap_bytes,
        memory_reservation_bytes=hardening.memory_reservation_bytes,
        cpus=hardening.cpus,
        cpu_shares=hardening.cpu_shares,
        cpuset=hardening.cpuset,
        disk=_disk(policy, context),
        selinux_label=hardening.selinux_label,
        ports=tuple(
            PortSpec(container_port=p.container_port, host_port=p.host_port, protocol=p.protocol)
            for p in hardening.ports
        ),
        health=_health(policy),
        log=_log(policy),
        ulimits=tuple(UlimitSpec(name=u.name, soft=u.soft, hard=u.hard) for u in hardening.ulimits),
        shm_bytes=hardening.shm_bytes,
        runtime=hardening.runtime,
    )


def spec_hash(spec: ContainerSpec, image_id: str) -> str:
    """SHA-256 of everything that makes two containers different, except when they were made.

    Equal specs have equal hashes: what does not count for `==` does not count here.
    """
    return _digest([_plain(spec), image_id])


_LIMITS = (
    "pids_limit",
    "memory_bytes",
    "memory_swap_bytes",
    "memory_reservation_bytes",
    "cpus",
    "cpu_shares",
    "cpuset",
    "disk",
    "ulimits",
    "shm_bytes",
)
#: What belongs together when an operator asks what changed. A field that stands nowhere is "hardening".
_PARTS = {
    "image": ("image",),
    "environment": ("env", "workdir", "command"),
    "config": ("name", "labels"),
    "mounts": ("mounts", "tmpfs"),
    "capabilities": ("cap_drop", "cap_add"),
    "network": ("network", "dns", "extra_hosts", "ports"),
    "user": ("user",),
    "seccomp": ("seccomp",),
    "limits": _LIMITS,
}
_PART_OF = {field: part for part, fields_of_part in _PARTS.items() for field in fields_of_part}


def spec_parts(spec: ContainerSpec, image_id: str) -> dict[str, str]:
    """Each part of the spec with 8 hex digits of its hash: specs differ in the parts whose digits differ."""
    grouped: dict[str, list[Any]] = {"image": [image_id]}
    for name, value in _plain(spec).items():
        grouped.setdefault(_PART_OF.get(name, "hardening"), []).append([name, value])
    return {part: _digest(content)[:8] for part, content in sorted(grouped.items())}


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.compare}
    return value


def _mounts(policy: EffectivePolicy) -> tuple[BindMount, ...]:
    """The workspace, then the agent's own, then the binds; a later one wins a destination."""
    space, workdir = policy.workspace, policy.hardening.workdir
    mounts = [
        BindMount(
            source=str(space.workspace_dir),
            destination=workdir,
            # The reference leaves it writable under `ro`; here read-only means read-only.
            read_only=space.access is WorkspaceAccess.RO,
            key="workspaceAccess",
        )
    ]
    if space.access is WorkspaceAccess.RO and space.agent_workspace_dir != space.workspace_dir:
        mounts.append(
            BindMount(
                source=str(space.agent_workspace_dir),
                destination=AGENT_MOUNT,
                read_only=True,
                key="workspaceAccess",
            )
        )
    by_destination: dict[str, BindMount] = {mount.destination: mount for mount in mounts}
    for bind in policy.hardening.binds:
        by_destination[bind.destination] = BindMount(
            source=bind.source, destination=bind.destination, read_only=bind.read_only, key=bind.text
        )
    return tuple(sorted(by_destination.values(), key=lambda m: m.destination))  # a parent before its child


def _tmpfs(policy: EffectivePolicy) -> tuple[TmpfsMount, ...]:
    taken = {bind.destination for bind in policy.hardening.binds}  # a mount replaces a tmpfs at its target
    return tuple(
        TmpfsMount(destination=tmpfs.destination, options=tmpfs.options)
        for tmpfs in policy.hardening.tmpfs
        if tmpfs.destination not in taken
    )


#: An empty folder that nobody can write to; 4096 bytes is the least a tmpfs takes.
_MASK_OPTIONS = ("ro", "noexec", "nosuid", "nodev", "size=4096", "mode=0555")


def _masks(policy: EffectivePolicy, context: BuildContext) -> tuple[TmpfsMount, ...]:
    """A shared sandbox mounts the folder that holds every other scope's workspace; those are covered."""
    workdir = policy.hardening.workdir.rstrip("/")
    return tuple(
        TmpfsMount(destination=f"{workdir}/{name}", options=_MASK_OPTIONS) for name in sorted(context.masked)
    )


def limits_rates(policy: EffectivePolicy) -> bool:
    """Whether the spec needs to know block devices."""
    hardening = policy.hardening
    return any(
        value is not None
        for value in (hardening.disk_iops, hardening.disk_read_bps, hardening.disk_write_bps)
    )


def _disk(policy: EffectivePolicy, context: BuildContext) -> DiskSpec:
    hardening = policy.hardening

    def rates(per_second: int | None) -> tuple[DeviceLimit, ...]:
        if per_second is None:
            return ()
        return tuple(DeviceLimit(device=device, per_second=per_second) for device in context.devices)

    return DiskSpec(
        read_bps=rates(hardening.disk_read_bps),
        write_bps=rates(hardening.disk_write_bps),
        read_iops=rates(hardening.disk_iops),
        write_iops=rates(hardening.disk_iops),
        weight=hardening.disk_io_weight,
    )


def _health(policy: EffectivePolicy) -> HealthSpec | None:
    health = policy.hardening.health
    if health is None:
        return None
    return HealthSpec(
        command=health.command,
        interval_s=health.interval_s,
        timeout_s=health.timeout_s,
        retries=health.retries,
    )


def _log(policy: EffectivePolicy) -> LogSpec:
    log = policy.hardening.log
    if log is None:
        return LogSpec()
    return LogSpec(
        driver=LogDriver(log.driver), max_bytes=log.max_bytes, max_files=log.max_files, labels=log.labels
    )


def _seccomp(policy: EffectivePolicy, context: BuildContext) -> SeccompSpec:
    seccomp = policy.hardening.seccomp
    name = seccomp.path if seccomp.kind is SeccompKind.FILE and seccomp.path else seccomp.kind.value
    return SeccompSpec(name=name, profile=context.seccomp_profile)


def exec_env(policy: EffectivePolicy, extra: Mapping[str, str]) -> dict[str, str]:
    """What a command gets on top of the container's own environment: secrets, HOME, the caller's."""
    return {"HOME": policy.hardening.workdir, **policy.hardening.secret_env, **extra}
