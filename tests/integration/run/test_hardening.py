"""What nobody had to ask for: the engine's own account of the container, and the view from inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.spec.seccomp import profile_json

if TYPE_CHECKING:
    from docker import APIClient

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

MIB = 1 << 20


@pytest.fixture
def inspected(warm: Sandbox) -> dict[str, Any]:
    return warm.inspect()


def test_inspect_shows_every_item(inspected: dict[str, Any]) -> None:
    host = inspected["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert (host["CapDrop"], host["CapAdd"] or []) == (["ALL"], [])
    assert host["Privileged"] is False
    assert host["NetworkMode"] == "none"
    assert host["Init"] is True
    assert host["PidsLimit"] == 512
    assert (host["Memory"], host["MemorySwap"]) == (2048 * MIB, 2048 * MIB)
    assert host["ShmSize"] == 16 * MIB
    assert (host["IpcMode"], host["CgroupnsMode"]) == ("private", "private")
    assert (host["PidMode"], host["UTSMode"], host["UsernsMode"]) == ("", "", "")
    assert host["LogConfig"]["Type"] == "none"
    assert host["RestartPolicy"]["Name"] in ("no", "")
    assert not host["PortBindings"]
    assert not host["PublishAllPorts"]
    assert not host["Devices"]
    assert not host["Binds"]
    assert not host["VolumesFrom"]


def test_inspect_shows_the_tmpfs_mounts(inspected: dict[str, Any]) -> None:
    expected = {"/tmp": 100, "/var/tmp": 50, "/run": 16}
    assert inspected["HostConfig"]["Tmpfs"] == {
        path: f"noexec,nosuid,nodev,size={size * MIB}" for path, size in expected.items()
    }


def test_inspect_shows_the_ulimits(inspected: dict[str, Any]) -> None:
    limits = {u["Name"]: (u["Soft"], u["Hard"]) for u in inspected["HostConfig"]["Ulimits"]}
    assert limits["core"] == (0, 0)
    assert 0 < limits["nofile"][0] <= limits["nofile"][1] <= 16384


def test_inspect_shows_our_filter(inspected: dict[str, Any], warm: Sandbox, api: APIClient) -> None:
    options = inspected["HostConfig"]["SecurityOpt"]
    assert "no-new-privileges" in options
    (text,) = [option.partition("=")[2] for option in options if option.startswith("seccomp=")]
    machine = api.inspect_image(warm.image)["Architecture"]
    assert json.loads(text) == json.loads(profile_json(machine) or "")


def test_inspect_shows_a_numeric_user_and_one_mount(inspected: dict[str, Any], warm: Sandbox) -> None:
    uid, _, gid = inspected["Config"]["User"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    (mount,) = inspected["Mounts"]
    assert (mount["Type"], mount["Source"]) == ("bind", str(warm.workspace))
    assert (mount["Destination"], mount["RW"], mount["Propagation"]) == ("/workspace", True, "rprivate")
    assert inspected["HostConfig"]["Mounts"], "made with the Mount API"


def test_labels_are_the_references_and_ours(inspected: dict[str, Any], warm: Sandbox) -> None:
    found = inspected["Config"]["Labels"]
    assert (found["openclaw.sandbox"], found["openclaw.sessionKey"]) == ("1", "agent:main")
    assert len(found["openclaw.configHash"]) == 64
    assert found["openclaw.createdAtMs"].isdecimal()
    assert len(found["openclaw-sandbox.spec"]) == 64
    assert found["openclaw-sandbox.stateDir"] == str(warm.tool.state)


INSIDE = r"""
id -u; id -g
grep -E '^(NoNewPrivs|Seccomp):|^Cap(Inh|Prm|Eff|Bnd|Amb):' /proc/self/status | tr -s '\t' ' '
touch /probe 2>&1; touch /etc/probe 2>&1
ls /sys/class/net; cat /proc/self/cgroup | cut -d: -f3 | sort -u
for d in /tmp /var/tmp; do cp /bin/true $d/t; $d/t 2>&1; rm $d/t; done
grep -cE '^tmpfs (/tmp|/var/tmp|/run) tmpfs rw,nosuid,nodev,noexec' /proc/mounts
ulimit -c; ulimit -Hn; pwd; echo $HOME
find / -xdev -perm -4000 -type f 2>/dev/null | wc -l
"""


def test_the_view_from_inside(warm: Sandbox) -> None:
    done = warm.run("sh", "-c", INSIDE)
    lines = done.text.splitlines()
    uid, gid = (int(word) for word in warm.inspect()["Config"]["User"].split(":"))
    assert [int(line) for line in lines[:2]] == [uid, gid]
    status = dict(line.split(": ") for line in lines[2:9])
    assert {name for name in status if name.startswith("Cap") and int(status[name], 16)} == set()
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    rest = lines[9:]
    assert all("Read-only file system" in line for line in rest[:2])
    assert rest[2:4] == ["lo", "/"]
    assert all("Permission denied" in line for line in rest[4:6])
    assert rest[6] == "3", "no tmpfs runs programs"
    assert rest[7] == "0"
    assert 0 < int(rest[8]) <= 16384
    assert rest[9:11] == ["/workspace", "/workspace"]
    assert rest[11] == "0", "no file with a setuid bit"


def test_the_image_does_not_bring_a_health_check(inspected: dict[str, Any]) -> None:
    assert inspected["Config"].get("Healthcheck", {}).get("Test") in (["NONE"], None)
    assert "Health" not in inspected["State"]
