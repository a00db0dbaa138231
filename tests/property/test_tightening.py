"""From config.yml upwards limits and denials only get tighter; and no file breaks the policy."""

from __future__ import annotations

import json
import os
import random
import resource
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.config.hardening_file import load_hardening_file
from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.config.origin import OriginKind
from openclaw_sandbox.errors import ConfigError
from openclaw_sandbox.policy.binds import is_under
from openclaw_sandbox.policy.mounts import MountKind, mounts_of
from openclaw_sandbox.policy.paths import path_map
from openclaw_sandbox.policy.resolve import survey
from openclaw_sandbox.policy.tighten import LIMITS
from tests.fake_host import FakeHost

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.policy.model import EffectivePolicy, Tmpfs

MIB = 1 << 20
#: How many damaged files are tried; `scripts/soak config` asks for 5,000.
MUTATIONS = int(os.environ.get("OPENCLAW_SANDBOX_MUTATIONS", "150"))

_mib = st.integers(8, 4096).map(lambda n: n * MIB)
_paths = st.sampled_from(
    ["src", "src/a", "src/a/b", "out", "/workspace/out/x", "/etc/shadow", "/data", "/tmp/x"]
)
_ulimits = st.dictionaries(st.sampled_from(["nofile", "nproc"]), st.integers(1, 9999), max_size=2)
_block = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.integers(1, 9999),
        "resource_limits": st.fixed_dictionaries(
            {},
            optional={
                "memory": _mib,
                "memory_reservation": st.integers(6, 8).map(lambda n: n * MIB),
                "cpus": st.sampled_from([0.5, 1, 2, 3.5]),
                "cpu_shares": st.integers(2, 4096),
                "cpuset": st.sampled_from(["0", "0,1", "0-3", "1-2"]),
                "pids": st.integers(1, 9999),
                "disk": _mib,
                "disk_iops": st.integers(1, 9999),
                "disk_io_weight": st.integers(10, 1000),
            },
        ),
        "disk_read_bps": _mib,
        "disk_write_bps": _mib,
        "logging": st.fixed_dictionaries({}, optional={"max_output_size": _mib}),
        "readonly_root": st.booleans(),
        "network_policy": st.just("deny-by-default"),
        "drop_capabilities": st.lists(st.sampled_from(["NET_RAW", "CHOWN", "KILL"]), max_size=3),
        "blocked_syscalls": st.lists(st.sampled_from(["ptrace", "mkdir", "chmod"]), max_size=3),
        "tmpfs_size": _mib,
        "ulimits": _ulimits,
        "file_access": st.fixed_dictionaries(
            {},
            optional={
                "deny_paths": st.lists(_paths, max_size=3),
                "allowed_paths": st.lists(_paths, max_size=3),
            },
        ),
        "enabled": st.booleans(),
    },
)
_docker = st.fixed_dictionaries(
    {},
    optional={
        "memory": _mib,
        "cpus": st.sampled_from([0.25, 1, 4]),
        "pidsLimit": st.integers(1, 9999),
        "readOnlyRoot": st.booleans(),
        "capDrop": st.lists(st.sampled_from(["ALL", "NET_RAW", "SYS_CHROOT"]), unique=True),
        "network": st.sampled_from(["none", "bridge"]),
        "tmpfs": st.lists(st.sampled_from(["/tmp:size=1m", "/scratch:size=64m"]), unique=True),
        "ulimits": _ulimits,
    },
)


def policy_of(folder: Path, docker: dict[str, Any], block: dict[str, Any]) -> EffectivePolicy:
    (folder / "config.yml").write_text(json.dumps({"sandbox": block}))
    paths = StatePaths(home=folder, state_dir=folder, config_file=folder / "openclaw.json", profile=None)
    data = {"agents": {"defaults": {"sandbox": {"docker": docker}}}}
    origin = load_config_origin()
    config = LoadedConfig(
        paths=paths, exists=True, data=data, origin_of=origin, hardening=load_hardening_file(paths)
    )
    return survey(config, session=None, agent=None, host=FakeHost())


def load_config_origin() -> Any:
    """Everything in openclaw.json is said by that file."""
    from openclaw_sandbox.config.origin import Origin, dotted

    return lambda path: Origin(kind=OriginKind.FILE, key=dotted(path), file="openclaw.json")


def size_of(mount: Tmpfs) -> int:
    """In bytes; the last one counts."""
    return int([option[5:] for option in mount.options if option.startswith("size=")][-1])


