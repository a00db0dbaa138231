"""Policies that give something up, as operators may: what verify finds open there is open as promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Settings = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """What `bench` takes beside the image; probes that must be open, as promised."""

    name: str
    policy: Settings
    opened: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return self.name


def _one(name: str, opened: str = "", **policy: Any) -> Relaxation:
    return Relaxation(name=name, policy=policy, opened=frozenset(opened.split()))


def _file(name: str, opened: str = "", **file: Any) -> Relaxation:
    return _one(name, opened, file=file)


RELAXATIONS = (
    _one("bridge", "net.ifaces net.routes", network="bridge"),
    _one("names", network="bridge", dns=["192.0.2.53"], extraHosts=["db.example:192.0.2.9"]),
    _one("ports", "net.ifaces", network="bridge", file={"ports": [{"container": 8080}]}),
    _one("writable-root", "fs.rootfs-ro", readOnlyRoot=False),
    _file("one-capability", "ps.bounding", keep_capabilities=["CHOWN"]),
    _one("default-capabilities", "ps.bounding", capDrop=[]),
    _one("some-dropped", "ps.bounding", capDrop=["NET_RAW", "MKNOD"]),
    _one("root", "ps.uid", user="0:0"),
    _one("root-with-default-capabilities", "ps.uid ps.caps net.raw", user="0:0", capDrop=[]),
    _one(
        "root-with-the-engines-profile",
        "ps.caps sc.chroot sc.mknod-char sc.mbind",
        user="0:0",
        capDrop=[],
        seccompProfile="docker-default",
        file={"keep_capabilities": ["SYS_NICE", "SYS_PACCT"]},
    ),
    _one(
        "capabilities-with-the-engines-profile",
        "ps.bounding sc.mbind",
        seccompProfile="docker-default",
        file={"keep_capabilities": ["SYS_NICE", "SYS_PACCT", "SYS_CHROOT"]},
    ),
    _one("group-root", "ps.uid", user="1000:0"),
    _one("engine-profile", "sc.ptrace", seccompProfile="docker-default"),
    _one("workspace-rw", sandbox={"workspaceAccess": "rw"}),
    _one("workspace-ro", sandbox={"workspaceAccess": "ro"}),
    _one("workspace-none", sandbox={"workspaceAccess": "none"}),
    _one("shared-scope", sandbox={"scope": "shared"}),
    _one("other-workdir", workdir="/srv/work"),
    _one("no-tmpfs", "fs.tmp-flags", tmpfs=[]),
    _one("tmp-that-runs", "fs.tmp-exec", tmpfs=["/tmp:size=32m,exec"]),
    _one("tmp-without-size", tmpfs=["/tmp"]),
    _one("no-memory-limit", "rs.memory-limit", memory=0, memorySwap=0),
    _one("little-memory", memory="48m", memorySwap="48m", pidsLimit=24),
    _one("swap", memory="256m", memorySwap="512m"),
    _one("endless-swap", "rs.swap", memorySwap=-1),
    _one("secret-variable", env={"EXAMPLE_API_KEY": "octest"}),
    _one("bind-rw", "fs.host-binds", binds=["@/data:/data:rw"]),
    _one("engine-log", file={"log": {"driver": "json-file", "max_size": "1m", "max_file": 2}}),
    _file("hidden", file_access={"deny_paths": ["/workspace/secret", "/usr/games", "/data/x"]}),
    _file("processors", resource_limits={"cpuset": "0", "cpu_shares": 512, "memory_reservation": "64m"}),
    _file("other-runtime-name", runtime="io.containerd.runc.v2"),
)
