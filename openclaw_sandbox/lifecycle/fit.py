"""A spec meets an engine: what the host has less of is lowered, what nobody would enforce is refused. Pure.

Engines accept many fields that they then ignore: a rootless one on cgroup v1 takes every limit and applies
none, one without AppArmor takes any profile. `docker inspect` repeats them back; only what the engine says of
itself tells.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import Issue, SpecRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from openclaw_sandbox.engine.base import EngineInfo
    from openclaw_sandbox.spec.model import ContainerSpec, UlimitSpec


#: gVisor's own threads count as processes of the container: with fewer its kernel dies without a word.
GVISOR_PIDS_FLOOR = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The spec that this engine can keep. `lowered` and `unenforced` are sentences for the operator."""

    spec: ContainerSpec
    lowered: tuple[str, ...] = ()
    unenforced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A field of a spec that an engine would not enforce. `allow` is its key in `allow_unenforced`."""

    key: str
    allow: str
    why: str
    tolerable: bool = False  # said, not refused: the limit beside it still holds


def fit(spec: ContainerSpec, info: EngineInfo, *, allowed: Collection[str] = ()) -> Fitted:
    """`spec` as `info`'s engine can keep it.

    Raises:
        SpecRefusedError: something would be ignored, and `allowed` (keys of `allow_unenforced`) lacks it.
    """
    _refuse_runtime(spec, info)
    gaps = list(find_gaps(spec, info))
    refused = [gap for gap in gaps if gap.allow not in allowed and not gap.tolerable]
    if refused:
        raise SpecRefusedError(
            "This engine would accept these settings and not enforce them.",
            issues=[Issue(path=gap.key, message=gap.why) for gap in refused],
            hint="Use an engine that can, or name them in allow_unenforced in config.yml: "
            + ", ".join(gap.allow for gap in refused),
        )
    ulimits, lowered = _lower_ulimits(spec.ulimits, info)
    cpus = spec.cpus
    if cpus is not None and 0 < info.cpus < cpus:
        lowered.append(f"docker.cpus: {cpus:g} lowered to {info.cpus}, which is what the host has")
        cpus = float(info.cpus)
    return Fitted(
        spec=replace(spec, ulimits=ulimits, cpus=cpus),
        lowered=tuple(lowered),
        unenforced=tuple(f"{gap.key}: not enforced: {gap.why}" for gap in gaps),
    )


def find_gaps(spec: ContainerSpec, info: EngineInfo) -> Iterator[Gap]:
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
    if is_gvisor(spec.runtime) and spec.seccomp.profile is not None and not _applies_seccomp(spec, info):
        why = f"{spec.runtime} applies no seccomp profile unless its arguments hold --oci-seccomp"
        yield Gap(key="seccomp_profile", allow="seccomp_profile", why=why)
    if not info.seccomp:
        yield Gap(key="docker.seccompProfile", allow="seccomp_profile", why="the engine has no seccomp")


def is_gvisor(runtime: str | None) -> bool:
    """gVisor by the name that its documentation registers it under, or one that begins so."""
    return runtime is not None and runtime.startswith("runsc")


def _applies_seccomp(spec: ContainerSpec, info: EngineInfo) -> bool:
    return any(arg.startswith("--oci-seccomp") for arg in info.runtime_args.get(spec.runtime or "", ()))


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
