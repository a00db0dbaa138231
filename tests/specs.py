"""A ContainerSpec in which every field says something, and for each field another value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    LogDriver,
    LogSpec,
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
    cpus=1.5,
    ulimits=(UlimitSpec(name="nofile", soft=4096, hard=16384), UlimitSpec(name="core", soft=0, hard=0)),
    shm_bytes=16 * MIB,
    init=True,
    private_ipc=True,
    private_cgroup_namespace=True,
    runtime="runsc",
    log=LogSpec(driver=LogDriver.JSON_FILE, max_bytes=10 * MIB, max_files=3),
    interactive=True,
    tty=True,
)

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
    "read_only_root": (False,),
    "network": ("mine",),
    "dns": (("10.0.0.54",),),
    "extra_hosts": (("db.example:10.0.0.6",),),
    "cap_drop": (("NET_RAW",),),
    "cap_add": ((),),
    "no_new_privileges": (False,),
    "seccomp": (
        SeccompSpec(name="file", profile='{"defaultAction":"SCMP_ACT_ALLOW"}'),
        SeccompSpec(name="docker-default", profile=None),
    ),
    "apparmor": (None, "other"),
    "pids_limit": (None, 64),
    "memory_bytes": (None, 64 * MIB),
    "memory_swap_bytes": (None, -1),
    "cpus": (None, 0.5),
    "ulimits": (
        (UlimitSpec(name="nproc", soft=4096, hard=16384), FULL.ulimits[1]),
        (UlimitSpec(name="nofile", soft=1, hard=16384), FULL.ulimits[1]),
        (UlimitSpec(name="nofile", soft=4096, hard=5000), FULL.ulimits[1]),
    ),
    "shm_bytes": (1 * MIB,),
    "init": (False,),
    "private_ipc": (False,),
    "private_cgroup_namespace": (False,),
    "runtime": (None, "kata"),
    "log": (
        LogSpec(driver=LogDriver.NONE),
        LogSpec(driver=LogDriver.JSON_FILE, max_bytes=1),
        LogSpec(driver=LogDriver.JSON_FILE, max_bytes=10 * MIB, max_files=1),
    ),
    "interactive": (False,),
    "tty": (False,),
}
