"""The kernel's texts as values, and what they testify."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.engine.base import ContainerState, Observed, ObservedMount
from openclaw_sandbox.engine.docker.translate import create_body
from openclaw_sandbox.spec.model import BindMount, TmpfsMount
from openclaw_sandbox.verify import testimony
from openclaw_sandbox.verify.model import Verdict
from openclaw_sandbox.verify.run import is_on_this_kernel
from openclaw_sandbox.verify.scene import Scene
from openclaw_sandbox.verify.traps import Sprung, parse_local_addresses
from openclaw_sandbox.verify.witness import (
    Limits,
    Witness,
    inner_id,
    parse_limits,
    parse_mountinfo,
    parse_status,
)
from tests.specs import FULL

MOUNTINFO = """\
131 63 0:39 / / ro,relatime master:3 - overlay overlay rw,lowerdir=/l
132 131 0:56 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
64 132 0:56 /bus /proc/bus ro,nosuid - proc proc rw
65 132 0:56 /fs /proc/fs ro,nosuid - proc proc rw
66 132 0:56 /irq /proc/irq ro,nosuid - proc proc rw
67 132 0:56 /sys /proc/sys ro,nosuid - proc proc rw
135 131 0:59 / /sys ro,nosuid - sysfs sysfs ro
147 131 0:61 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw,size=16384k
148 131 0:62 / /tmp rw,nosuid,nodev,noexec - tmpfs tmpfs rw,size=102400k
149 131 254:0 /w /work\\040space rw,relatime shared:7 - ext4 /dev/vda rw
"""
STATUS = """\
Name:\tdocker-init
Uid:\t1000\t1000\t1000\t1000
Gid:\t1001\t1001\t1001\t1001
Groups:\t1001
NoNewPrivs:\t1
Seccomp:\t2
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
"""
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    0                    bytes
Max open files            4096                 16384                files
Max processes             unlimited            unlimited            processes
"""


#: What an engine would record of FULL.
RECORD = {
    "HostConfig": create_body(FULL, {})["HostConfig"],
    "NetworkSettings": {"Networks": {"none": {"NetworkID": "0"}}},
}


def recorded(**host: Any) -> dict[str, Any]:
    return {**RECORD, "HostConfig": {**RECORD["HostConfig"], **host}}


def scene(*, status: str = STATUS, mounts: str = MOUNTINFO, **changes: Any) -> Scene:
    raw = changes.pop("raw", RECORD)
    binds = changes.pop("binds", ())
    witness = Witness(
        pid=7,
        status=parse_status(status),
        namespaces={name: f"{name}:[1]" for name in ("pid", "net", "ipc", "uts", "mnt", "cgroup")},
        host_namespaces={name: f"{name}:[2]" for name in ("pid", "net", "ipc", "uts", "mnt", "cgroup")},
        mounts=parse_mountinfo(mounts),
        env_names=frozenset({"PATH"}),
        ulimits=parse_limits(LIMITS),
        interfaces=(),
        routes=0,
        label="openclaw (enforce)",
        uid_map="0 0 4294967295",
        devices=(),
        oom_score_adj=0,
        cgroup=Limits(memory=str(2048 << 20), memory_swap=str(3072 << 20), pids="512", cpu="150000"),
    )
    observed = Observed(
        id="1",
        name="c",
        image="i",
        image_id="sha256:1",
        labels={},
        state=ContainerState.RUNNING,
        created_at_ms=0,
        raw=raw,
        mounts=binds,
    )
    accepted = changes.pop("accepted", {})
    return Scene(
        spec=FULL,
        observed=observed,
        witness=replace(witness, **changes),
        sprung=Sprung(accepted=accepted, env_canary="CANARY"),
        image_id="sha256:1",
        promised_runtime="runsc",
    )


def opened(found: Scene) -> set[str]:
    return {name for name, answer in testimony.testify(found).items() if answer.verdict is Verdict.OPEN}


#: Open on every host without user namespaces; and the mounts that the judge knows to be declared.
USUAL = {"ps.userns", "fs.host-binds"}


def test_a_container_that_keeps_everything() -> None:
    assert opened(scene()) == USUAL


