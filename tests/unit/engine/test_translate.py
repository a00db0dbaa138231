"""A spec in the engine's words: the whole of it, and nothing else."""

from __future__ import annotations

import csv
import json
import shlex
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.engine.docker.translate import create_body, run_argv, run_line
from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    DiskSpec,
    LogDriver,
    LogSpec,
    PortSpec,
    SeccompSpec,
)
from tests.specs import FULL, OTHER_VALUES

GOLDEN_BODY = {
    "Image": "openclaw-sandbox:bookworm-slim",
    "Cmd": ["sleep", "infinity"],
    "Entrypoint": [],
    "User": "1000:1001",
    "WorkingDir": "/workspace",
    "Env": ["LANG=C.UTF-8", "GREETING=it's 5 o'clock"],
    "Labels": {
        "openclaw.sandbox": "1",
        "openclaw.sessionKey": "agent:main",
        "openclaw.createdAtMs": "1760000000000",
        "openclaw-sandbox.spec": "abc",
    },
    "OpenStdin": True,
    "StdinOnce": True,
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "Tty": True,
    "NetworkDisabled": False,
    "StopSignal": "SIGTERM",
    "Healthcheck": {
        "Test": ["CMD", "test", "-d", "/work space"],
        "Interval": 30_000_000_000,
        "Timeout": 5_000_000_000,
        "StartPeriod": 0,
        "Retries": 3,
    },
    "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
    "HostConfig": {
        "ReadonlyRootfs": True,
        "Mounts": [
            {
                "Type": "bind",
                "Source": "/home/ann/data, old",
                "Target": "/data",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            },
            {
                "Type": "bind",
                "Source": "/home/ann/work",
                "Target": "/workspace",
                "ReadOnly": False,
                "BindOptions": {"Propagation": "rprivate"},
            },
        ],
        "Tmpfs": {"/tmp": "noexec,nosuid,nodev,size=104857600", "/scratch": ""},
        "NetworkMode": "none",
        "Dns": ["10.0.0.53"],
        "DnsOptions": [],
        "ExtraHosts": ["db.example:10.0.0.5"],
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN"],
        "SecurityOpt": [
            "no-new-privileges",
            'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}',
            "apparmor=openclaw",
            "label=user:system_u",
            "label=role:system_r",
            "label=type:container_t",
            "label=level:s0",
        ],
        "PidsLimit": 512,
        "Memory": 2147483648,
        "MemorySwap": 3221225472,
        "MemoryReservation": 1073741824,
        "CpuShares": 512,
        "CpusetCpus": "0,1",
        "NanoCpus": 1500000000,
        "Ulimits": [
            {"Name": "nofile", "Soft": 4096, "Hard": 16384},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "ShmSize": 16777216,
        "Init": True,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Privileged": False,
        "PublishAllPorts": False,
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        "Runtime": "runsc",
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": "10485760", "max-file": "3", "labels": "a,b"},
        },
        "PortBindings": {
            "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
        },
        "BlkioDeviceReadBps": [{"Path": "/dev/vda", "Rate": 1048576}],
        "BlkioDeviceWriteBps": [{"Path": "/dev/vda", "Rate": 2097152}],
        "BlkioDeviceReadIOps": [{"Path": "/dev/vda", "Rate": 100}],
        "BlkioDeviceWriteIOps": [{"Path": "/dev/vda", "Rate": 200}],
        "BlkioWeight": 500,
        "MaskedPaths": [
            *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
            *("/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list"),
            *("/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", "/usr/games"),
        ],
        "StorageOpt": {"size": "5368709120"},
    },
}

GOLDEN_LINE = """
docker run --rm --pull never --name octest-full --interactive --tty
--label openclaw.sandbox=1 --label openclaw.sessionKey=agent:main --label openclaw.createdAtMs=1760000000000
--read-only --init --stop-signal SIGTERM
--tmpfs /tmp:noexec,nosuid,nodev,size=104857600 --tmpfs /scratch
--network none --dns 10.0.0.53 --add-host db.example:10.0.0.5 --cap-drop ALL --cap-add CHOWN
--security-opt no-new-privileges --security-opt 'seccomp=/p/our profile.json' --security-opt apparmor=openclaw
--security-opt label=user:system_u --security-opt label=role:system_r --security-opt label=type:container_t
--security-opt label=level:s0 --publish 127.0.0.1::8080/tcp --publish 127.0.0.1:5353:53/udp
--ipc private --cgroupns private --runtime runsc
--pids-limit 512 --memory 2147483648 --memory-swap 3221225472 --memory-reservation 1073741824
--cpus 1.5 --cpu-shares 512 --cpuset-cpus 0,1 --blkio-weight 500 --storage-opt size=5368709120
--device-read-bps /dev/vda:1048576 --device-write-bps /dev/vda:2097152
--device-read-iops /dev/vda:100 --device-write-iops /dev/vda:200
--ulimit nofile=4096:16384 --ulimit core=0:0 --shm-size 16777216
--log-driver json-file --log-opt max-size=10485760 --log-opt max-file=3 --log-opt labels=a,b
--health-cmd 'test -d '"'"'/work space'"'"'' --health-interval 30s --health-timeout 5s
--health-start-period 0s --health-retries 3
--env LANG=C.UTF-8 --env 'GREETING=it'"'"'s 5 o'"'"'clock' --env TOKEN=***
--user 1000:1001 --workdir /workspace
--mount 'type=bind,"source=/home/ann/data, old",target=/data,readonly'
--mount type=bind,source=/home/ann/work,target=/workspace
--entrypoint '' openclaw-sandbox:bookworm-slim sh -c 'echo "a b"'
"""


