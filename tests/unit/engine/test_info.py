"""What engines say of themselves: recorded answers, shortened to the fields that are read."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.engine.docker.info import parse_image, parse_info

VERSION = {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41", "Arch": "amd64", "KernelVersion": "6.18.44"}
# Docker 20.10.24 on cgroup v1, as root.
ROOT_V1: dict[str, Any] = {
    "Driver": "overlay2",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsPeriod": True,
    "CpuCfsQuota": True,
    "CPUShares": True,
    "CPUSet": True,
    "PidsLimit": True,
    "KernelVersion": "6.18.44",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "Architecture": "x86_64",
    "NCPU": 2,
    "MemTotal": 25259266048,
    "DockerRootDir": "/var/lib/docker",
    "ServerVersion": "20.10.24+dfsg1",
    "Runtimes": {"io.containerd.runc.v2": {"path": "runc"}, "runc": {"path": "runc"}},
    "DefaultRuntime": "runc",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "Warnings": ["WARNING: No blkio weight support"],
}
# The same engine without root: it accepts limits, shows them in inspect, and applies none.
ROOTLESS_V1 = {
    **ROOT_V1,
    "CgroupDriver": "none",
    "MemoryLimit": False,
    "SwapLimit": False,
    "CpuCfsQuota": False,
    "CPUShares": False,
    "CPUSet": False,
    "PidsLimit": False,
    "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
}
# Docker 27 with systemd on cgroup v2, AppArmor and user namespaces.
SYSTEMD_V2 = {
    **ROOT_V1,
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns", "name=cgroupns"],
}
# Podman 4.3.1 behind the same API.
PODMAN_VERSION = {
    "Version": "4.3.1",
    "ApiVersion": "1.41",
    "Arch": "amd64",
    "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}, {"Name": "OCI Runtime (runc)"}],
}
PODMAN = {
    **ROOT_V1,
    "Driver": "overlay",
    "ServerVersion": "4.3.1",
    "SecurityOptions": ["name=seccomp,profile=default", "name=rootless", "name=selinux"],
    "Warnings": None,
}

EVERY_LIMIT = {"memory", "swap", "pids", "cpus", "cpu_shares", "cpuset"}


def test_docker_as_root() -> None:
    found = parse_info(VERSION, ROOT_V1)
    assert (found.name, found.version, found.api_version) == ("docker", "20.10.24+dfsg1", "1.41")
    assert (found.cgroup_version, found.cgroup_driver, found.storage_driver) == (1, "cgroupfs", "overlay2")
    assert (found.cpus, found.memory_bytes, found.root_dir) == (2, 25259266048, "/var/lib/docker")
    assert found.enforced_limits >= EVERY_LIMIT
    assert found.runtimes == ("io.containerd.runc.v2", "runc")
    assert found.warnings == ("WARNING: No blkio weight support",)
    assert found.seccomp
    assert not (found.rootless or found.apparmor or found.selinux or found.userns_remapped)


def test_a_rootless_engine_on_cgroup_v1_enforces_nothing() -> None:
    found = parse_info(VERSION, ROOTLESS_V1)
    assert found.rootless
    assert found.enforced_limits == frozenset()


def test_a_cgroup_driver_of_none_beats_what_the_fields_claim() -> None:
    assert parse_info(VERSION, {**ROOT_V1, "CgroupDriver": "none"}).enforced_limits == frozenset()


def test_one_limit_may_be_missing() -> None:
    found = parse_info(VERSION, {**ROOT_V1, "SwapLimit": False})
    assert found.enforced_limits >= EVERY_LIMIT - {"swap"}
    assert "swap" not in found.enforced_limits


def test_docker_with_everything() -> None:
    found = parse_info(VERSION, SYSTEMD_V2)
    assert found.cgroup_version == 2
    assert found.apparmor
    assert found.userns_remapped


def test_podman() -> None:
    found = parse_info(PODMAN_VERSION, PODMAN)
    assert (found.name, found.version) == ("podman", "4.3.1")
    assert found.rootless
    assert found.selinux
    assert found.warnings == ()


@pytest.mark.parametrize("empty", [{}, dict.fromkeys(ROOT_V1)])
def test_what_is_not_said_is_not_claimed(empty: dict[str, Any]) -> None:
    found = parse_info({}, empty)
    assert (found.name, found.version, found.cgroup_version, found.cpus) == ("docker", "", None, 0)
    assert found.enforced_limits == frozenset()
    assert not (found.seccomp or found.apparmor or found.rootless)


def test_an_image() -> None:
    found = parse_image(
        {
            "Id": "sha256:abc",
            "RepoTags": ["openclaw-sandbox:bookworm-slim"],
            "RepoDigests": [],
            "Size": 204_000_000,
            "Created": "2026-11-23T12:00:00Z",
            "Architecture": "amd64",
            "Config": {"User": "sandbox", "Labels": {"openclaw-sandbox.version": "0.1.0"}},
        }
    )
    assert (found.id, found.tags, found.user) == (
        "sha256:abc",
        ("openclaw-sandbox:bookworm-slim",),
        "sandbox",
    )
    assert found.labels == {"openclaw-sandbox.version": "0.1.0"}


def test_an_image_from_an_import_has_little() -> None:
    found = parse_image({"Id": "sha256:abc", "RepoTags": None, "Config": None})
    assert (found.tags, found.digests, found.user, found.labels) == ((), (), "", {})
