"""A ContainerSpec in which every field says something, and for each field another value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    DeviceLimit,
    DiskSpec,
    HealthSpec,
    LogDriver,
    LogSpec,
    PortSpec,
    RestartPolicy,
    SeccompSpec,
    TmpfsMount,
    UlimitSpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1 << 20

FULL = ContainerSpec(
    name="octest-full",
    image="openclaw-sandbox:bookworm-slim",
    command=("sleep", "infinity"),
    labels={"openclaw.sandbox": "1", "openclaw.sessionKey": "agent:main"},
    volatile_labels={"openclaw.createdAtMs": "1760000000000"},
    user="1000:1001",
    workdir="/workspace",
    env={"LANG": "C.UTF-8", "GREETING": "it's 5 o'clock"},
    mounts=(
        BindMount(source="/home/ann/data, old", destination="/data", read_only=True, key="docker.binds"),
        BindMount(source="/home/ann/work", destination="/workspace", read_only=False, key="workspaceAccess"),
    ),
    tmpfs=(
        TmpfsMount(destination="/tmp", options=("noexec", "nosuid", "nodev", "size=104857600")),
        TmpfsMount(destination="/scratch", options=()),
    ),
    masked_paths=("/usr/games",),
    read_only_root=True,
    network="none",
    dns=("10.0.0.53",),
    extra_hosts=("db.example:10.0.0.5",),
    cap_drop=("ALL",),
    cap_add=("CHOWN",),
    no_new_privileges=True,
    seccomp=SeccompSpec(name="openclaw-sandbox", profile='{"defaultAction":"SCMP_ACT_ERRNO"}'),
    apparmor="openclaw",
    pids_limit=512,
    memory_bytes=2048 * MIB,
    memory_swap_bytes=3072 * MIB,
    memory_reservation_bytes=1024 * MIB,
    cpus=1.5,
    cpu_shares=512,
    cpuset="0,1",
    disk=DiskSpec(
        size_bytes=5120 * MIB,
        read_bps=(DeviceLimit(device="/dev/vda", per_second=1 * MIB),),
        write_bps=(DeviceLimit(device="/dev/vda", per_second=2 * MIB),),
        read_iops=(DeviceLimit(device="/dev/vda", per_second=100),),
        write_iops=(DeviceLimit(device="/dev/vda", per_second=200),),
        weight=500,
    ),
    selinux_label="system_u:system_r:container_t:s0",
    ports=(PortSpec(container_port=8080), PortSpec(container_port=53, host_port=5353, protocol="udp")),
    health=HealthSpec(command=("test", "-d", "/work space")),
    ulimits=(UlimitSpec(name="nofile", soft=4096, hard=16384), UlimitSpec(name="core", soft=0, hard=0)),
    shm_bytes=16 * MIB,
    init=True,
    stop_signal="SIGTERM",
    private_ipc=True,
    private_cgroup_namespace=True,
    runtime="runsc",
    log=LogSpec(driver=LogDriver.JSON_FILE, max_bytes=10 * MIB, max_files=3, labels=("a", "b")),
    interactive=True,
    tty=True,
)


def _variants(value: Any, **others: Any) -> tuple[Any, ...]:
    """`value` with one field changed, for each of its fields."""
    return tuple(replace(value, **{name: other}) for name, other in others.items())


#: Field of ContainerSpec -> values that differ from FULL's; for a nested value one for each of its fields.
OTHER_VALUES: Mapping[str, tuple[Any, ...]] = {
    "name": ("octest-other",),
    "image": ("other:1",),
    "command": (("sleep", "1"),),
    "labels": ({**FULL.labels, "openclaw.sessionKey": "agent:other"},),
    "volatile_labels": ({"openclaw.createdAtMs": "1"},),
    "user": ("1000:1000",),
    "workdir": ("/data",),
    "env": ({**FULL.env, "LANG": "C"},),
    "mounts": (
        (BindMount(source="/elsewhere", destination="/data", read_only=True), FULL.mounts[1]),
        (BindMount(source=FULL.mounts[0].source, destination="/d", read_only=True), FULL.mounts[1]),
        (BindMount(source=FULL.mounts[0].source, destination="/data", read_only=False), FULL.mounts[1]),
    ),
    "tmpfs": (
        (TmpfsMount(destination="/t", options=FULL.tmpfs[0].options), FULL.tmpfs[1]),
        (TmpfsMount(destination="/tmp", options=("size=1",)), FULL.tmpfs[1]),
    ),
    "masked_paths": ((), ("/usr/share",)),
    "read_only_root": (False,),
    "network": ("mine",),
    "dns": (("10.0.0.54",),),
    "dns_options": (("timeout:1",),),
    "extra_hosts": (("db.example:10.0.0.6",),),
    "cap_drop": (("NET_RAW",),),
    "cap_add": ((),),
    "no_new_privileges": (False,),
    "seccomp": (
        SeccompSpec(name=FULL.seccomp.name, profile='{"defaultAction":"SCMP_ACT_ALLOW"}'),
        SeccompSpec(name="docker-default", profile=None),
    ),
    "apparmor": (None, "other"),
    "pids_limit": (None, 64),
    "memory_bytes": (None, 64 * MIB),
    "memory_swap_bytes": (None, -1),
    "cpus": (None, 0.5),
    "memory_reservation_bytes": (None, 1 * MIB),
    "cpu_shares": (None, 2),
    "cpuset": (None, "0"),
    "disk": _variants(
        FULL.disk,
        size_bytes=None,
        read_bps=(),
        write_bps=(DeviceLimit(device="/dev/vdb", per_second=2 * MIB),),
        read_iops=(DeviceLimit(device="/dev/vda", per_second=1),),
        write_iops=(),
        weight=10,
    ),
    "selinux_label": (None, "system_u:system_r:container_t:s0:c1,c2"),
    "ports": (
        (),
        *(
            (FULL.ports[0], p)
            for p in _variants(FULL.ports[1], container_port=1, host_port=0, protocol="tcp")
        ),
    ),
    "health": (
        None,
        *_variants(
            FULL.health, command=("true",), interval_s=1.5, timeout_s=1.0, start_period_s=1.0, retries=1
        ),
    ),
    "ulimits": (
        (UlimitSpec(name="nproc", soft=4096, hard=16384), FULL.ulimits[1]),
        (UlimitSpec(name="nofile", soft=1, hard=16384), FULL.ulimits[1]),
        (UlimitSpec(name="nofile", soft=4096, hard=5000), FULL.ulimits[1]),
    ),
    "shm_bytes": (1 * MIB,),
    "init": (False,),
    "restart": (RestartPolicy.UNLESS_STOPPED,),
    "stop_signal": ("SIGKILL",),
    "private_ipc": (False,),
    "private_cgroup_namespace": (False,),
    "runtime": (None, "kata"),
    "log": _variants(FULL.log, driver=LogDriver.NONE, max_bytes=1, max_files=1, labels=()),
    "interactive": (False,),
    "tty": (False,),
}
