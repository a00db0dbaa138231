from __future__ import annotations

import copy
from typing import Any

import pytest

from openclaw_sandbox.engine.base import ContainerState, Observed, ObservedMount
from openclaw_sandbox.lifecycle.compare import compare
from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    SeccompSpec,
    TmpfsMount,
    UlimitSpec,
)

SPEC = ContainerSpec(
    name="octest-x",
    image="a:1",
    command=("sleep",),
    labels={},
    user="1000:1000",
    workdir="/workspace",
    env={"A": "1"},
    mounts=(BindMount(source="/srv/a", destination="/a", read_only=True),),
    tmpfs=(TmpfsMount(destination="/tmp", options=("noexec", "size=1")),),
    read_only_root=True,
    network="none",
    dns=("1.1.1.1",),
    cap_drop=("ALL",),
    seccomp=SeccompSpec(name="x", profile='{"a": 1}'),
    pids_limit=5,
    memory_bytes=100,
    memory_swap_bytes=100,
    cpus=0.5,
    ulimits=(UlimitSpec(name="core", soft=0, hard=0),),
    shm_bytes=16,
    memory_reservation_bytes=50,
    cpu_shares=2,
    cpuset="0",
    runtime="runsc",
    masked_paths=("/etc/shadow",),
)

#: What an engine says of a container made from SPEC.
RAW: dict[str, Any] = {
    "Config": {"User": "1000:1000", "WorkingDir": "/workspace", "Env": ["A=1", "PATH=/bin"]},
    "HostConfig": {
        "ReadonlyRootfs": True,
        "NetworkMode": "none",
        "CapDrop": ["CAP_ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges", 'seccomp={"a":1}'],
        "Memory": 100,
        "MemorySwap": 100,
        "PidsLimit": 5,
        "NanoCpus": 500_000_000,
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "ShmSize": 16,
        "MemoryReservation": 50,
        "CpuShares": 2,
        "CpusetCpus": "0",
        "Runtime": "runsc",
        "MaskedPaths": ["/proc/kcore", "/etc/shadow"],
        "Tmpfs": {"/tmp": "size=1,noexec"},
        "Dns": ["1.1.1.1"],
        "Init": True,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "LogConfig": {"Type": "none"},
    },
}


def _observed(raw: dict[str, Any]) -> Observed:
    return Observed(
        id="1",
        name="octest-x",
        image="a:1",
        image_id="sha256:1",
        labels={},
        state=ContainerState.RUNNING,
        created_at_ms=0,
        mounts=(
            ObservedMount(kind="bind", source="/srv/a", destination="/a", read_only=True),
            ObservedMount(kind="volume", source="v", destination="/v", read_only=False),
        ),
        raw=raw,
    )


def test_a_container_made_from_the_spec_agrees() -> None:
    assert [check.field for check in compare(SPEC, _observed(RAW)) if not check.agrees] == []


@pytest.mark.parametrize(
    ("block", "key", "value", "field"),
    [
        ("HostConfig", "ReadonlyRootfs", False, "read_only_root"),
        ("HostConfig", "NetworkMode", "bridge", "network"),
        ("HostConfig", "CapDrop", None, "cap_drop"),
        ("HostConfig", "CapAdd", ["SYS_ADMIN"], "cap_add"),
        ("HostConfig", "Privileged", True, "privileged"),
        ("HostConfig", "Memory", 0, "memory"),
        ("HostConfig", "PidsLimit", None, "pids_limit"),
        ("HostConfig", "Tmpfs", {}, "tmpfs"),
        ("HostConfig", "Ulimits", [], "ulimits"),
        ("HostConfig", "Init", None, "init"),
        ("HostConfig", "IpcMode", "shareable", "private_ipc"),
        ("HostConfig", "LogConfig", None, "log"),
        ("HostConfig", "MemoryReservation", 0, "memory_reservation"),
        ("HostConfig", "CpuShares", 0, "cpu_shares"),
        ("HostConfig", "CpusetCpus", "", "cpuset"),
        ("HostConfig", "Runtime", "runc", "runtime"),
        ("HostConfig", "MaskedPaths", None, "masked_paths"),
        ("Config", "User", "", "user"),
        ("Config", "Env", [], "env"),
    ],
)
def test_each_broken_promise_is_named(block: str, key: str, value: Any, field: str) -> None:
    raw = copy.deepcopy(RAW)
    raw[block][key] = value
    assert [check.field for check in compare(SPEC, _observed(raw)) if not check.agrees] == [field]


def test_lost_security_options() -> None:
    raw = copy.deepcopy(RAW)
    raw["HostConfig"]["SecurityOpt"] = []
    broken = [check.field for check in compare(SPEC, _observed(raw)) if not check.agrees]
    assert broken == ["no_new_privileges", "seccomp"]


@pytest.mark.parametrize(
    ("added", "field"),
    [
        ("no-new-privileges:false", "no_new_privileges"),
        ("no-new-privileges=false", "no_new_privileges"),
        ("seccomp=unconfined", "seccomp"),
    ],
)
def test_of_several_security_options_the_last_counts(added: str, field: str) -> None:
    raw = copy.deepcopy(RAW)
    raw["HostConfig"]["SecurityOpt"].append(added)
    assert [check.field for check in compare(SPEC, _observed(raw)) if not check.agrees] == [field]
    raw["HostConfig"]["SecurityOpt"].insert(0, raw["HostConfig"]["SecurityOpt"].pop())
    assert all(check.agrees for check in compare(SPEC, _observed(raw)))


def test_an_empty_document_agrees_with_nothing_that_restricts() -> None:
    agreeing = {check.field for check in compare(SPEC, _observed({})) if check.agrees}
    assert agreeing == {"image", "cap_add", "privileged", "mounts", "extra_hosts"}
