"""Every key of config.yml in a real container: its effect, or the refusal that names it.

One container carries as many keys as can stand beside each other; each key is then looked at on its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import NotFound

from openclaw_sandbox.config.validate import known_keys
from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

MIB = 1 << 20
#: What this engine would take and not keep; see `test_what_the_engine_cannot_keep_is_refused_by_name`.
_ALLOWED = ["apparmor_profile", "selinux_label", "disk_io_weight"]


def _settings(data: Path, scratch: Path) -> dict[str, Any]:
    return {
        "enabled": True,
        "engine": "docker",
        "runtime": "runc",
        "timeout": 4,
        "resource_limits": {
            "memory": "128mb",
            "memory_swap": "160mb",
            "memory_reservation": "64mb",
            "cpus": "0.5",
            "cpu_shares": "512",
            "cpuset": "0",
            "pids": 48,
            "disk": "20mb",
            "disk_iops": "2000",
        },
        "disk_read_bps": "64mb",
        "disk_write_bps": "4mb",
        "network_policy": "deny-by-default",
        "drop_capabilities": ["CAP_SYS_ADMIN", "net_admin"],
        "keep_capabilities": ["CAP_CHOWN", "NET_BIND_SERVICE"],
        "mounts": [
            {"source": str(scratch), "target": "/scratch", "mode": "rw"},
            {"source": str(data), "target": "/data", "mode": "ro"},
        ],
        "blocked_paths": ["/etc", "/var/log"],
        "readonly_root": True,
        "writable_tmpfs": True,
        "tmpfs_size": "8mb",
        "blocked_syscalls": ["ptrace", "sched_setaffinity"],
        "logging": {"max_output_size": "1mb"},
        "file_access": {
            "allowed_paths": ["open"],
            "deny_paths": [
                "/workspace/open/key",
                "open/deep/hidden",
                "open/missing",
                "/etc/shadow",
                "/data/key",
            ],
        },
        "allow_unenforced": _ALLOWED,
        "apparmor_profile": "docker-default",
        "selinux_label": "system_u:system_r:container_t:s0",
        # Soft like hard: an engine's own runtime, written in Go, may leave a soft one raised (runc 1.1).
        "ulimits": {"nofile": "100:100", "fsize": 64 * MIB},
        "log": {"driver": "json-file", "max_size": "1mb", "max_file": 2, "labels": ["openclaw.sandbox"]},
        "health_check": {"command": ["true"], "interval": 1, "timeout": 5, "retries": 2},
    }


@dataclass(frozen=True)
class Shell:
    """A sandbox under a config.yml, and the two folders it mounts."""

    sandbox: Sandbox
    data: Path
    scratch: Path

    def __call__(self, script: str) -> Any:
        return self.sandbox.run("sh", "-c", script)


def _write(sandbox: Sandbox, block: dict[str, Any]) -> None:
    sandbox.tool.state.mkdir(parents=True, exist_ok=True)
    (sandbox.tool.state / "config.yml").write_text(json.dumps({"sandbox": block}))


def _give(folder: Path) -> None:
    """To the user that sandboxes of root's workspaces run as."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 1000, 1000)


