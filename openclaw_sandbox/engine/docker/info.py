"""What an engine says of itself and of an image, as our values. Pure: recorded answers are its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.base import EngineInfo, ImageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Our key of a limit -> the engine's own word whether it really enforces it. A rootless engine on cgroup v1
#: accepts every limit, reports it back in `inspect`, and applies none: only these fields tell.
_LIMIT_FIELDS = {
    "memory": "MemoryLimit",
    "swap": "SwapLimit",
    "pids": "PidsLimit",
    "cpus": "CpuCfsQuota",
    "cpu_shares": "CPUShares",
    "cpuset": "CPUSet",
}

#: Storage drivers that can always bound a container's own layer; overlay2 can on some file systems.
_QUOTA_DRIVERS = ("btrfs", "zfs")


def parse_info(version: Mapping[str, Any], info: Mapping[str, Any]) -> EngineInfo:
    """Both documents of the Docker API as one value. Absent fields become None, empty or False."""
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    driver = str(info.get("CgroupDriver") or "")
    told = frozenset(key for key, field in _LIMIT_FIELDS.items() if info.get(field))
    limits = frozenset() if driver == "none" else told
    group = str(info.get("CgroupVersion") or "")
    return EngineInfo(
        name=_engine_name(version),
        version=str(version.get("Version") or info.get("ServerVersion") or ""),
        api_version=str(version.get("ApiVersion") or ""),
        cgroup_version=int(group) if group.isdigit() else None,
        cgroup_driver=driver,
        storage_driver=str(info.get("Driver") or ""),
        root_dir=str(info.get("DockerRootDir") or ""),
        operating_system=str(info.get("OperatingSystem") or ""),
        architecture=str(info.get("Architecture") or version.get("Arch") or ""),
        kernel=str(info.get("KernelVersion") or ""),
        cpus=int(info.get("NCPU") or 0),
        memory_bytes=int(info.get("MemTotal") or 0),
        rootless=any("name=rootless" in option for option in options),
        userns_remapped=any("name=userns" in option for option in options),
        apparmor=any("name=apparmor" in option for option in options),
        selinux=any("name=selinux" in option for option in options),
        seccomp=any("name=seccomp" in option for option in options),
        enforced_limits=limits,
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        runtime_args=_runtime_args(info.get("Runtimes")),
        default_runtime=str(info.get("DefaultRuntime") or ""),
        warnings=tuple(info.get("Warnings") or ()),
        layer_quota=info.get("Driver") in _QUOTA_DRIVERS,
        log_driver=str(info.get("LoggingDriver") or ""),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        components=_components(version),
    )


def _components(version: Mapping[str, Any]) -> dict[str, str]:
    """A distribution's build tells its whole package version only as the commit."""
    found = {}
    for part in version.get("Components") or ():
        if isinstance(part, dict) and part.get("Name") not in (None, "Engine"):
            details = part.get("Details")
            commit = str(details.get("GitCommit") or "") if isinstance(details, dict) else ""
            number = str(part.get("Version") or "")
            found[str(part["Name"])] = commit if number and commit.startswith(number) else number
    return found


def _runtime_args(runtimes: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(runtimes, dict):
        return {}
    return {
        str(name): tuple(str(arg) for arg in runtime.get("runtimeArgs") or ())
        for name, runtime in runtimes.items()
        if isinstance(runtime, dict)
    }


def _engine_name(version: Mapping[str, Any]) -> str:
    components = version.get("Components") or ()
    names = [str(part.get("Name")) for part in components if isinstance(part, dict)]
    return "podman" if any("podman" in name.lower() for name in names) else "docker"


def parse_image(document: Mapping[str, Any]) -> ImageInfo:
    """`docker image inspect` as a value."""
    config = document.get("Config") or {}
    return ImageInfo(
        id=str(document["Id"]),
        tags=tuple(document.get("RepoTags") or ()),
        digests=tuple(document.get("RepoDigests") or ()),
        size_bytes=int(document.get("Size") or 0),
        created_at=str(document.get("Created") or ""),
        architecture=str(document.get("Architecture") or ""),
        user=str(config.get("User") or ""),
        labels=dict(config.get("Labels") or {}),
    )