def line(spec: ContainerSpec) -> list[str]:
    profile = spec.seccomp.profile
    return run_argv(spec, spec.command, seccomp_path=f"/profiles/{hash(profile)}", exec_env={})


def test_the_whole_body() -> None:
    assert create_body(FULL, {"openclaw-sandbox.spec": "abc"}) == GOLDEN_BODY
    json.dumps(GOLDEN_BODY)


def test_the_whole_line() -> None:
    argv = run_argv(
        FULL,
        ("sh", "-c", 'echo "a b"'),
        seccomp_path="/p/our profile.json",
        exec_env={"TOKEN": "***"},
    )
    assert shlex.split(run_line(argv)) == argv
    assert argv == shlex.split(GOLDEN_LINE)


def test_the_table_of_other_values_knows_every_field() -> None:
    assert set(OTHER_VALUES) == {field.name for field in fields(ContainerSpec)}


@pytest.mark.parametrize("name", ["mounts", "tmpfs", "seccomp", "disk", "ports", "health", "ulimits", "log"])
def test_the_table_varies_every_field_of_a_nested_value_alone(name: str) -> None:
    base = parts(getattr(FULL, name))
    varied = {
        differing[0]
        for value in OTHER_VALUES[name]
        if len(found := parts(value)) == len(base) and len(differing := differences(base, found)) == 1
    }
    of_no_matter_to_engines = {"seccomp": {"name"}, "disk": {"volume_bytes"}}
    assert varied | of_no_matter_to_engines.get(name, set()) >= {f.name for f in fields(base[0]) if f.compare}


def parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def differences(base: tuple[Any, ...], other: tuple[Any, ...]) -> list[str]:
    pairs = zip(base, other, strict=True)
    return [
        f.name for a, b in pairs for f in fields(a) if f.compare and getattr(a, f.name) != getattr(b, f.name)
    ]


CHANGES = [(name, value) for name, values in OTHER_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_every_field_reaches_the_engine(name: str, value: Any) -> None:
    changed = replace(FULL, **{name: value})
    if name != "name":  # which is in the URL
        assert create_body(changed, {}) != create_body(FULL, {})
    if name != "masked_paths":  # for which `docker run` has no flag
        assert line(changed) != line(FULL)


def test_later_labels_win() -> None:
    body = create_body(FULL, {"openclaw.sandbox": "2"})
    assert body["Labels"]["openclaw.sandbox"] == "2"


def test_the_engines_own_filter_needs_no_option() -> None:
    silent = SeccompSpec(name="docker-default")
    spec = replace(FULL, seccomp=silent, no_new_privileges=False, apparmor=None, selinux_label=None)
    assert create_body(spec, {})["HostConfig"]["SecurityOpt"] == []
    assert "--security-opt" not in line(spec)


def test_what_is_unlimited_is_left_to_the_engines_words_for_it() -> None:
    nothing = {name: None for name, values in OTHER_VALUES.items() if None in values}
    spec = replace(FULL, **nothing, disk=DiskSpec())
    host = create_body(spec, {})["HostConfig"]
    limits = ("PidsLimit", "Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpusetCpus")
    assert [host[key] for key in limits] == [None, 0, 0, 0, 0, 0, ""]
    assert not [key for key in host if key.startswith(("Blkio", "StorageOpt"))]
    argv = line(spec)
    assert not [
        word for word in argv if word.startswith(("--mem", "--cpu", "--pids", "--runtime", "--device"))
    ]
    assert "--no-healthcheck" in argv


paths = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\0"), min_size=1)


@given(source=paths, destination=paths)
def test_any_path_survives_the_csv_of_mount(source: str, destination: str) -> None:
    spec = replace(FULL, mounts=(BindMount(source=source, destination=destination, read_only=True),))
    argv = line(spec)
    value = argv[argv.index("--mount") + 1]
    assert next(csv.reader([value])) == ["type=bind", f"source={source}", f"target={destination}", "readonly"]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))))
def test_any_argument_survives_the_shell(words: list[str]) -> None:
    argv = run_argv(FULL, tuple(words), seccomp_path="", exec_env={})
    assert shlex.split(run_line(argv))[len(argv) - len(words) :] == words


def test_a_port_inside_can_be_published_twice() -> None:
    ports = (PortSpec(container_port=80, host_port=8080), PortSpec(container_port=80, host_port=9090))
    host = create_body(replace(FULL, ports=ports), {})["HostConfig"]
    assert [binding["HostPort"] for binding in host["PortBindings"]["80/tcp"]] == ["8080", "9090"]


def test_one_local_log_file_is_not_compressed() -> None:
    """The engine refuses to compress the only file there is, and does so unless told."""
    log = LogSpec(driver=LogDriver.LOCAL, max_files=1)
    options = create_body(replace(FULL, log=log), {})["HostConfig"]["LogConfig"]["Config"]
    assert options["compress"] == "false"