@pytest.mark.parametrize(
    ("old", "new", "probe"),
    [
        ("Uid:\t1000\t1000", "Uid:\t0\t0", "ps.uid"),
        ("Groups:\t1001", "Groups:\t1001 0", "ps.uid"),
        ("Uid:\t1000\t1000", "Uid:\t1001\t1001", "ps.uid"),
        ("Gid:\t1001\t1001", "Gid:\t999\t999", "ps.uid"),
        ("Groups:\t1001", "Groups:\t1001 999", "ps.uid"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "ps.nnp"),
        ("Seccomp:\t2", "Seccomp:\t0", "ps.seccomp-mode"),
        ("CapBnd:\t0000000000000000", "CapBnd:\t0000000000002000", "ps.bounding"),
        ("CapEff:\t0000000000000000", "CapEff:\t0000000000000001", "ps.caps"),
    ],
)
def test_rights(old: str, new: str, probe: str) -> None:
    assert probe in opened(scene(status=STATUS.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "probe"),
    [
        ("/ / ro,", "/ / rw,", "fs.rootfs-ro"),
        ("/sys ro,nosuid - sysfs", "/sys rw,nosuid - sysfs", "hi.sys-ro"),
        ("/proc/sys ro", "/proc/sys rw", "hi.proc-readonly"),
        ("/tmp rw,nosuid,nodev,noexec", "/tmp rw,nosuid,nodev", "fs.tmp-flags"),
        ("rw,size=102400k", "rw", "rs.disk-tmp"),
        ("rw,size=16384k", "rw,size=65536k", "rs.disk-shm"),
    ],
)
def test_mounts(old: str, new: str, probe: str) -> None:
    assert old in MOUNTINFO
    assert probe in opened(scene(mounts=MOUNTINFO.replace(old, new)))


@pytest.mark.parametrize(
    ("changes", "probe"),
    [
        ({"interfaces": ("eth0",)}, "net.ifaces"),
        ({"routes": 2}, "net.routes"),
        ({"devices": ("/dev/kmsg",)}, "fs.dev-nodes"),
        ({"env_names": frozenset({"API_TOKEN"})}, "ps.hidden-env"),
        ({"env_names": frozenset({"CANARY"})}, "cr.env-canary"),
        ({"accepted": {"any": 1}}, "net.host-gateway"),
        ({"accepted": {"loopback": 1}}, "net.host-loopback"),
        ({"accepted": {"abstract": 1}}, "net.abstract-unix"),
        ({"cgroup": Limits(memory=str(1 << 62))}, "rs.memory-limit"),
        ({"cgroup": Limits(memory="max")}, "rs.memory-alloc"),
        ({"cgroup": Limits(memory=str(4096 << 20))}, "rs.memory-limit"),
        ({"cgroup": Limits(pids="max")}, "rs.pids-max"),
        ({"cgroup": Limits(pids="4000")}, "ps.fork-limit"),
        ({"cgroup": Limits(cpu="-1")}, "rs.cpu-quota"),
        ({"cgroup": Limits(cpu="max 100000")}, "rs.cpu-quota"),
        ({"cgroup": Limits(cpu="300000 100000")}, "rs.cpu-quota"),
        ({"cgroup": Limits(memory=str(2048 << 20), memory_swap=str(4096 << 20))}, "rs.swap"),
        ({"cgroup": Limits(memory=str(2048 << 20), memory_swap="max")}, "rs.swap"),
        ({"ulimits": {"Max open files": "1048576"}}, "rs.nofile"),
        ({"ulimits": {"Max core file size": "unlimited"}}, "rs.nproc"),
        ({"raw": {"HostConfig": {"SecurityOpt": ['seccomp={"a": 1}']}}}, "ps.seccomp-mode"),
        ({"raw": {}}, "ps.seccomp-mode"),
        ({"cgroup": Limits(cpu="100000 10000")}, "rs.cpu-quota"),
        ({"ulimits": {"Max open files": "16385"}}, "rs.ulimits"),
        ({"oom_score_adj": -500}, "ps.oom"),
        ({"label": "other (enforce)"}, "ps.lsm"),
        ({"label": "openclaw (complain)"}, "ps.lsm"),
    ],
)
def test_each_fact_testifies(changes: dict[str, Any], probe: str) -> None:
    assert probe in opened(scene(**changes))


def test_a_namespace_of_the_hosts_is_named() -> None:
    shared = {"pid": "pid:[1]", "net": "net:[1]", "ipc": "ipc:[2]", "uts": "uts:[1]", "mnt": "mnt:[1]"}
    answer = testimony.testify(scene(namespaces=shared))["ps.ns-compare"]
    assert answer.items == ("ipc",)


def test_nothing_is_testified_about_what_may_not_be_seen() -> None:
    unseen = ("status", "namespaces", "mounts", "env_names", "ulimits", "interfaces", "routes", "label")
    seen = scene()
    blind = replace(seen.witness, **dict.fromkeys((*unseen, "uid_map", "devices"), None), cgroup=Limits())
    blind_scene = replace(seen, witness=blind, observed=replace(seen.observed, raw={}))
    told = testimony.testify(blind_scene)
    assert set(told) == {"fs.image"}


def test_where_another_kernel_runs_only_the_outside_counts() -> None:
    told = testimony.testify(replace(scene(), on_this_kernel=False))
    assert {"rs.memory-limit", "rs.pids-max"} <= set(told)
    assert not {"ps.caps", "ps.nnp", "fs.rootfs-ro", "ps.ns-compare"} & set(told)


@pytest.mark.parametrize(
    ("runtime", "wanted"),
    [
        ("", True),
        ("runc", True),
        ("crun", True),
        ("runsc", False),
        ("kata-qemu", False),
        ("runsc-kvm", False),
    ],
)
def test_runtimes(runtime: str, wanted: bool) -> None:
    assert is_on_this_kernel(runtime) is wanted


def test_a_mount_of_another_source_is_seen() -> None:
    mount = ObservedMount(kind="bind", source="/elsewhere", destination="/data", read_only=True)
    assert "/data<-/elsewhere" in testimony.testify(scene(binds=(mount,)))["fs.host-binds"].items


def test_mountinfo() -> None:
    last = parse_mountinfo(MOUNTINFO)[-1]
    assert (last.target, last.root, last.kind) == ("/work space", "/w", "ext4")
    assert (last.writable, last.propagation) == (True, "shared")
    assert parse_mountinfo("garbage\n1 2 3\n") == ()


def test_limits() -> None:
    assert parse_limits(LIMITS)["Max open files"] == "16384"
    assert parse_limits("") == {}


def test_local_addresses() -> None:
    lines = [
        "     |-- 10.0.0.5",
        "        /32 host LOCAL",
        "     |-- 10.0.0.255",
        "        /32 link BROADCAST",
        "     |-- 127.0.0.1",
        "        /32 host LOCAL",
    ]
    assert parse_local_addresses(lines) == ("10.0.0.5",)


