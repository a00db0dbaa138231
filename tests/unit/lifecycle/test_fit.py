"""What an engine would not keep is refused by name, or told where the operator allowed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.engine.base import EngineInfo
from openclaw_sandbox.errors import SpecRefusedError
from openclaw_sandbox.lifecycle.fit import (
    NO_NEEDS,
    Fitted,
    Needs,
    disk_means,
    find_gaps,
    fit,
    judge_warnings,
)
from openclaw_sandbox.spec.model import ContainerSpec, DiskSpec, UlimitSpec
from tests.specs import FULL

INFO = EngineInfo(
    name="docker",
    version="27.0",
    api_version="1.46",
    cgroup_version=2,
    cgroup_driver="systemd",
    storage_driver="overlay2",
    root_dir="/var/lib/docker",
    operating_system="Debian",
    architecture="x86_64",
    kernel="6.1",
    cpus=8,
    memory_bytes=1 << 34,
    rootless=False,
    userns_remapped=False,
    apparmor=True,
    selinux=True,
    seccomp=True,
    enforced_limits=frozenset({"memory", "swap", "pids", "cpus", "cpu_shares", "cpuset"}),
    runtimes=("runc", "runsc"),
    runtime_args={"runsc": ("--oci-seccomp",)},
    default_runtime="runc",
    warnings=(),
)
#: Everything is asked for, and nothing that only a runtime of its own kind objects to.
SPEC = replace(FULL, masked_paths=(), runtime=None)


def keys(spec: ContainerSpec, info: EngineInfo, needs: Needs = NO_NEEDS) -> list[str]:
    return [gap.key for gap in find_gaps(spec, info, needs)]


def test_an_engine_that_can_do_everything() -> None:
    fitted = fit(SPEC, replace(INFO, layer_quota=True))
    assert fitted.spec == SPEC
    assert fitted.unenforced == ()
    assert keys(SPEC, INFO) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"apparmor": False}, "docker.apparmorProfile"),
        ({"selinux": False}, "selinux_label"),
        ({"seccomp": False}, "docker.seccompProfile"),
        ({"warnings": ("WARNING: No blkio weight support",)}, "resource_limits.disk_io_weight"),
        ({"warnings": ("WARNING: No blkio throttle.read_bps_device support",)}, "disk_read_bps"),
        ({"warnings": ("WARNING: No blkio throttle.write_bps_device support",)}, "disk_write_bps"),
        (
            {"warnings": ("WARNING: No blkio throttle.write_iops_device support",)},
            "resource_limits.disk_iops",
        ),
        ({"enforced_limits": INFO.enforced_limits - {"memory"}}, "docker.memory"),
        ({"enforced_limits": INFO.enforced_limits - {"pids"}}, "docker.pidsLimit"),
        ({"enforced_limits": INFO.enforced_limits - {"cpus"}}, "docker.cpus"),
        ({"enforced_limits": INFO.enforced_limits - {"cpu_shares"}}, "resource_limits.cpu_shares"),
        ({"enforced_limits": INFO.enforced_limits - {"cpuset"}}, "resource_limits.cpuset"),
        ({"enforced_limits": INFO.enforced_limits - {"swap"}}, "docker.memorySwap"),
    ],
)
def test_each_gap_is_refused_by_its_key_or_told(change: dict[str, Any], key: str) -> None:
    info = replace(INFO, **change)
    (gap,) = find_gaps(SPEC, info)
    assert gap.key == key
    with pytest.raises(SpecRefusedError) as caught:
        fit(SPEC, info)
    assert [issue.path for issue in caught.value.issues] == [key]
    assert f"allow_unenforced in config.yml: {gap.allow}" in caught.value.hint
    (told,) = fit(SPEC, info, allowed=[gap.allow]).unenforced
    assert told.startswith(f"{key}: not enforced: ")


def test_an_engine_without_cgroups_keeps_no_limit_at_all() -> None:
    rootless = replace(INFO, rootless=True, cgroup_driver="none", enforced_limits=frozenset())
    assert set(keys(SPEC, rootless)) == {
        *("docker.memory", "docker.pidsLimit", "docker.cpus", "resource_limits.cpu_shares"),
        *("resource_limits.cpuset", "resource_limits.memory_reservation", "resource_limits.disk_iops"),
        *("resource_limits.disk_io_weight", "disk_read_bps", "disk_write_bps"),
    }


def test_swap_that_nobody_asked_for_is_told_only() -> None:
    info = replace(INFO, enforced_limits=INFO.enforced_limits - {"swap"})
    spec = replace(SPEC, memory_swap_bytes=SPEC.memory_bytes)
    (told,) = fit(spec, info).unenforced
    assert "docker.memorySwap" in told


def test_what_the_host_has_less_of_is_lowered_and_told() -> None:
    info = replace(INFO, cpus=1, ulimit_ceilings={"nofile": 1000})
    spec = replace(SPEC, ulimits=(UlimitSpec(name="nofile", soft=-1, hard=-1),), disk=DiskSpec())
    fitted = fit(spec, info)
    assert fitted.spec.cpus == 1
    assert fitted.spec.ulimits == (UlimitSpec(name="nofile", soft=1000, hard=1000),)
    assert len(fitted.lowered) == 2


def test_which_means_hold_a_disk_limit() -> None:
    with_quota, without = replace(INFO, layer_quota=True, storage_driver="btrfs"), INFO
    assert fit(SPEC, with_quota).spec.disk.size_bytes == SPEC.disk.size_bytes
    assert "a quota of the engine (btrfs, which counts the image too)" in disk_means(SPEC, with_quota)
    fitted = fit(SPEC, without)
    assert fitted.spec.disk == replace(SPEC.disk, size_bytes=None)
    assert fitted.lowered == (f"resource_limits.disk: {disk_means(SPEC, without)}",)
    assert "has no quota" in disk_means(SPEC, without)


def test_processes_for_the_container_alone_are_too_few() -> None:
    with pytest.raises(SpecRefusedError) as caught:
        fit(replace(SPEC, runtime=None, pids_limit=2), INFO)
    assert "resource_limits.pids" in caught.value.hint
    assert fit(replace(SPEC, runtime=None, pids_limit=3), INFO).spec.pids_limit == 3


def test_a_volume_for_the_workspace() -> None:
    spec = replace(SPEC, disk=DiskSpec(size_bytes=1 << 30, volume_bytes=1 << 30))
    assert "a volume of its own" in disk_means(spec, INFO)
    assert "is watched" in disk_means(SPEC, INFO)
    nowhere = Needs(no_volume="only root can mount a file system")
    assert "is watched" in disk_means(spec, INFO, nowhere)
    with pytest.raises(SpecRefusedError) as caught:
        fit(spec, INFO, needs=nowhere)
    assert [issue.path for issue in caught.value.issues] == ["workspace_volume"]
    (told,) = fit(spec, INFO, needs=nowhere, allowed=["workspace_volume"]).unenforced
    assert told == "workspace_volume: not enforced: only root can mount a file system"


# ---- runtimes


def gvisor(*args: str) -> EngineInfo:
    return replace(INFO, runtime_args={"runsc": args})


RUNSC = replace(SPEC, runtime="runsc")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--oci-seccomp",), []),
        (("--oci-seccomp=true",), []),
        (("-oci-seccomp",), []),
        (("--oci-seccomp=false",), ["seccomp_profile"]),
        (("--platform=ptrace",), ["seccomp_profile"]),
        ((), ["seccomp_profile"]),
    ],
)
def test_gvisor_and_the_seccomp_profile(args: tuple[str, ...], expected: list[str]) -> None:
    assert keys(RUNSC, gvisor(*args)) == expected


def test_gvisor_and_what_else_the_hosts_kernel_would_do() -> None:
    seccomp = "--oci-seccomp"
    assert keys(replace(RUNSC, masked_paths=("/etc/shadow",)), gvisor(seccomp)) == ["file_access.deny_paths"]
    sockets = Needs(sockets=("/run/db.sock",))
    assert keys(RUNSC, gvisor(seccomp), sockets) == ["mounts /run/db.sock"]
    assert keys(RUNSC, gvisor(seccomp, "--host-uds=open"), sockets) == []
    assert keys(RUNSC, gvisor(seccomp, "--host-uds=create"), sockets) == ["mounts /run/db.sock"]
    assert keys(RUNSC, gvisor(seccomp), Needs(way_out=True)) == ["allowed_hosts"]
    assert keys(RUNSC, gvisor(seccomp, "--network=host"), Needs(way_out=True)) == []


def test_gvisor_without_any_network_is_told() -> None:
    info = gvisor("--oci-seccomp", "--network=none")
    (told,) = fit(replace(RUNSC, network="bridge"), info).unenforced
    assert "--network=none" in told
    assert fit(replace(RUNSC, network="none"), info).unenforced == ()


def test_gvisors_own_threads_need_room() -> None:
    with pytest.raises(SpecRefusedError, match="pids limit of 255 is too low for runsc"):
        fit(replace(RUNSC, pids_limit=255), INFO)
    fit(replace(RUNSC, pids_limit=256), INFO)


def test_a_runtime_the_engine_does_not_have() -> None:
    with pytest.raises(SpecRefusedError, match="kata-fc") as caught:
        fit(replace(SPEC, runtime="kata-fc"), INFO)
    assert "runc, runsc" in caught.value.hint


# ---- what an engine says when it made the container

FITTED = Fitted(spec=SPEC)


@pytest.mark.parametrize(
    ("warning", "key"),
    [
        (
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
            "resource_limits.disk_io_weight",
        ),
        (
            "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. "
            "Block I/O BPS read limit discarded.",
            "resource_limits.disk_iops",
        ),
        (
            "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
            "Limitation discarded.",
            "docker.memory",
        ),
        (
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
            "Memory limited without swap.",
            "docker.memorySwap",
        ),
        (
            "Your kernel does not support memory reservation capabilities or the cgroup is not mounted. "
            "Limitation discarded.",
            "resource_limits.memory_reservation",
        ),
        (
            "Your kernel does not support pids limit capabilities or the cgroup is not mounted. "
            "PIDs limit discarded.",
            "docker.pidsLimit",
        ),
        (
            "Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded.",
            "resource_limits.cpuset",
        ),
        ("Something new was discarded.", "the engine"),
    ],
)
def test_what_it_left_out_is_refused(warning: str, key: str) -> None:
    with pytest.raises(SpecRefusedError) as caught:
        judge_warnings([warning], FITTED)
    (issue,) = caught.value.issues
    assert issue.path == key
    assert warning in issue.message


def test_what_it_left_out_with_leave_is_told() -> None:
    warning = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
    (told,) = judge_warnings([warning], FITTED, allowed=["disk_io_weight"])
    assert told.startswith("resource_limits.disk_io_weight: not enforced")
    known = replace(FITTED, unenforced=("resource_limits.disk_io_weight: not enforced: ...",))
    assert judge_warnings([warning], known) == ()


def test_any_other_warning_is_passed_on() -> None:
    assert judge_warnings(["The image is for another platform"], FITTED) == (
        "The image is for another platform",
    )
