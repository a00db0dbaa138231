"""A healthy machine as recorded facts; each test damages one thing."""

from __future__ import annotations

from typing import Any

from openclaw_sandbox.doctor.facts import (
    ContainerFacts,
    EngineFacts,
    Facts,
    ImageFacts,
    Inside,
    Kernel,
    Space,
    StateFacts,
)
from openclaw_sandbox.engine.base import ImageInfo
from openclaw_sandbox.engine.docker.info import parse_info
from openclaw_sandbox.policy.resolve import Overrides, resolve
from tests.fake_host import FakeHost, config_of

GIB = 1 << 30

#: `GET /info` and `/version` of an engine that keeps everything.
INFO: dict[str, Any] = {
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "CPUShares": True,
    "CPUSet": True,
    "Driver": "overlay2",
    "DockerRootDir": "/var/lib/docker",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "LoggingDriver": "local",
    "LiveRestoreEnabled": True,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns"],
    "NCPU": 4,
    "MemTotal": 8 * GIB,
}
VERSION: dict[str, Any] = {
    "Version": "29.7.2",
    "ApiVersion": "1.52",
    "Components": [
        {"Name": "Engine", "Version": "29.7.2"},
        {"Name": "containerd", "Version": "v2.3.2", "Details": {"GitCommit": "abcdef"}},
        {"Name": "runc", "Version": "1.5.0", "Details": {"GitCommit": "v1.5.0-0-gabc"}},
    ],
}
#: A rootless engine on cgroup v1, as it was recorded: it takes every limit and applies none.
ROOTLESS_V1: dict[str, Any] = {
    **INFO,
    "MemoryLimit": False,
    "SwapLimit": False,
    "PidsLimit": False,
    "CpuCfsQuota": False,
    "CPUShares": False,
    "CPUSet": False,
    "CgroupDriver": "none",
    "CgroupVersion": "1",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
}
SPACE = Space(
    path="/var/lib/docker",
    total_bytes=100 * GIB,
    free_bytes=50 * GIB,
    total_inodes=1000,
    free_inodes=900,
)
IMAGE = ImageInfo(
    id="sha256:1",
    tags=("openclaw-sandbox:bookworm-slim",),
    digests=(),
    size_bytes=200_000_000,
    created_at="",
    architecture="amd64",
    user="sandbox",
    labels={},
)


def engine(
    info: dict[str, Any] | None = None, version: dict[str, Any] | None = None, **changes: Any
) -> EngineFacts:
    values: dict[str, Any] = {
        "address": "unix:///var/run/docker.sock",
        "source": "local",
        "info": parse_info(version or VERSION, info or INFO),
        "space": SPACE,
        "bridge_known": True,
        "bridge_link": True,
        "group": (),
        "listens": (),
    }
    return EngineFacts(**{**values, **changes})


def image(**changes: Any) -> ImageFacts:
    values: dict[str, Any] = {
        "reference": "openclaw-sandbox:bookworm-slim",
        "found": IMAGE,
        "age_days": 1,
        "inside": Inside(user=1000, setuid_files=(), packages={"bash": "5.2-2"}),
        "candidates": {"bash": "5.2-2"},
    }
    return ImageFacts(**{**values, **changes})


def policies(**sandbox: Any) -> Any:
    settings = {"mode": "all", "docker": {"cpus": 1}, **sandbox}
    config = config_of({"agents": {"defaults": {"sandbox": settings}}})
    return (resolve(config, session=None, agent=None, host=FakeHost(), overrides=Overrides()),)


def machine(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "engine": engine(),
        "kernel": Kernel(release="7.1.0", build="#1 SMP", settings={"kernel.dmesg_restrict": "1"}),
        "image": image(),
        "policies": policies(),
        "containers": ContainerFacts(),
        "state": StateFacts(folder="/home/op/.openclaw"),
        "monitors": ("falco",),
    }
    return Facts(**{**values, **changes})