@pytest.mark.parametrize(
    ("host", "probe"),
    [
        ({"PidMode": "container:1"}, "ps.ns-compare"),
        ({"IpcMode": "shareable"}, "ps.ns-compare"),
        ({"NetworkMode": "container:1"}, "ps.ns-compare"),
        ({"Init": False}, "ps.zombie-reaper"),
        ({"Devices": [{"PathInContainer": "/tmp/kmsg"}]}, "fs.dev-nodes"),
        ({"DeviceRequests": [{"Driver": "nvidia"}]}, "fs.dev-nodes"),
        ({"PublishAllPorts": True}, "net.ports"),
        ({"PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "8080"}]}}, "net.ports"),
        ({"PortBindings": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}}, "net.ports"),
        ({"PortBindings": {"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": "22"}]}}, "net.ports"),
        ({"ExtraHosts": ["api.example:10.0.0.9"]}, "net.names"),
        ({"Dns": ["10.9.9.9"]}, "net.names"),
        ({"MaskedPaths": []}, "fs.hidden"),
        ({"Runtime": "runc"}, "ps.runtime"),
        ({"OomKillDisable": True}, "ps.oom"),
        ({"RestartPolicy": {"Name": "always"}}, "ps.restart"),
        ({"Sysctls": {"net.core.somaxconn": "1"}}, "hi.sysctls"),
        ({"LogConfig": {"Type": "json-file", "Config": {}}}, "rs.log"),
        ({"LogConfig": {"Type": "syslog", "Config": {}}}, "rs.log"),
        ({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1g", "max-file": "1"}}}, "rs.log"),
        ({"MemoryReservation": 0}, "rs.shares"),
        ({"CpuShares": 1024}, "rs.shares"),
        ({"CpusetCpus": ""}, "rs.shares"),
        ({"CpusetCpus": "0-2"}, "rs.shares"),
        ({"BlkioWeight": 1000}, "rs.shares"),
        ({"BlkioDeviceReadBps": []}, "rs.shares"),
        ({"BlkioDeviceWriteIOps": [{"Path": "/dev/vda", "Rate": 201}]}, "rs.shares"),
        ({"StorageOpt": {}}, "rs.shares"),
        ({"CgroupParent": "/mine"}, "rs.shares"),
    ],
)
def test_the_engines_record_testifies(host: dict[str, Any], probe: str) -> None:
    assert opened(scene(raw=recorded(**host))) == USUAL | {probe}


def test_of_several_filters_each_must_be_the_promised_one() -> None:
    options = [*RECORD["HostConfig"]["SecurityOpt"], 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']
    assert "ps.seccomp-mode" in opened(scene(raw=recorded(SecurityOpt=options)))


def test_a_network_that_was_connected_later_is_seen() -> None:
    networks = {"none": {"NetworkID": "0"}, "mine": {"NetworkID": "1"}}
    raw = {**RECORD, "NetworkSettings": {"Networks": networks}}
    assert testimony.testify(scene(raw=raw))["net.attached"].items == ("mine",)


@pytest.mark.parametrize("image_id", ["sha256:2", "sha256:1"])
def test_another_image_is_seen(image_id: str) -> None:
    found = scene()
    found = replace(found, observed=replace(found.observed, image_id=image_id))
    assert ("fs.image" in opened(found)) is (image_id != "sha256:1")


def test_a_cover_that_is_missing_is_seen() -> None:
    """A read-only file below a writable mount, and an empty folder over what nobody may see."""
    cover = BindMount(source="/state/sandbox/nothing", destination="/workspace/.env", read_only=True)
    mask = TmpfsMount(destination="/data/secret", options=("ro", "size=4096"))
    spec = replace(FULL, mounts=(*FULL.mounts, cover), tmpfs=(*FULL.tmpfs, mask))
    there = MOUNTINFO + "1 2 0:3 / /workspace/.env ro - ext4 x ro\n1 2 0:3 / /data/secret ro - tmpfs x ro\n"
    bare = testimony.testify(replace(scene(), spec=spec))["fs.hidden"]
    assert bare.items == ("/data/secret", "/workspace/.env")
    assert testimony.testify(replace(scene(mounts=there), spec=spec))["fs.hidden"].verdict is Verdict.BLOCKED


def test_every_tmpfs_keeps_its_flags_and_its_size() -> None:
    run = TmpfsMount(destination="/run", options=("noexec", "nosuid", "nodev", "size=1048576"))
    spec = replace(FULL, tmpfs=(*FULL.tmpfs, run))
    table = MOUNTINFO + "1 2 0:3 / /run rw,nosuid,nodev - tmpfs x rw,size=2048k\n"
    told = testimony.testify(replace(scene(mounts=table), spec=spec))
    assert told["fs.tmp-flags"].items == ("/run:noexec",)
    assert "/run" in told["rs.disk-tmp"].evidence


@pytest.mark.parametrize(
    ("mount", "item"),
    [
        (ObservedMount(kind="volume", source="", destination="/v", read_only=True), "/v<-volume"),
        (
            ObservedMount(kind="bind", source=FULL.mounts[0].source, destination="/data", read_only=False),
            "/data:rw",
        ),
    ],
)
def test_what_the_engine_mounted_is_seen(mount: ObservedMount, item: str) -> None:
    assert item in testimony.testify(scene(binds=(mount,)))["fs.host-binds"].items
    outer = testimony.testify(replace(scene(binds=(mount,)), on_this_kernel=False))
    assert outer["fs.host-binds"].items == (item,)


def test_ids_are_those_inside() -> None:
    """An engine that maps users: root inside is 100000 on the host."""
    ids = "         0     100000      65536\n     70000       1000          1\n"
    assert (inner_id("100000", ids), inner_id("101000", ids), inner_id("1000", ids)) == ("0", "1000", "70000")
    assert (inner_id("7", ids), inner_id("7", None)) == ("7", "7")
    status = STATUS.replace("1000\t1000\t1000\t1000", "\t".join(["100000"] * 4))
    mapped = testimony.testify(scene(status=status, uid_map=ids, gid_map="0 0 4294967295"))
    assert mapped["ps.uid"].items == ("uid 0",)


def test_capabilities_have_names() -> None:
    status = STATUS.replace("CapBnd:\t0000000000000000", "CapBnd:\t0000020000200001")
    told = testimony.testify(scene(status=status))
    assert told["ps.caps"].items == told["ps.bounding"].items == ("CHOWN", "SYS_ADMIN", "capability 41")