def is_said(policy: EffectivePolicy, key: str) -> bool:
    """Whether a file says it: the built-in values may be changed either way."""
    value = policy.values.get(key)
    return value is not None and value.origin.kind is OriginKind.FILE


def as_strict(tighter: EffectivePolicy, looser: EffectivePolicy) -> None:
    """`tighter` allows nothing that `looser` does not."""
    tight, loose = tighter.hardening, looser.hardening
    for limit in LIMITS:
        if limit.field == "memory_swap_bytes" or not is_said(looser, limit.value_key):
            continue  # swap follows the memory limit
        ours, theirs = getattr(tight, limit.field), getattr(loose, limit.field)
        if theirs is not None:
            assert ours is not None, limit.key
            assert limit.order(ours) <= limit.order(theirs), limit.key
    if "ALL" not in tight.cap_drop:
        assert set(tight.cap_drop) >= set(loose.cap_drop)
    assert set(tight.seccomp.blocked) >= set(loose.seccomp.blocked)
    assert tight.network == "none" or loose.network != "none"
    limits = {limit.name: limit for limit in tight.ulimits}
    for ulimit in loose.ulimits:
        if is_said(looser, f"docker.ulimits.{ulimit.name}"):
            assert limits[ulimit.name].hard <= ulimit.hard
    sizes = {mount.destination: size_of(mount) for mount in tight.tmpfs}
    free = set() if is_said(looser, "tmpfs_size") or is_said(looser, "docker.tmpfs") else {"/tmp"}
    assert all(
        sizes.get(mount.destination, 0) <= size_of(mount)
        for mount in loose.tmpfs
        if mount.destination not in free
    )
    for path in loose.hidden_paths:
        assert any(is_under(path, hidden) for hidden in tight.hidden_paths)
    if loose.visible_paths is not None:
        assert tight.visible_paths is not None
        assert all(
            any(is_under(path, other) for other in loose.visible_paths) for path in tight.visible_paths
        )


