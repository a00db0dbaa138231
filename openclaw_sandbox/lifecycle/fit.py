"""A spec meets an engine: what the host has less of is lowered, what nobody would enforce is refused. Pure.

Engines accept many fields that they then ignore: a rootless one on cgroup v1 takes every limit and applies
none, one without AppArmor takes any profile. `docker inspect` repeats them back; only what the engine says of
itself tells.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import Issue, SpecRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from openclaw_sandbox.engine.base import EngineInfo
    from openclaw_sandbox.spec.model import ContainerSpec, UlimitSpec


#: The sleeping main process, its reaper, and the command.
PIDS_FLOOR = 3
#: gVisor's own threads count as processes of the container: with fewer its kernel dies without a word.
GVISOR_PIDS_FLOOR = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The spec that this engine can keep. `lowered` and `unenforced` are sentences for the operator."""

    spec: ContainerSpec
    lowered: tuple[str, ...] = ()
    unenforced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a spec alone does not tell: whether the sandbox has a way out, which mounts are sockets, and why
    this machine gives the workspace no volume (empty: it does)."""

    way_out: bool = False
    sockets: tuple[str, ...] = ()
    no_volume: str = ""


NO_NEEDS = Needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A field of a spec that an engine would not enforce. `allow` is its key in `allow_unenforced`."""

    key: str
    allow: str
    why: str
    tolerable: bool = False  # said, not refused: the limit beside it still holds


def fit(
    spec: ContainerSpec, info: EngineInfo, *, allowed: Collection[str] = (), needs: Needs = NO_NEEDS
) -> Fitted:
    """`spec` as `info`'s engine can keep it.

    Raises:
        SpecRefusedError: something would be ignored, and `allowed` (keys of `allow_unenforced`) lacks it.
    """
    _refuse_runtime(spec, info)
    _refuse_pids(spec)
    gaps = list(find_gaps(spec, info, needs))
    _refuse(gaps, allowed)
    ulimits, lowered = _lower_ulimits(spec.ulimits, info)
    cpus = spec.cpus
    if cpus is not None and 0 < info.cpus < cpus:
        lowered.append(f"docker.cpus: {cpus:g} lowered to {info.cpus}, which is what the host has")
        cpus = float(info.cpus)
    disk = spec.disk
    if disk.size_bytes is not None and not info.layer_quota:
        disk = replace(disk, size_bytes=None)
    if spec.disk.size_bytes is not None:
        lowered.append(f"resource_limits.disk: {disk_means(spec, info, needs)}")
    return Fitted(
        spec=replace(spec, ulimits=ulimits, cpus=cpus, disk=disk),
        lowered=tuple(lowered),
        unenforced=tuple(map(_told, gaps)),
    )


def disk_means(spec: ContainerSpec, info: EngineInfo, needs: Needs = NO_NEEDS) -> str:
    """Which means hold the disk limit: a volume or a watch the workspace, a quota everything else."""
    workspace = "the workspace is watched while a command runs, which is ended when it passes the limit"
    if spec.disk.volume_bytes is not None and not needs.no_volume:
        workspace = "the workspace is a volume of its own, which holds no more"
    if info.layer_quota:
        quota = f"a quota of the engine ({info.storage_driver}, which counts the image too)"
        return f"{workspace}; {quota} bounds everything else"
    return f"{workspace}; the engine's storage ({info.storage_driver}) has no quota"


def _told(gap: Gap) -> str:
    return f"{gap.key}: not enforced: {gap.why}"


def _refuse(gaps: Sequence[Gap], allowed: Collection[str]) -> None:
    refused = [gap for gap in gaps if gap.allow not in allowed and not gap.tolerable]
    if refused:
        raise SpecRefusedError(
            "This engine would accept these settings and not enforce them.",
            issues=[Issue(path=gap.key, message=gap.why) for gap in refused],
            hint="Use an engine that can, or name them in allow_unenforced in config.yml: "
            + ", ".join(dict.fromkeys(gap.allow for gap in refused)),
        )


#: What engines call a setting when they made the container without it -> our key, its word in config.yml.
_DISCARDED = (
    (r"block i/o weight", "resource_limits.disk_io_weight", "disk_io_weight"),
    (r"(bps|iops) block (i/o )?(read|write)|block i/o (bps|iops)", "resource_limits.disk_iops", "disk_iops"),
    (r"memory reservation|soft limit", "resource_limits.memory_reservation", "memory_reservation"),
    (r"without swap|swap limit", "docker.memorySwap", "memory_swap"),
    (r"memory limit", "docker.memory", "memory"),
    (r"pids? limit", "docker.pidsLimit", "pids"),
    (r"cpu shares", "resource_limits.cpu_shares", "cpu_shares"),
    (r"cpuset", "resource_limits.cpuset", "cpuset"),
    (r"cpu cfs|cpu quota", "docker.cpus", "cpus"),
    (r"published ports", "ports", "ports"),
)


