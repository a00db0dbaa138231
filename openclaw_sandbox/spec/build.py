"""EffectivePolicy to ContainerSpec. Pure: what the host must be asked for comes in as BuildContext."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from openclaw_sandbox import __version__
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.model import SeccompKind
from openclaw_sandbox.policy.mounts import Mount, MountKind, mounts_of
from openclaw_sandbox.policy.volume import volume_bytes
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
    from openclaw_sandbox.policy.model import EffectivePolicy, Ulimit

#: The main process does nothing; commands come by exec. The reference uses the same words.
KEEPER = ("sleep", "infinity")


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
    #: The denied container paths that are files, and the empty file of the host that covers them.
    hidden_files: frozenset[str] = frozenset()
    empty_file: str = ""


def state_hash(state_dir: str) -> str:
    """Whose containers are these? The first 16 hex digits of SHA-256 of the absolute state folder."""
    return hashlib.sha256(state_dir.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def build_spec(policy: EffectivePolicy, context: BuildContext) -> ContainerSpec:
    """The container that `policy` promises."""
    hardening, mounts = policy.hardening, mounts_of(policy)
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
        env={**hardening.env, **_way_out(policy)},
        mounts=_binds(mounts, context),
        tmpfs=_tmpfs(mounts, policy, context),
        masked_paths=tuple(mount.destination for mount in mounts if mount.kind is MountKind.HIDDEN),
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
        ulimits=_ulimits(hardening.ulimits),
        shm_bytes=hardening.shm_bytes,
        runtime=hardening.runtime,
    )


@lru_cache(maxsize=64)
def _ulimits(ulimits: tuple[Ulimit, ...]) -> tuple[UlimitSpec, ...]:
    return tuple(UlimitSpec(name=u.name, soft=u.soft, hard=u.hard) for u in ulimits)


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
    "mounts": ("mounts", "tmpfs", "masked_paths"),
    "capabilities": ("cap_drop", "cap_add"),
    "network": ("network", "dns", "dns_options", "extra_hosts", "ports"),
    "user": ("user",),
    "seccomp": ("seccomp",),
    "limits": _LIMITS,
}
_PART_OF = {field: part for part, fields_of_part in _PARTS.items() for field in fields_of_part}
_COMPARED = [f.name for f in fields(ContainerSpec) if f.compare]
#: What counts when two specs are compared, by part; worked out once: `list` asks for each container.
_FIELDS = {
    part: tuple(name for name in _COMPARED if _PART_OF.get(name, "hardening") == part)
    for part in sorted({*_PARTS, "hardening"})
}


def spec_hashes(spec: ContainerSpec, image_id: str) -> tuple[str, dict[str, str]]:
    """The hash of everything that makes two containers different, except when they were made; and by part.

    Equal specs have equal hashes: what does not count for `==` does not count here. Of a part 8 hex digits
    tell whether it differs.
    """
    digests = {
        part: _digest(part, image_id if part == "image" else "", _values(spec, names))
        for part, names in _FIELDS.items()
    }
    text = " ".join(f"{part}={digest}" for part, digest in digests.items())
    whole = hashlib.sha256(text.encode()).hexdigest()
    return whole, {part: digest[:8] for part, digest in digests.items()}


def spec_hash(spec: ContainerSpec, image_id: str) -> str:
    """The whole one of `spec_hashes`."""
    return spec_hashes(spec, image_id)[0]


def spec_parts(spec: ContainerSpec, image_id: str) -> dict[str, str]:
    """The parts of `spec_hashes`."""
    return spec_hashes(spec, image_id)[1]


def _values(spec: ContainerSpec, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple([_frozen(getattr(spec, name)) for name in names])


#: Asked before Mapping, which is slow to answer no.
_FROZEN = (str, int, float, tuple, type(None))


def _frozen(value: Any) -> Any:
    if isinstance(value, _FROZEN) or not isinstance(value, Mapping):
        return value
    return tuple(sorted(value.items()))


@lru_cache(maxsize=1024)
def _digest(part: str, image_id: str, values: tuple[Any, ...]) -> str:
    """Kept, because the containers of one agent's sessions differ in their names and mounts alone."""
    named = list(zip(_FIELDS[part], values, strict=True))
    return hashlib.sha256(_text([image_id, *named] if image_id else named).encode()).hexdigest()


def _text(value: Any) -> str:
    """A value of a spec as compact JSON."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if is_dataclass(type(value)):
        return _record_text(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # equal numbers, equal text
    return json.dumps(value.value if isinstance(value, Enum) else value)


@lru_cache(maxsize=1024)
def _record_text(record: Any) -> str:
    """Kept for the same reason: what stands in memory is the same in most sandboxes of a fleet."""
    named = (f'"{f.name}":{_text(getattr(record, f.name))}' for f in fields(record) if f.compare)
    return f"{{{','.join(named)}}}"


def _binds(mounts: tuple[Mount, ...], context: BuildContext) -> tuple[BindMount, ...]:
    """What comes from the host, and the empty file over each denied one."""
    found = [
        BindMount(
            source=mount.source,
            destination=mount.destination,
            read_only=not mount.writable,
            key=mount.key,
        )
        for mount in mounts
        if mount.source is not None
    ]
    found += [
        BindMount(source=context.empty_file, destination=mount.destination, read_only=True, key=mount.key)
        for mount in mounts
        if mount.kind is MountKind.MASK and mount.destination in context.hidden_files
    ]
    return tuple(sorted(found, key=lambda mount: mount.destination))  # a parent before its child


#: An empty folder that nobody can write to; 4096 bytes is the least a tmpfs takes.
_MASK_OPTIONS = ("ro", "noexec", "nosuid", "nodev", "size=4096", "mode=0555")


def _tmpfs(
    mounts: tuple[Mount, ...], policy: EffectivePolicy, context: BuildContext
) -> tuple[TmpfsMount, ...]:
    """What is in memory: the writable places, and the empty folders over what nobody may see.

    A shared sandbox mounts the folder that holds every other scope's workspace; those are covered too.
    """
    found = {
        mount.destination: mount.options if mount.kind is MountKind.TMPFS else _MASK_OPTIONS
        for mount in mounts
        if mount.kind is MountKind.TMPFS
        or (mount.kind is MountKind.MASK and mount.destination not in context.hidden_files)
    }
    workdir = policy.hardening.workdir.rstrip("/")
    for name in sorted(context.masked):
        found.setdefault(f"{workdir}/{name}", _MASK_OPTIONS)
    return tuple(_in_memory(destination, options) for destination, options in found.items())


@lru_cache(maxsize=1024)
def _in_memory(destination: str, options: tuple[str, ...]) -> TmpfsMount:
    return TmpfsMount(destination=destination, options=options)


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
        size_bytes=hardening.disk_bytes,
        volume_bytes=volume_bytes(policy),
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


def _way_out(policy: EffectivePolicy) -> Mapping[str, str]:
    """The variables that lead programs to the gateway, where there is one."""
    if policy.egress is None:
        return {}
    from openclaw_sandbox.policy.egress import proxy_environment

    return proxy_environment()


def exec_env(policy: EffectivePolicy, extra: Mapping[str, str]) -> dict[str, str]:
    """What a command gets on top of the container's own environment: secrets, HOME, the caller's."""
    # Again, because a container that was made before its first allowed host is kept while it is in use.
    return {"HOME": policy.hardening.workdir, **_way_out(policy), **policy.hardening.secret_env, **extra}