@given(docker=_docker, everybody=_block, agent=_block)
def test_an_agent_can_only_tighten(
    docker: dict[str, Any], everybody: dict[str, Any], agent: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("law")
    loose = policy_of(folder, docker, everybody)
    tight = policy_of(folder, docker, {**everybody, "agents": {"main": agent}})
    as_strict(tight, loose)
    assert tight.enabled <= loose.enabled


@given(docker=_docker, everybody=_block)
def test_openclaw_json_can_only_tighten(
    docker: dict[str, Any], everybody: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("law")
    alone, both = policy_of(folder, {}, everybody), policy_of(folder, docker, everybody)
    said = {limit for limit in LIMITS if alone.values.get(limit.key) is not None}
    for limit in said:
        ours, theirs = getattr(both.hardening, limit.field), getattr(alone.hardening, limit.field)
        assert limit.order(ours) <= limit.order(theirs), limit.key
        # Who lost is told, and stays visible.
        value = both.values[limit.value_key]
        assert value.value == ours
        written = docker.get(limit.value_key.removeprefix("docker."))
        if written is not None and limit.order(written) > limit.order(ours):
            assert any(f.code == "limit.lost" and limit.value_key in f.message for f in both.findings)
            assert any(c.why_lost for c in value.overridden)


@given(docker=_docker, everybody=_block, agent=_block, path=_paths)
def test_commands_and_file_tools_agree(
    docker: dict[str, Any], everybody: dict[str, Any], agent: dict[str, Any], path: str, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("law")
    policy = policy_of(folder, docker, {**everybody, "agents": {"main": agent}})
    mounts = mounts_of(policy)
    paths = path_map(policy, home=folder)
    assert len({mount.destination for mount in mounts}) == len(mounts)
    for hidden in policy.hardening.hidden_paths:
        inside = paths.inside(f"{hidden}/deeper")
        assert (inside.host_path, inside.writable, inside.visible) == (None, False, False)
    asked = paths.resolve(path)
    if asked is not None:
        assert asked.visible
        assert asked.host_path is not None
        assert not any(is_under(asked.container_path, hidden) for hidden in policy.hardening.hidden_paths)
    for mount in mounts:
        if mount.behind is not None:
            assert mount.kind is MountKind.MASK
            assert paths.from_host(mount.behind) is None


# ---- damaged files, all the way to the policy

_VALID = """\
sandbox:
  enabled: true
  engine: docker
  timeout: 300
  runtime: runsc
  resource_limits:
    memory: '2gb'
    memory_swap: '2.5gb'
    cpus: '1'
    cpuset: '0,1'
    pids: 256
    disk: '5gb'
  network_policy: 'deny-by-default'
  allowed_hosts: ['api.example.com']
  drop_capabilities: ['CAP_SYS_ADMIN']
  keep_capabilities: ['CAP_CHOWN']
  mounts:
    - {source: '/srv/tmp',  target: '/tmp',  mode: 'rw'}
    - &shared {source: '/srv/data', target: '/data', mode: 'ro'}
  blocked_paths: ['/home', '/root']
  tmpfs_size: '100m'
  blocked_syscalls: [ptrace, kexec_load]
  file_access: {allowed_paths: [src], deny_paths: [src/secret, /etc/shadow]}
  ulimits: {nofile: '100:200'}
  ports: [8080]
  agents:
    main: {timeout: 5m, resource_limits: {memory: 1g}}
"""
_JUNK = [
    *(
        ".nan",
        ".inf",
        "-.inf",
        "1e400",
        "0x7fffffffffffffff",
        "9" * 400,
        "null",
        "~",
        "yes",
        "''",
        "[]",
        "{}",
    ),
    *("\t", "\0", "\x85", "\ufeff", "&a [*a]", "*nope", "<<: *shared", "!!python/object:os.system {}", "- -"),
    *("? x", "|", ">", "%YAML 9.9", "---", "...", "\udce9", "timeout: 1", "{" * 30, "[" * 30, "'", '"'),
    *("&b [*shared,*shared]", "2001-01-01", "-1", "1.5.6", "../..", "/", "/proc", "CAP_", "ALL", "é" * 300),
]


def damaged(rng: random.Random) -> bytes:
    lines = _VALID.splitlines()
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randrange(len(lines)), rng.randrange(6)
        key, colon, _value = lines[at].partition(": ")
        if kind == 0 and colon:
            lines[at] = f"{key}: {rng.choice(_JUNK)}"
        elif kind == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif kind == 2:
            lines[at] = rng.choice(["\t", "  ", " "]) + lines[at]
        elif kind == 3:
            column = rng.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:column] + rng.choice(_JUNK) + lines[at][column:]
        elif kind == 4:
            del lines[at]
        else:
            lines[at] = lines[at] * rng.randint(2, 50)
        lines = lines or [""]
    raw = "\n".join(lines).encode("utf-8", "surrogateescape")
    return raw[: rng.randrange(len(raw) + 1)] if rng.random() < 0.1 else raw


def outcome(folder: Path) -> str:
    """`fine`, or `refused` by one clear error; anything else fails."""
    env = {"HOME": str(folder), "OPENCLAW_STATE_DIR": str(folder)}
    try:
        survey(load_config(env=env, cwd=folder), session=None, agent=None, host=FakeHost())
    except ConfigError as error:
        assert "config.yml" in error.brief
        assert error.issues
        for issue in error.issues:
            assert issue.file == str(folder / "config.yml")
            assert issue.message.isprintable()
        return "refused"
    return "fine"


def test_damaged_files_end_in_a_policy_or_in_one_clear_error(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng, seen = random.Random(seed), set()
    for number in range(MUTATIONS):
        raw = damaged(rng)
        (tmp_path / "config.yml").write_bytes(raw)
        began = time.process_time()
        try:
            seen.add(outcome(tmp_path))
        except Exception as error:
            raise AssertionError(f"seed {seed}, file {number}: {raw!r}") from error
        assert time.process_time() - began < 10, raw
    assert "refused" in seen


def _laughs() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


HOSTILE = {
    "laughs": _laughs(),
    "deep": b"sandbox: " + b"[" * 100_000,
    "deep-blocks": b"\n".join(b" " * n + b"a:" for n in range(2000)),
    "wide": b"sandbox:\n" + b"".join(b"  k%d: 1\n" % n for n in range(20_000)),
    "keys-twice": b"sandbox:\n  timeout: 1\n  timeout: 2\n",
    "tab": b"sandbox:\n\ttimeout: 1\n",
    "nan": b"sandbox: {timeout: .nan}\n",
    "binary": bytes(range(256)) * 100,
    "utf-16": "sandbox: {timeout: 1}".encode("utf-16"),
    "two-documents": b"sandbox: {}\n---\nsandbox: {}\n",
    "tag": b"sandbox: !!python/object/apply:os.system ['true']\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_bytes(HOSTILE[name])
    began = time.process_time()
    assert outcome(tmp_path) == "refused"
    assert time.process_time() - began < 10


def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.yml").open("wb") as file:
        file.write(b"sandbox: {}\n")
        file.truncate(100 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert outcome(tmp_path) == "refused"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB
