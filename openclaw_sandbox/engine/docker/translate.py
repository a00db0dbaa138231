"""ContainerSpec to what Docker takes: an API body, and the same as a `docker run` line. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.spec.model import LogDriver, RestartPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.spec.model import BindMount, ContainerSpec

#: What engines hide by themselves (Docker 20.10 to 29): a list of ours replaces theirs.
_MASKED_BY_ENGINES = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)


def create_body(spec: ContainerSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of `POST /containers/create`; `labels` are put on top of the spec's."""
    return {
        "Image": spec.image,
        "Cmd": list(spec.command),
        "Entrypoint": [],
        "User": spec.user,
        "WorkingDir": spec.workdir,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Labels": {**spec.labels, **spec.volatile_labels, **labels},
        "OpenStdin": spec.interactive,
        "StdinOnce": spec.interactive,
        "AttachStdin": spec.interactive,
        "AttachStdout": spec.interactive,
        "AttachStderr": spec.interactive,
        "Tty": spec.tty,
        "NetworkDisabled": False,
        "StopSignal": spec.stop_signal,
        "Healthcheck": _health(spec),
        "ExposedPorts": {f"{port.container_port}/{port.protocol}": {} for port in spec.ports},
        "HostConfig": _host_config(spec),
    }


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    return {
        "ReadonlyRootfs": spec.read_only_root,
        "Mounts": [
            {
                "Type": "bind",
                "Source": mount.source,
                "Target": mount.destination,
                "ReadOnly": mount.read_only,
                "BindOptions": {"Propagation": "rprivate"},
            }
            for mount in spec.mounts
        ],
        "Tmpfs": {tmpfs.destination: ",".join(tmpfs.options) for tmpfs in spec.tmpfs},
        "NetworkMode": spec.network,
        "Dns": list(spec.dns),
        "DnsOptions": list(spec.dns_options),
        "ExtraHosts": list(spec.extra_hosts),
        "CapDrop": list(spec.cap_drop),
        "CapAdd": list(spec.cap_add),
        "SecurityOpt": list(security_options(spec)),
        "PidsLimit": spec.pids_limit,
        "Memory": spec.memory_bytes or 0,
        "MemorySwap": spec.memory_swap_bytes or 0,
        "MemoryReservation": spec.memory_reservation_bytes or 0,
        "CpuShares": spec.cpu_shares or 0,
        "CpusetCpus": spec.cpuset or "",
        "NanoCpus": round(spec.cpus * 1_000_000_000) if spec.cpus else 0,
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in spec.ulimits],
        "ShmSize": spec.shm_bytes,
        "Init": spec.init,
        "IpcMode": "private" if spec.private_ipc else "",
        "CgroupnsMode": "private" if spec.private_cgroup_namespace else "",
        "Privileged": False,
        "PublishAllPorts": False,
        "AutoRemove": False,
        "RestartPolicy": {"Name": spec.restart.value},
        "Runtime": spec.runtime or "",
        "LogConfig": _log_config(spec),
        "PortBindings": _port_bindings(spec),
        **_block_io(spec),
        **({"MaskedPaths": [*_MASKED_BY_ENGINES, *spec.masked_paths]} if spec.masked_paths else {}),
    }


def _block_io(spec: ContainerSpec) -> dict[str, Any]:
    """Only what is asked for: an engine without the controller warns about every field that is present."""
    disk = spec.disk
    rates = {
        "BlkioDeviceReadBps": disk.read_bps,
        "BlkioDeviceWriteBps": disk.write_bps,
        "BlkioDeviceReadIOps": disk.read_iops,
        "BlkioDeviceWriteIOps": disk.write_iops,
    }
    body: dict[str, Any] = {
        key: [{"Path": limit.device, "Rate": limit.per_second} for limit in limits]
        for key, limits in rates.items()
        if limits
    }
    if disk.weight is not None:
        body["BlkioWeight"] = disk.weight
    if disk.size_bytes is not None:
        body["StorageOpt"] = {"size": str(disk.size_bytes)}
    return body


