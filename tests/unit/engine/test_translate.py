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
from openclaw_sandbox.spec.model import BindMount, ContainerSpec, SeccompSpec
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
    "StopSignal": "SIGKILL",
    "Healthcheck": {"Test": ["NONE"]},
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
        "ExtraHosts": ["db.example:10.0.0.5"],
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN"],
        "SecurityOpt": [
            "no-new-privileges",
            'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}',
            "apparmor=openclaw",
        ],
        "PidsLimit": 512,
        "Memory": 2147483648,
        "MemorySwap": 3221225472,
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
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "3"}},
    },
}

GOLDEN_LINE = """
docker run --rm --pull never --name octest-full --interactive --tty
--label openclaw.sandbox=1 --label openclaw.sessionKey=agent:main --label openclaw.createdAtMs=1760000000000
--read-only --init --no-healthcheck --stop-signal SIGKILL
--tmpfs /tmp:noexec,nosuid,nodev,size=104857600 --tmpfs /scratch
--network none --dns 10.0.0.53 --add-host db.example:10.0.0.5 --cap-drop ALL --cap-add CHOWN
--security-opt no-new-privileges --security-opt 'seccomp=/p/our profile.json' --security-opt apparmor=openclaw
--ipc private --cgroupns private --runtime runsc
--pids-limit 512 --memory 2147483648 --memory-swap 3221225472 --cpus 1.5
--ulimit nofile=4096:16384 --ulimit core=0:0 --shm-size 16777216
--log-driver json-file --log-opt max-size=10485760 --log-opt max-file=3
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


CHANGES = [(name, value) for name, values in OTHER_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_every_field_reaches_the_engine(name: str, value: Any) -> None:
    changed = replace(FULL, **{name: value})
    if name != "name":  # which is in the URL
        assert create_body(changed, {}) != create_body(FULL, {})
    assert line(changed) != line(FULL)


def test_later_labels_win() -> None:
    body = create_body(FULL, {"openclaw.sandbox": "2"})
    assert body["Labels"]["openclaw.sandbox"] == "2"


def test_the_engines_own_filter_needs_no_option() -> None:
    spec = replace(FULL, seccomp=SeccompSpec(name="docker-default"), no_new_privileges=False, apparmor=None)
    assert create_body(spec, {})["HostConfig"]["SecurityOpt"] == []
    assert "--security-opt" not in line(spec)


def test_what_is_unlimited_is_left_to_the_engines_words_for_it() -> None:
    spec = replace(FULL, pids_limit=None, memory_bytes=None, memory_swap_bytes=None, cpus=None, runtime=None)
    host = create_body(spec, {})["HostConfig"]
    found = [host[key] for key in ("PidsLimit", "Memory", "MemorySwap", "NanoCpus", "Runtime")]
    assert found == [None, 0, 0, 0, ""]


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
