"""config.yml: every key loads, takes one form, knows its line, and is refused by name where it is wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.hardening_file import load_hardening_file
from openclaw_sandbox.config.load import state_paths
from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.config.validate import known_keys
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from openclaw_sandbox.config.model import LoadedHardening
    from tests.unit.config.conftest import Home

GIB, MIB = 1 << 30, 1 << 20

FULL = """\
sandbox:
  enabled: true
  engine: docker
  default_image: openclaw-sandbox:bookworm-slim
  timeout: 300
  runtime: runsc
  resource_limits:
    memory: '2gb'
    memory_swap: '2.5gb'
    memory_reservation: '1gb'
    cpus: '1'
    cpu_shares: '1024'
    cpuset: '0,1'
    pids: 256
    disk: '5gb'
    disk_iops: '1000'
    disk_io_weight: '500'
  network_policy: 'deny-by-default'
  allowed_hosts: ['api.example.com', 'data.example.com']
  denied_hosts: ['169.254.169.254']
  drop_capabilities: ['CAP_SYS_ADMIN', NET_ADMIN]
  keep_capabilities: ['CAP_CHOWN']
  mounts:
    - {source: '~/openclaw/tmp', target: '/tmp', mode: 'rw'}
    - source: /home/user/data
      target: /data
  blocked_paths: ['/home', ~/.ssh]
  selinux_label: 'system_u:system_r:container_t:s0'
  apparmor_profile: 'docker-default'
  readonly_root: true
  writable_tmpfs: false
  tmpfs_size: '100m'
  seccomp_profile: ~/seccomp.json
  blocked_syscalls: [ptrace, kexec_load]
  logging:
    enabled: true
    level: 'debug'
    capture_stdout: true
    capture_stderr: false
    max_output_size: '10mb'
    audit_trail: '/var/log/openclaw/sandbox-audit.log'
  ulimits: {nofile: '1024:2048', core: 0, NPROC: {soft: 5, hard: 9}}
  disk_read_bps: 10mb/s
  disk_write_bps: 5242880
  file_access: {allowed_paths: [/data, src], deny_paths: [/data/secret]}
  allow_unenforced: [resource_limits.disk, apparmor_profile]
  log: {max_size: 1m, labels: [openclaw.sandbox]}
  health_check: {command: 'true', interval: 1m}
  ports: ['8080:80', 9090]
  agents:
    Work Horse: {timeout: 1h, resource_limits: {cpuset: [0]}, log: {driver: none}}
  workspace_volume: loop