def _port_bindings(spec: ContainerSpec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for port in spec.ports:
        binding = {"HostIp": "127.0.0.1", "HostPort": str(port.host_port) if port.host_port else ""}
        bindings = found.setdefault(f"{port.container_port}/{port.protocol}", [])
        if binding not in bindings:
            bindings.append(binding)
    return found


def _health(spec: ContainerSpec) -> dict[str, Any]:
    """The image's own check is never taken over: nobody reviewed it."""
    if spec.health is None:
        return {"Test": ["NONE"]}
    return {
        "Test": ["CMD", *spec.health.command],
        "Interval": round(spec.health.interval_s * 1e9),
        "Timeout": round(spec.health.timeout_s * 1e9),
        "StartPeriod": round(spec.health.start_period_s * 1e9),
        "Retries": spec.health.retries,
    }


def _log_config(spec: ContainerSpec) -> dict[str, Any]:
    if spec.log.driver is LogDriver.NONE:
        return {"Type": "none", "Config": {}}
    options = {"max-size": str(spec.log.max_bytes), "max-file": str(spec.log.max_files)}
    if spec.log.driver is LogDriver.LOCAL and spec.log.max_files == 1:
        options["compress"] = (
            "false"  # there is no older file to compress, and the engine says so with an error
        )
    if spec.log.labels:
        options["labels"] = ",".join(spec.log.labels)
    return {"Type": spec.log.driver.value, "Config": options}


def security_options(spec: ContainerSpec) -> Iterator[str]:
    """`--security-opt` values as the API takes them: the seccomp profile is inline JSON, not a path."""
    if spec.no_new_privileges:
        yield "no-new-privileges"
    if spec.seccomp.profile is not None:
        yield f"seccomp={spec.seccomp.profile}"
    if spec.apparmor is not None:
        yield f"apparmor={spec.apparmor}"
    if spec.selinux_label is not None:
        yield from (f"label={part}" for part in selinux_options(spec.selinux_label))


def selinux_options(label: str) -> tuple[str, ...]:
    """`user:role:type[:level]` as Docker wants it, one option a part: "user:system_u", "type:container_t"."""
    names = ("user", "role", "type", "level")
    parts = label.split(":", 3)
    return tuple(f"{name}:{part}" for name, part in zip(names, parts, strict=False))


def run_argv(
    spec: ContainerSpec, command: tuple[str, ...], *, seccomp_path: str, exec_env: Mapping[str, str]
) -> list[str]:
    """`docker run --rm` for a container like `spec` that runs `command` with `exec_env` on top.

    `exec_env` is shown as it is: mask it before. The CLI wants the seccomp profile as a file: `seccomp_path`
    names one with the same content. It has no flag for `masked_paths`, which are left out.
    """
    argv = ["docker", "run", "--rm", "--pull", "never", "--name", spec.name]
    argv += ["--interactive"] if spec.interactive else []
    argv += ["--tty"] if spec.tty else []
    for key, value in (*spec.labels.items(), *spec.volatile_labels.items()):
        argv += ["--label", f"{key}={value}"]
    argv += [*_isolation_flags(spec, seccomp_path), *_limit_flags(spec)]
    for name, value in {**spec.env, **exec_env}.items():
        argv += ["--env", f"{name}={value}"]
    argv += ["--user", spec.user, "--workdir", spec.workdir]
    for mount in spec.mounts:
        argv += ["--mount", _mount_value(mount)]
    return [*argv, "--entrypoint", "", spec.image, *command]


def _mount_value(mount: BindMount) -> str:
    """A value of `--mount`, which is one line of CSV: a path may hold commas and quotes."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.destination}"]
    fields += ["readonly"] if mount.read_only else []
    return ",".join(_csv_field(field) for field in fields)


def _csv_field(text: str) -> str:
    special = any(character in text for character in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if special else text


def run_line(argv: list[str]) -> str:
    """The argument list as a line for a POSIX shell."""
    return shlex.join(argv)


def _isolation_flags(spec: ContainerSpec, seccomp_path: str) -> list[str]:
    argv = ["--read-only"] if spec.read_only_root else []
    argv += ["--init"] if spec.init else []
    argv += ["--restart", spec.restart.value] if spec.restart is not RestartPolicy.NO else []
    argv += ["--stop-signal", spec.stop_signal]
    for tmpfs in spec.tmpfs:
        options = f":{','.join(tmpfs.options)}" if tmpfs.options else ""
        argv += ["--tmpfs", f"{tmpfs.destination}{options}"]
    argv += ["--network", spec.network]
    for flag, values in (
        ("--dns", spec.dns),
        ("--dns-option", spec.dns_options),
        ("--add-host", spec.extra_hosts),
        ("--cap-drop", spec.cap_drop),
        ("--cap-add", spec.cap_add),
    ):
        for value in values:
            argv += [flag, value]
    if spec.no_new_privileges:
        argv += ["--security-opt", "no-new-privileges"]
    if spec.seccomp.profile is not None:
        argv += ["--security-opt", f"seccomp={seccomp_path}"]
    if spec.apparmor is not None:
        argv += ["--security-opt", f"apparmor={spec.apparmor}"]
    for part in selinux_options(spec.selinux_label) if spec.selinux_label else ():
        argv += ["--security-opt", f"label={part}"]
    for port in spec.ports:
        argv += ["--publish", f"127.0.0.1:{port.host_port or ''}:{port.container_port}/{port.protocol}"]
    argv += ["--ipc", "private"] if spec.private_ipc else []
    argv += ["--cgroupns", "private"] if spec.private_cgroup_namespace else []
    return [*argv, "--runtime", spec.runtime] if spec.runtime else argv


def _limit_flags(spec: ContainerSpec) -> list[str]:
    argv: list[str] = []
    if spec.pids_limit:
        argv += ["--pids-limit", str(spec.pids_limit)]
    if spec.memory_bytes:
        argv += ["--memory", str(spec.memory_bytes)]
    if spec.memory_swap_bytes:
        argv += ["--memory-swap", str(spec.memory_swap_bytes)]
    for flag, value in (
        ("--memory-reservation", spec.memory_reservation_bytes),
        ("--cpus", f"{spec.cpus:g}" if spec.cpus else None),
        ("--cpu-shares", spec.cpu_shares),
        ("--cpuset-cpus", spec.cpuset),
        ("--blkio-weight", spec.disk.weight),
    ):
        argv += [flag, str(value)] if value else []
    argv += _disk_flags(spec)
    for limit in spec.ulimits:
        argv += ["--ulimit", f"{limit.name}={limit.soft}:{limit.hard}"]
    argv += ["--shm-size", str(spec.shm_bytes), "--log-driver", spec.log.driver.value]
    for option, value in _log_config(spec)["Config"].items():
        argv += ["--log-opt", f"{option}={value}"]
    return [*argv, *_health_flags(spec)]


def _disk_flags(spec: ContainerSpec) -> list[str]:
    disk = spec.disk
    argv = ["--storage-opt", f"size={disk.size_bytes}"] if disk.size_bytes is not None else []
    for flag, limits in (
        ("--device-read-bps", disk.read_bps),
        ("--device-write-bps", disk.write_bps),
        ("--device-read-iops", disk.read_iops),
        ("--device-write-iops", disk.write_iops),
    ):
        for limit in limits:
            argv += [flag, f"{limit.device}:{limit.per_second}"]
    return argv


def _health_flags(spec: ContainerSpec) -> list[str]:
    health = spec.health
    if health is None:
        return ["--no-healthcheck"]
    return [
        *("--health-cmd", shlex.join(health.command)),
        *("--health-interval", f"{health.interval_s:g}s"),
        *("--health-timeout", f"{health.timeout_s:g}s"),
        *("--health-start-period", f"{health.start_period_s:g}s"),
        *("--health-retries", str(health.retries)),
    ]
