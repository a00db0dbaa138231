"""What a spec and an engine promise."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.engine.docker.info import parse_info
from openclaw_sandbox.spec.model import BindMount, ContainerSpec, SeccompSpec, TmpfsMount, UlimitSpec
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.expect import Promise, expectations, version_of
from openclaw_sandbox.verify.model import Expected
from tests.specs import FULL

HARD = replace(
    FULL,
    mounts=(BindMount(source="/state/sandbox", destination="/workspace", read_only=False),),
    tmpfs=(TmpfsMount(destination="/tmp", options=("noexec", "nosuid", "nodev", "size=1048576")),),
    env={},
    cap_add=(),
    memory_swap_bytes=FULL.memory_bytes,
    seccomp=SeccompSpec(name="openclaw-sandbox", profile="{}"),
    ulimits=(
        UlimitSpec(name="nofile", soft=1, hard=2),
        UlimitSpec(name="core", soft=0, hard=0),
    ),
)


def promised(spec: ContainerSpec = HARD, version: str = "29.5.1", **extra: Any) -> dict[str, Any]:
    options = extra.pop("options", ("name=apparmor", "name=userns"))
    info = parse_info({"Version": version}, {"SecurityOptions": list(options)})
    return dict(expectations(Promise(spec=spec, info=info, **extra)))


def opened(found: dict[str, Any]) -> set[str]:
    return {name for name, expectation in found.items() if expectation.expected is Expected.OPEN}


def test_a_hard_spec_on_a_new_engine_leaves_only_the_workspaces_size_open() -> None:
    assert opened(promised()) == {"rs.disk-workspace"}
    assert set(promised()) == {probe.id for probe in PROBES}


def test_an_old_engine_without_help_leaves_more_open_and_says_why() -> None:
    found = promised(version="20.10.24+dfsg1", options=())
    assert opened(found) == {"rs.disk-workspace", "ps.userns", "ps.lsm"}
    assert "/proc/interrupts" in found["hi.masked-paths"].allowed
    assert all(found[name].why for name in opened(found))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"network": "bridge"}, {"net.ifaces", "net.tcp-egress", "net.metadata", "net.host-gateway"}),
        ({"read_only_root": False}, {"fs.rootfs-ro", "fs.rootfs-write", "rs.disk-rootfs"}),
        ({"pids_limit": None}, {"rs.pids-max", "ps.fork-limit"}),
        ({"pids_limit": 4000}, {"ps.fork-limit"}),
        ({"memory_bytes": None}, {"rs.memory-limit", "rs.memory-alloc"}),
        ({"memory_swap_bytes": -1}, {"rs.swap"}),
        ({"cpus": None}, {"rs.cpu-quota"}),
        ({"init": False}, {"ps.zombie-reaper"}),
        ({"private_cgroup_namespace": False}, {"hi.cgroup-ns", "ps.cgroupns"}),
        ({"no_new_privileges": False}, {"ps.nnp", "ps.setuid-exec"}),
        ({"user": "0:0"}, {"fs.etc-shadow"}),
        ({"tmpfs": ()}, {"fs.tmp-flags", "fs.tmp-exec", "fs.tmp-exec-ldso", "rs.disk-tmp"}),
        ({"tmpfs": (TmpfsMount(destination="/tmp", options=("nosuid", "nodev")),)}, {"fs.tmp-exec"}),
        ({"shm_bytes": 1 << 30}, {"fs.shm"}),
    ],
)
def test_what_the_spec_gives_up_is_expected(change: dict[str, Any], names: set[str]) -> None:
    found = opened(promised(replace(HARD, **change)))
    assert names <= found
    assert "net.host-loopback" not in found


def test_a_promise_of_root_names_the_ids_that_are_allowed() -> None:
    assert promised(replace(HARD, user="0:0"))["ps.uid"].allowed == {"uid 0", "gid 0"}
    assert promised(replace(HARD, user="1000:0"))["ps.uid"].allowed == {"gid 0"}
    assert promised()["ps.uid"].allowed == frozenset()


def test_only_the_capabilities_that_are_kept_are_allowed() -> None:
    assert promised()["ps.caps"].allowed == frozenset()
    assert promised(replace(HARD, cap_add=("CHOWN",)))["ps.bounding"].allowed == {"CHOWN"}
    some = promised(replace(HARD, cap_drop=("NET_RAW",), cap_add=("SYS_TIME",)))["ps.caps"].allowed
    assert {"CHOWN", "SYS_TIME"} <= some
    assert not {"NET_RAW", "SYS_ADMIN"} & some


def test_our_filter_stands_whatever_is_kept() -> None:
    root = replace(HARD, user="0:0", cap_drop=("CHOWN",), cap_add=("SYS_NICE",))
    assert not {"sc.chroot", "sc.mknod-char", "sc.mbind"} & opened(promised(root))
    assert "net.raw" in opened(promised(root))
    assert "net.raw" not in opened(promised(replace(root, user="1000:1000")))
    assert "net.raw" not in opened(promised(replace(root, cap_drop=("NET_RAW",))))


def test_the_engines_filter_opens_by_what_is_kept() -> None:
    spec = replace(HARD, cap_add=("SYS_NICE", "SYS_CHROOT"), seccomp=SeccompSpec(name="docker-default"))
    found = opened(promised(spec))
    assert "sc.mbind" in found
    assert not {"sc.chroot", "sc.acct"} & found
    assert "sc.chroot" in opened(promised(replace(spec, user="0:0")))
    assert "sc.acct" not in opened(promised(replace(spec, user="0:0")))


def test_what_the_host_mounts_below_a_bind_is_the_policys() -> None:
    spec = replace(HARD, mounts=(BindMount(source="/d", destination="/data", read_only=True),))
    allowed = promised(spec)["fs.host-binds"].allowed
    assert "/data/disk:ro" in allowed
    assert "/data/disk:rw" not in allowed
    assert "/database:ro" not in allowed
    assert "/data/disk:shared" not in allowed


def test_apparmor_that_the_policy_switches_off_is_not_missed() -> None:
    assert "ps.lsm" in opened(promised(replace(HARD, apparmor="unconfined")))


def test_a_read_only_bind_may_not_be_writable() -> None:
    spec = replace(HARD, mounts=(BindMount(source="/d", destination="/data", read_only=True),))
    allowed = promised(spec)["fs.host-binds"].allowed
    assert "/data:ro" in allowed
    assert "/data:rw" not in allowed
    assert "/sbin/docker-init:ro" in allowed
    assert "/data" not in promised(spec)["fs.writable-mounts"].allowed


def test_what_lies_below_a_mount_is_the_policys() -> None:
    allowed = promised()["cr.files"].allowed
    assert "/workspace/.env" in allowed
    assert "/workspace2/.env" not in allowed
    assert "/root/.ssh" not in allowed


def test_a_canary_under_a_mounted_folder_is_expected_there() -> None:
    spec = replace(HARD, mounts=(BindMount(source="/opt", destination="/opt2", read_only=True),))
    found = promised(spec, canaries=("/opt/.canary", "/etc/.canary"))["fs.canary-host"]
    assert found.allowed == {"/opt2/.canary"}


def test_variables_that_the_policy_names_are_expected() -> None:
    spec = replace(HARD, env={"API_TOKEN": "x", "LANG": "C"})
    assert promised(spec)["ps.hidden-env"].allowed == {"API_TOKEN"}


def test_the_engines_own_profile_depends_on_its_version() -> None:
    spec = replace(HARD, seccomp=SeccompSpec(name="docker-default"))
    assert {"sc.io_uring_setup", "sc.af-vsock", "sc.ptrace"} <= opened(promised(spec, "20.10.24"))
    newer = opened(promised(spec, "29.5.1"))
    assert not {"sc.io_uring_setup", "sc.af-vsock", "sc.af-alg"} & newer


def test_a_profile_of_ones_own_is_read_by_name() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW"}],
    }
    spec = replace(HARD, seccomp=SeccompSpec(name="/etc/my.json", profile=json.dumps(profile)))
    found = opened(promised(spec))
    assert "sc.ptrace" in found
    assert "sc.keyctl" not in found
    everything = SeccompSpec(name="/etc/my.json", profile='{"defaultAction": "SCMP_ACT_ALLOW"}')
    assert "sc.keyctl" in opened(promised(replace(HARD, seccomp=everything)))
    assert "sc.mount" not in opened(promised(replace(HARD, seccomp=everything)))


def test_what_the_operator_lets_the_engine_ignore_is_no_promise() -> None:
    found = promised(unenforced=frozenset({"docker.memory"}))
    assert {"rs.memory-limit", "rs.memory-alloc"} <= opened(found)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("29.5.1", (29, 5, 1)),
        ("28.2", (28, 2, 0)),
        ("", (0, 0, 0)),
        ("v1", (0, 0, 0)),
        ("24.0.7-rc1", (24, 0, 7)),
    ],
)
def test_versions(text: str, wanted: tuple[int, int, int]) -> None:
    assert version_of(text) == wanted