def judge_warnings(
    warnings: Sequence[str], fitted: Fitted, *, allowed: Collection[str] = ()
) -> tuple[str, ...]:
    """What an engine said when it made a container, as sentences for the operator.

    Raises:
        SpecRefusedError: it left a setting out, and `allowed` does not name it. The container exists.
    """
    told, gaps = [], []
    for warning in warnings:
        if not re.search(r"discarded|without swap|not supported|ignored", warning, re.IGNORECASE):
            told.append(warning)
            continue
        gap = _discarded(warning)
        if not any(gap.key in said for said in fitted.unenforced):
            gaps.append(gap)
    _refuse(gaps, allowed)
    return (*told, *map(_told, gaps))


def _discarded(warning: str) -> Gap:
    for pattern, key, allow in _DISCARDED:
        if re.search(pattern, warning, re.IGNORECASE):
            return Gap(key=key, allow=allow, why=f"the engine says: {warning}")
    return Gap(key="the engine", allow="(it has no key)", why=f"it says: {warning}")


def find_gaps(spec: ContainerSpec, info: EngineInfo, needs: Needs = NO_NEEDS) -> Iterator[Gap]:
    """What this engine would take and not keep."""
    limits = (
        ("memory", "docker.memory", spec.memory_bytes),
        ("pids", "docker.pidsLimit", spec.pids_limit),
        ("cpus", "docker.cpus", spec.cpus),
        ("cpu_shares", "resource_limits.cpu_shares", spec.cpu_shares),
        ("cpuset", "resource_limits.cpuset", spec.cpuset),
    )
    rootless = "the engine is rootless and " if info.rootless else "the engine "
    for name, key, value in limits:
        if value and name not in info.enforced_limits:
            yield Gap(key=key, allow=name, why=f"{rootless}cannot limit {name} on this host")
    if _limits_swap(spec) and "swap" not in info.enforced_limits and "memory" in info.enforced_limits:
        why = "the host's kernel does not account swap, so memory can grow by it"
        asked = spec.memory_swap_bytes != spec.memory_bytes
        yield Gap(key="docker.memorySwap", allow="memory_swap", why=why, tolerable=not asked)
    if spec.apparmor is not None and not info.apparmor:
        yield Gap(key="docker.apparmorProfile", allow="apparmor_profile", why="the engine has no AppArmor")
    if spec.selinux_label is not None and not info.selinux:
        yield Gap(key="selinux_label", allow="selinux_label", why="the engine has no SELinux")
    if not info.seccomp:
        yield Gap(key="docker.seccompProfile", allow="seccomp_profile", why="the engine has no seccomp")
    yield from _disk_gaps(spec, info)
    if spec.disk.volume_bytes is not None and needs.no_volume:
        yield Gap(key="workspace_volume", allow="workspace_volume", why=needs.no_volume)
    if is_gvisor(spec.runtime):
        yield from _gvisor_gaps(spec, info.runtime_args.get(spec.runtime or "", ()), needs)


_NO_CGROUPS = "the engine is rootless and has no cgroups on this host"


def _disk_gaps(spec: ContainerSpec, info: EngineInfo) -> Iterator[Gap]:
    """What an engine tells only in its warnings, and a rootless one without cgroups not at all."""
    disk, none = spec.disk, info.cgroup_driver == "none"
    if none and spec.memory_reservation_bytes is not None:
        key = "resource_limits.memory_reservation"
        yield Gap(key=key, allow="memory_reservation", why=_NO_CGROUPS)
    for key, asked, word in (
        ("resource_limits.disk_io_weight", disk.weight, "blkio weight"),
        ("resource_limits.disk_iops", (*disk.read_iops, *disk.write_iops), "iops_device"),
        ("disk_read_bps", disk.read_bps, "read_bps_device"),
        ("disk_write_bps", disk.write_bps, "write_bps_device"),
    ):
        said = next((warning for warning in info.warnings if word in warning), "")
        if asked and (none or said):
            why = _NO_CGROUPS if none else f"the engine says: {said}"
            yield Gap(key=key, allow=key.rpartition(".")[2], why=why)