@pytest.fixture(scope="module")
def shell(new_sandbox: Callable[[], Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    sandbox = new_sandbox()
    data, scratch = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("scratch")
    (data / "key").write_text("of the host")
    (data / "plain").write_text("of the host")
    workspace = sandbox.workspace
    (workspace / "open" / "deep" / "hidden").mkdir(parents=True)
    (workspace / "open" / "deep" / "hidden" / "x").write_text("secret")
    (workspace / "other").mkdir()
    (workspace / "open" / "key").write_text("secret")
    for folder in (data, scratch, workspace):
        _give(folder)
    _write(sandbox, _settings(data, scratch))
    try:
        done = sandbox.run("true")
        assert done.status == 0, done.said
        yield Shell(sandbox, data, scratch)
    finally:
        sandbox.remove_all()


def _cgroup(*names: str) -> str:
    """Prints the first of these control files: cgroup v1 and v2 name them otherwise."""
    return " || ".join(f"cat /sys/fs/cgroup/{name} 2>/dev/null" for name in names)


@dataclass(frozen=True)
class Effect:
    """What a script inside must print, its status, and words that the tool must say."""

    script: str
    prints: str = ""
    status: int | None = 0
    says: tuple[str, ...] = ()


EFFECTS: dict[str, Effect] = {
    "resource_limits.memory": Effect(
        "python3 -c 'bytearray(400 << 20)'",
        status=128 + signal.SIGKILL,
        says=("out of memory: the limit is 128 MiB", "config.yml:1 sandbox.resource_limits.memory"),
    ),
    "resource_limits.memory_swap": Effect(
        _cgroup("memory/memory.memsw.limit_in_bytes", "memory.swap.max"), rf"{160 * MIB}|{32 * MIB}"
    ),
    "resource_limits.memory_reservation": Effect(
        _cgroup("memory/memory.soft_limit_in_bytes", "memory.low"), str(64 * MIB)
    ),
    "resource_limits.cpus": Effect(_cgroup("cpu/cpu.cfs_quota_us", "cpu.max"), "^50000"),
    "resource_limits.cpu_shares": Effect(_cgroup("cpu/cpu.shares", "cpu.weight"), "^(512|20)$"),
    "resource_limits.cpuset": Effect("nproc", "^1$"),
    "resource_limits.pids": Effect(
        "for i in $(seq 100); do sleep 1 & done; wait",
        status=2,
        says=("too many processes: the limit is 48", "config.yml:1 sandbox.resource_limits.pids"),
    ),
    "resource_limits.disk_iops": Effect(
        _cgroup("blkio/blkio.throttle.write_iops_device", "io.max"), r" 2000|wiops=2000"
    ),
    "disk_read_bps": Effect(
        _cgroup("blkio/blkio.throttle.read_bps_device", "io.max"), rf" {64 * MIB}|rbps={64 * MIB}"
    ),
    "disk_write_bps": Effect(
        # 8 MiB past the page cache, at 4 MiB a second.
        "s=$(date +%s%N); dd if=/dev/zero of=/scratch/x bs=1M count=8 oflag=direct 2>/dev/null;"
        " e=$(date +%s%N); rm /scratch/x;"
        " echo $(( (e - s) / 1000000 ))",
        r"^(1[5-9]\d\d|[2-9]\d\d\d)$",
    ),
    "network_policy": Effect("ls /sys/class/net", "^lo$"),
    "drop_capabilities": Effect("grep CapEff /proc/self/status", "0000000000000000"),
    # Bits 0 and 10: CHOWN and NET_BIND_SERVICE.
    "keep_capabilities": Effect("grep CapBnd /proc/self/status", "0000000000000401"),
    "mounts": Effect("cat /data/plain; touch /data/x; touch /scratch/y && rm /scratch/y", "of the host"),
    "readonly_root": Effect(
        "touch /probe", status=1, says=("may not write /probe", "the root file system is read-only")
    ),
    "writable_tmpfs": Effect("touch /tmp/x && rm /tmp/x"),
    "tmpfs_size": Effect(
        "dd if=/dev/zero of=/tmp/x bs=1M count=9; s=$?; rm /tmp/x; exit $s",
        status=1,
        says=("no space left in /tmp, which holds 8 MiB", "config.yml:1 sandbox.tmpfs_size"),
    ),
    "blocked_syscalls": Effect(
        "python3 -c 'import os; os.sched_setaffinity(0, {0})'", status=1, says=("Operation not permitted",)
    ),
    "logging.max_output_size": Effect(
        "yes",
        status=None,
        says=("it wrote more than 1 MiB", "config.yml:1 sandbox.logging.max_output_size"),
    ),
    "ulimits": Effect(
        "ulimit -n; ulimit -f; exec python3 -c 'a = [open(\"/dev/null\") for _ in range(150)]'",
        "100",
        status=1,
        says=("it ran into the nofile limit of 100", "config.yml:1 sandbox.ulimits.nofile"),
    ),
    "file_access.allowed_paths": Effect(
        "ls /workspace; touch /workspace/x || touch open/x && rm open/x", r"^open$"
    ),
    "file_access.deny_paths": Effect(
        "cat open/key /data/key /etc/shadow; ls open/missing open/deep/hidden;"
        " touch open/key open/missing/x open/deep/hidden/x; mv open/deep open/other; rmdir open/deep/hidden;"
        " rm -f open/key; ls open",
        r"^open/deep/hidden:\n\nopen/missing:\ndeep\nkey\nmissing$",
    ),
    "timeout": Effect("sleep 60", status=124, says=("timed out after 4 s", "config.yml:1 sandbox.timeout")),
}


@pytest.mark.parametrize("key", EFFECTS)
def test_the_effect_inside(key: str, shell: Shell) -> None:
    effect = EFFECTS[key]
    done = shell(effect.script)
    assert re.search(effect.prints, done.text.strip(), re.MULTILINE), (done.text, done.said)
    assert effect.status is None or done.status == effect.status, (done.status, done.said)
    for words in effect.says:
        assert words in " ".join(done.said.split()), done.said


def _log(host: dict[str, Any]) -> object:
    return host["LogConfig"]


SHOWN: dict[str, Callable[[Shell], bool]] = {
    "enabled": lambda shell: shell("true").status == 0,
    "engine": lambda shell: shell("true").status == 0,
    "runtime": lambda shell: shell.sandbox.inspect()["HostConfig"]["Runtime"] == "runc",
    "log": lambda shell: (
        shell.sandbox.inspect()["HostConfig"]["LogConfig"]
        == {
            "Type": "json-file",
            "Config": {"max-size": str(MIB), "max-file": "2", "labels": "openclaw.sandbox"},
        }
    ),
}


@pytest.mark.parametrize("key", SHOWN)
def test_what_the_engine_shows(key: str, shell: Shell) -> None:
    assert SHOWN[key](shell)


def test_the_workspace_is_watched(shell: Shell) -> None:
    script = "dd if=/dev/zero of=open/big bs=1M count=30 2>/dev/null; sleep 10"
    done = shell(script)
    (shell.sandbox.workspace / "open" / "big").unlink()
    assert done.status != 0
    said = " ".join(done.said.split())
    assert "the workspace passed its limit of 20 MiB" in said
    assert "config.yml:1 sandbox.resource_limits.disk)" in said


def test_the_health_check_is_carried_out(shell: Shell) -> None:
    eventually(lambda: shell.sandbox.inspect()["State"]["Health"]["Status"] == "healthy")


def test_nothing_of_roots_is_left_in_the_workspace(shell: Shell) -> None:
    owners = {path.stat().st_uid for path in shell.sandbox.workspace.rglob("*")}
    assert owners == {shell.sandbox.workspace.stat().st_uid}
    assert (shell.sandbox.workspace / "open" / "key").read_text() == "secret"


def test_file_tools_see_what_commands_see(shell: Shell) -> None:
    tool = shell.sandbox.tool
    for path in (
        "/workspace/secret.txt",
        "/workspace/open/deep/hidden/x",
        "/etc/shadow",
        "/workspace/other/x",
    ):
        answer = tool("explain", "--path", path, "--json").document
        assert (answer["inside"]["visible"], answer["inside"]["writable"]) == (False, False), path
    assert tool("explain", "--path", "/workspace/open/x", "--json").document["inside"]["writable"]
    copied = tool("cp", ":/workspace/open/key", "copy")
    assert copied.status != 0
    assert not (tool.home / "copy").exists()


# ---- keys that cannot stand beside the others


def test_published_ports_are_on_loopback_only(sandbox: Sandbox) -> None:
    sandbox.configure(docker={"network": "bridge"})
    _write(sandbox, {"ports": [{"container": 8000}]})
    script = "python3 -m http.server 8000 >/dev/null 2>&1 & sleep 1; cat; kill $!"
    running = sandbox.start("sh", "-c", script)

    def bindings() -> Any:
        with contextlib.suppress(NotFound):  # it is being made
            return sandbox.inspect()["NetworkSettings"]["Ports"].get("8000/tcp")

    try:
        eventually(bindings)
        (binding,) = bindings()
        assert binding["HostIp"] == "127.0.0.1"

        def answers() -> bool:
            try:
                url = f"http://127.0.0.1:{binding['HostPort']}/"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        eventually(answers)
    finally:
        assert running.stdin is not None
        running.communicate()


def test_a_profile_of_the_operators_own(sandbox: Sandbox) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
    }
    sandbox.tool.state.mkdir(parents=True, exist_ok=True)
    (sandbox.tool.state / "own.json").write_text(json.dumps(profile))
    _write(sandbox, {"seccomp_profile": "own.json", "default_image": sandbox.image})
    done = sandbox.run("sh", "-c", "mkdir /tmp/x || echo refused")
    assert done.text == "refused\n", done.said


def test_everything_is_off_when_it_says_so(sandbox: Sandbox) -> None:
    _write(sandbox, {"enabled": False})
    done = sandbox.run("true")
    assert done.status == 2
    assert "enabled: false" in done.said
    assert sandbox.containers() == []


def test_the_default_image(sandbox: Sandbox) -> None:
    sandbox.tool.write_config(
        {"agents": {"defaults": {"sandbox": {"docker": {"containerPrefix": sandbox.prefix}}}}}
    )
    _write(sandbox, {"default_image": sandbox.image})
    assert sandbox.run("true").status == 0
    assert sandbox.inspect()["Config"]["Image"] == sandbox.image


#: Key -> the block that asks for it, and the word by which the refusal names it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "apparmor_profile": ({"apparmor_profile": "docker-default"}, "docker.apparmorProfile"),
    "selinux_label": ({"selinux_label": "system_u:system_r:container_t:s0"}, "selinux_label"),
    "resource_limits.disk_io_weight": (
        {"resource_limits": {"disk_io_weight": 500}},
        "resource_limits.disk_io_weight",
    ),
    "runtime": ({"runtime": "kata-qemu"}, "runtime kata-qemu"),
    "engine": ({"engine": "podman"}, "engine"),
    "blocked_paths": (
        {"blocked_paths": ["/usr/share"]},
        "blocked_paths",
    ),
    "ports": ({"ports": [8000]}, "ports"),
    "keep_capabilities": ({"keep_capabilities": ["SYS_ADMIN"]}, "SYS_ADMIN"),
    "mounts": ({"mounts": [{"source": "/etc", "target": "/host-etc"}]}, "/etc"),
    "file_access.deny_paths": ({"file_access": {"deny_paths": ["/workspace"]}}, "file_access.deny_paths"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_cannot_be_kept_is_refused_by_name(key: str, sandbox: Sandbox) -> None:
    block, name = REFUSED[key]
    sandbox.configure(docker={"binds": ["/usr/share/zoneinfo:/zones:ro"]})
    _write(sandbox, block)
    done = sandbox.run("true")
    assert done.status in (2, 125), (done.status, done.said)
    assert name in done.said
    assert sandbox.containers() == []
    if name in ("docker.apparmorProfile", "selinux_label", "resource_limits.disk_io_weight"):
        assert f"allow_unenforced in config.yml: {key.rpartition('.')[2]}" in done.said


UNBUILT = {
    "enabled": True,
    "level": "debug",
    "capture_stdout": True,
    "capture_stderr": True,
    "audit_trail": "/var/log/openclaw/audit.log",
}


def test_what_nothing_enforces_yet_is_refused_by_name(sandbox: Sandbox) -> None:
    _write(sandbox, {"logging": UNBUILT})
    done = sandbox.run("true")
    assert done.status == 2
    for key in UNBUILT:
        assert f"sandbox.logging.{key}: " in done.said
    assert sandbox.containers() == []


#: Hosts and the workspace's volume have tests of their own: `egress`, and `test_volume`.
_ELSEWHERE = {"allowed_hosts", "denied_hosts", "workspace_volume"}
_BESIDE = {
    *(
        "resource_limits.disk",
        "health_check",
        "ports",
        "seccomp_profile",
        "default_image",
        "allow_unenforced",
    ),
    *_ELSEWHERE,
}


def test_every_key_has_a_test() -> None:
    keys = {".".join(path[1:]) for path in known_keys("hardening_schema")}
    top = {key for key in keys if key and not key.startswith("agents")}
    seen = {*EFFECTS, *SHOWN, *REFUSED, *_BESIDE, *(f"logging.{key}" for key in UNBUILT)}
    blocks = {
        "resource_limits",
        "logging",
        "file_access",
        "mounts",
        "log",
        "health_check",
        "ports",
        "ulimits",
    }
    parts = {
        key for key in top if key.partition(".")[0] in {"mounts", "log", "health_check", "ports", "ulimits"}
    }
    assert top - parts - blocks - seen == set()