"""

DATA: dict[str, Any] = {
    "enabled": True,
    "engine": "docker",
    "default_image": "openclaw-sandbox:bookworm-slim",
    "timeout": 300,
    "runtime": "runsc",
    "resource_limits": {
        "memory": 2 * GIB,
        "memory_swap": 5 * GIB // 2,
        "memory_reservation": GIB,
        "cpus": 1.0,
        "cpu_shares": 1024,
        "cpuset": [0, 1],
        "pids": 256,
        "disk": 5 * GIB,
        "disk_iops": 1000,
        "disk_io_weight": 500,
    },
    "workspace_volume": "loop",
    "network_policy": "deny-by-default",
    "allowed_hosts": ["api.example.com", "data.example.com"],
    "denied_hosts": ["169.254.169.254"],
    "drop_capabilities": ["SYS_ADMIN", "NET_ADMIN"],
    "keep_capabilities": ["CHOWN"],
    "mounts": [
        {"source": "{home}/openclaw/tmp", "target": "/tmp", "mode": "rw"},
        {"source": "/home/user/data", "target": "/data", "mode": "ro"},
    ],
    "blocked_paths": ["/home", "{home}/.ssh"],
    "selinux_label": "system_u:system_r:container_t:s0",
    "apparmor_profile": "docker-default",
    "readonly_root": True,
    "writable_tmpfs": False,
    "tmpfs_size": 100 * MIB,
    "seccomp_profile": "{home}/seccomp.json",
    "blocked_syscalls": ["ptrace", "kexec_load"],
    "logging": {
        "enabled": True,
        "level": "debug",
        "capture_stdout": True,
        "capture_stderr": False,
        "max_output_size": 10 * MIB,
        "audit_trail": "/var/log/openclaw/sandbox-audit.log",
    },
    "ulimits": {
        "nofile": {"soft": 1024, "hard": 2048},
        "core": {"soft": 0, "hard": 0},
        "nproc": {"soft": 5, "hard": 9},
    },
    "disk_read_bps": 10 * MIB,
    "disk_write_bps": 5242880,
    "file_access": {"allowed_paths": ["/data", "src"], "deny_paths": ["/data/secret"]},
    "allow_unenforced": ["disk", "apparmor_profile"],
    "log": {"driver": "json-file", "max_size": MIB, "max_file": 3, "labels": ["openclaw.sandbox"]},
    "health_check": {"command": ["sh", "-c", "true"], "interval": 60, "timeout": 10, "retries": 3},
    "ports": [
        {"container": 80, "host": 8080, "protocol": "tcp"},
        {"container": 9090, "host": 0, "protocol": "tcp"},
    ],
    "agents": {
        "work-horse": {
            "timeout": 3600,
            "resource_limits": {"cpuset": [0]},
            "log": {"driver": "none", "max_size": 10 * MIB, "max_file": 3},
        }
    },
}


def load(home: Home, text: str | bytes | None = None) -> LoadedHardening:
    if text is not None:
        home.write(text, "config.yml")
    return load_hardening_file(state_paths(env=home.env, cwd=home.path))


def refused(home: Home, text: str) -> tuple[Issue, ...]:
    with pytest.raises(ConfigError) as caught:
        load(home, text)
    assert caught.value.exit_code == 2
    return caught.value.issues


def refused_once(home: Home, text: str) -> Issue:
    (issue,) = refused(home, text)
    return issue


def in_home(value: Any, home: Home) -> Any:
    if isinstance(value, dict):
        return {key: in_home(item, home) for key, item in value.items()}
    if isinstance(value, list):
        return [in_home(item, home) for item in value]
    return value.replace("{home}", str(home.path)) if isinstance(value, str) else value


def test_every_key_takes_its_one_form(home: Home) -> None:
    loaded = load(home, FULL)
    assert (loaded.exists, loaded.file) == (True, home.state / "config.yml")
    assert loaded.data == in_home(DATA, home)


def test_the_example_holds_every_key() -> None:
    known = {path[1] for path in known_keys("hardening_schema") if len(path) > 1}
    assert known == set(DATA)


def test_it_comes_with_the_config(home: Home) -> None:
    home.write("sandbox: {timeout: 5}", "config.yml")
    for text in (None, "{}"):
        loaded = home.load(text).hardening
        assert loaded
        assert loaded.data == {"timeout": 5}


def test_without_a_file_nothing_is_said_and_no_yaml_is_loaded(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ruamel", "ruamel.yaml", "openclaw_sandbox.config.yaml_file"):
        monkeypatch.setitem(sys.modules, module, None)
    loaded = load(home)
    assert (loaded.exists, loaded.data, loaded.origin_of(("timeout",))) == (False, {}, BUILT_IN)


@pytest.mark.parametrize("text", ["", "# later\n", "sandbox:\n", "sandbox: {}\n", "---\n...\n"])
def test_a_file_that_says_nothing(home: Home, text: str) -> None:
    loaded = load(home, text)
    assert (loaded.exists, loaded.data) == (True, {})


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("timeout",), 5),
        (("resource_limits",), 8),
        (("resource_limits", "memory"), 8),
        (("resource_limits", "cpuset", 1), 13),
        (("drop_capabilities", 1), 21),
        (("mounts", 1, "target"), 26),
        (("ulimits", "nproc"), 42),
        (("ulimits", "nproc", "hard"), 42),
        (("ulimits", "nofile", "soft"), 42),
        (("health_check", "command", 2), 48),
        (("ports", 1, "container"), 49),
        (("agents", "work-horse", "timeout"), 51),
        (("agents", "work-horse", "resource_limits", "cpuset", 0), 51),
    ],
)
def test_origins(home: Home, path: tuple[str | int, ...], line: int) -> None:
    origin = load(home, FULL).origin_of(path)
    location = origin.location()
    assert location
    assert location.line == line
    assert origin.file == str(home.state / "config.yml")
    assert origin.key == "sandbox." + ".".join(map(str, path))


@pytest.mark.parametrize(
    "path",
    [
        ("x",),
        ("log", "driver"),
        ("mounts", 1, "mode"),
        ("health_check", "retries"),
        ("ports", 5),
        ("agents", "x"),
    ],
)
def test_what_the_file_does_not_say_is_built_in(home: Home, path: tuple[str | int, ...]) -> None:
    assert load(home, FULL).origin_of(path) is BUILT_IN


@pytest.mark.parametrize(
    ("block", "path", "message"),
    [
        ("enabled: yes", "enabled", 'expected true or false, found "yes"'),
        ("timeout:", "timeout", 'expected seconds, or a time such as "5m", found null'),
        ("timeout: soon", "timeout", 'expected seconds, or a time such as "90s" or "5m", found "soon"'),
        ("timout: 5", "", 'unknown key "timout"'),
        ("network_policy: allow", "network_policy", 'expected "deny-by-default", found "allow"'),
        (
            "resource_limits: {memory: 2 apples}",
            "resource_limits.memory",
            '"2 apples" is not a size: write a number of bytes or a text such as "512m" or "2g"',
        ),
        (
            "resource_limits: {memory: [1]}",
            "resource_limits.memory",
            'expected a size such as "512m" or "2gb", found a list',
        ),
        ("resource_limits: 5", "resource_limits", "expected an object, found 5"),
        ("drop_capabilities: ALL", "drop_capabilities", 'expected a list, found "ALL"'),
        (
            "resource_limits: {memory: 1g, memory_reservation: 2g}",
            "resource_limits.memory_reservation",
            "memory_reservation is above memory",
        ),
        (
            "resource_limits: {memory: 1g, memory_swap: 512m}",
            "resource_limits.memory_swap",
            "memory_swap is memory plus swap, and below memory",
        ),
        ("mounts: [{target: /x}]", "mounts.0.source", 'the key "source" is missing'),
        (
            "mounts: [{source: /a, target: /x}, {source: /b, target: /x/}]",
            "mounts.1.target",
            "/x is the target of an earlier mount too",
        ),
        (
            "mounts: [{source: /a, target: /x}, {source: /b, target: /y/..//x/.}]",
            "mounts.1.target",
            "/x is the target of an earlier mount too",
        ),
        (
            "ports: ['8080:80', '8080:81']",
            "ports.1",
            "the host's port 8080/tcp is that of an earlier entry too",
        ),
        (
            "log: {driver: local, labels: [a]}",
            "log.labels",
            "the driver local keeps no labels; json-file does",
        ),
        (
            "health_check: {command: x, interval: 0.0001}",
            "health_check.interval",
            "expected at least a millisecond, found 0.0001",
        ),
        ("workspace_volume: lop", "workspace_volume", 'expected "loop" or "none", found "lop"'),
        ("ulimits: {nofil: 1}", "ulimits.nofil", '"nofil" is no resource limit; did you mean nofile?'),
        (
            "ulimits: {core: 1, RLIMIT_CORE: 2}",
            "ulimits.RLIMIT_CORE",
            '"RLIMIT_CORE" means the same as "core" above',
        ),
        ("ports: ['0.0.0.0:1:1']", "ports.0", "ports are published on 127.0.0.1 only, not on 0.0.0.0"),
        ("ports: [{host: 1}]", "ports.0", None),
        (
            "allow_unenforced: [memry]",
            "allow_unenforced.0",
            '"memry" is no key of this file; did you mean memory?',
        ),
        ("health_check: {interval: 5}", "health_check.command", 'the key "command" is missing'),
        ("agents: {Work: {timeout: -1}}", "agents.Work.timeout", None),
        ("agents: {Work: {timout: 1}}", "agents.Work", 'unknown key "timout"'),
        ("agents: {Work: {}, work: {}}", "agents.work", '"work" means the same as "Work" above'),
        (
            "agents: {A B: {resource_limits: {memory: 1g, memory_swap: 512m}}}",
            "agents.A B.resource_limits.memory_swap",
            None,
        ),
    ],
)
def test_what_is_wrong_is_said_once(home: Home, block: str, path: str, message: str | None) -> None:
    issue = refused_once(home, f"sandbox:\n  {block}\n")
    assert issue.path == f"sandbox.{path}".rstrip(".")
    assert message is None or issue.message == message
    assert (issue.line, issue.file) == (2, str(home.state / "config.yml"))


def test_keys_that_belong_under_sandbox(home: Home) -> None:
    issue = refused_once(home, "timeout: 5\n")
    assert (issue.path, issue.message) == ("", 'unknown key "timeout"; allowed here: sandbox')
    assert issue.hint == "did you mean sandbox.timeout?"


@pytest.mark.parametrize("text", ["[]", "5", "hello", "- sandbox"])
def test_a_file_that_is_no_object(home: Home, text: str) -> None:
    assert refused_once(home, text).message.startswith('expected an object with the key "sandbox", found ')


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file(home: Home) -> None:
    issues = refused(home, "sandbox:\n  timeout: x\n  enabled: 1\n  nope: 1\n  resource_limits: {pids: 0}\n")
    assert [(issue.line, issue.path) for issue in issues] == [
        (2, "sandbox.timeout"),
        (3, "sandbox.enabled"),
        (4, "sandbox"),
        (5, "sandbox.resource_limits.pids"),
    ]


def test_another_spelling_of_its_name_is_not_passed_over(home: Home) -> None:
    home.write("sandbox: {}", "config.yaml")
    with pytest.raises(ConfigError) as caught:
        load(home)
    (issue,) = caught.value.issues
    assert issue.message == "this file is not read: it must be called config.yml"
    assert load(home, "sandbox: {}").exists


def test_no_yaml(home: Home) -> None:
    issue = refused_once(home, "sandbox:\n\ttimeout: 5\n")
    assert (issue.message, issue.line) == ("a tab cannot indent YAML; use spaces", 2)


def test_too_large(home: Home) -> None:
    assert refused_once(home, "#" * (300 << 10)).message.endswith("is larger than 256 KiB")