def _gvisor_gaps(spec: ContainerSpec, args: Sequence[str], needs: Needs) -> Iterator[Gap]:
    """gVisor is a kernel of its own: what the host's kernel would enforce, it must be told to."""
    name = spec.runtime
    if spec.seccomp.profile is not None and not _holds(args, "oci-seccomp"):
        why = f"{name} applies no seccomp profile unless its arguments hold --oci-seccomp"
        yield Gap(key="seccomp_profile", allow="seccomp_profile", why=why)
    if spec.masked_paths:
        why = f"{name} does not hide paths of the image: {', '.join(spec.masked_paths)}"
        yield Gap(key="file_access.deny_paths", allow="deny_paths", why=why)
    if needs.sockets and not _holds(args, "host-uds", "open", "all"):
        why = f"{name} opens no socket of the host unless its arguments hold --host-uds=open"
        yield Gap(key=f"mounts {', '.join(needs.sockets)}", allow="mounts", why=why)
    if needs.way_out and not _holds(args, "network", "host"):
        why = f"{name} has a network of its own, which the way out does not reach without --network=host"
        yield Gap(key="allowed_hosts", allow="allowed_hosts", why=why)
    if spec.network != "none" and _holds(args, "network", "none"):
        why = f"{name} has no network at all: its arguments hold --network=none"
        yield Gap(key="docker.network", allow="network", why=why, tolerable=True)


def applies_seccomp(runtime: str, info: EngineInfo) -> bool:
    """Whether a gVisor runtime is told to apply the container's seccomp profile."""
    return _holds(info.runtime_args.get(runtime, ()), "oci-seccomp")


def _holds(args: Sequence[str], flag: str, *values: str) -> bool:
    """Whether a runtime's arguments hold a flag (with one of these values, if any are named)."""
    said = [arg.lstrip("-").partition("=") for arg in args if arg.startswith("-")]
    return any(
        name == flag and (value in values if values else value not in ("false", "0"))
        for name, _, value in said
    )


def is_gvisor(runtime: str | None) -> bool:
    """gVisor by the name that its documentation registers it under, or one that begins so."""
    return runtime is not None and runtime.startswith("runsc")


def _refuse_runtime(spec: ContainerSpec, info: EngineInfo) -> None:
    if spec.runtime is None:
        return
    if spec.runtime not in info.runtimes:
        raise SpecRefusedError(
            f"runtime {spec.runtime}: the engine has no runtime of this name.",
            hint=f"Register it in the engine's daemon.json, or choose one of: {', '.join(info.runtimes)}.",
        )
    if is_gvisor(spec.runtime) and spec.pids_limit is not None and spec.pids_limit < GVISOR_PIDS_FLOOR:
        raise SpecRefusedError(
            f"The pids limit of {spec.pids_limit} is too low for {spec.runtime}, whose own threads count.",
            hint=f"Set it to {GVISOR_PIDS_FLOOR} or more; bound the command itself with ulimits.nproc.",
        )


def _refuse_pids(spec: ContainerSpec) -> None:
    if spec.pids_limit is not None and 0 < spec.pids_limit < PIDS_FLOOR:
        raise SpecRefusedError(
            f"The pids limit of {spec.pids_limit} is too low: the container's own two processes count.",
            hint=f"Set resource_limits.pids (in openclaw.json docker.pidsLimit) to {PIDS_FLOOR} or more.",
        )


def _limits_swap(spec: ContainerSpec) -> bool:
    """An unlimited swap asks for nothing."""
    return spec.memory_bytes is not None and (spec.memory_swap_bytes or -1) > 0


def _lower_ulimits(
    ulimits: tuple[UlimitSpec, ...], info: EngineInfo
) -> tuple[tuple[UlimitSpec, ...], list[str]]:
    fitted, lowered = [], []
    for limit in ulimits:
        ceiling = info.ulimit_ceilings.get(limit.name)
        if ceiling is None or 0 <= limit.hard <= ceiling:
            fitted.append(limit)
            continue
        soft = ceiling if limit.soft < 0 else min(limit.soft, ceiling)
        fitted.append(replace(limit, soft=soft, hard=ceiling))
        asked = "unlimited" if limit.hard < 0 else str(limit.hard)
        lowered.append(
            f"docker.ulimits.{limit.name}: {asked} lowered to {ceiling}, which is what the engine may give"
        )
    return tuple(fitted), lowered
