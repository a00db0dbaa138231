"""config.yml meets openclaw.json: who wins, who is told, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.model import LoadedConfig, LoadedHardening
from openclaw_sandbox.config.origin import Origin, OriginKind, dotted
from openclaw_sandbox.policy.model import Severity
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import STATE, FakeHost, config_of, docker

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy

MIB = 1 << 20


def policy_of(block: dict[str, Any], data: dict[str, Any] | None = None) -> EffectivePolicy:
    """The policy under this `sandbox` block, in the form that loading gives it."""
    base = config_of(data or {})
    file = LoadedHardening(
        file=STATE / "config.yml",
        exists=True,
        data=block,
        origin_of=lambda path: Origin(
            kind=OriginKind.FILE, key=dotted(("sandbox", *path)), file=str(STATE / "config.yml")
        ),
    )
    config = LoadedConfig(
        paths=base.paths, exists=True, data=base.data, origin_of=base.origin_of, hardening=file
    )
    return survey(config, session=None, agent=None, host=FakeHost())


def told(policy: EffectivePolicy, code: str) -> list[str]:
    return [finding.message for finding in policy.findings if finding.code == code]


def test_an_agent_that_would_loosen_a_limit_is_told_and_gets_the_tight_one() -> None:
    block = {"resource_limits": {"pids": 10}, "agents": {"main": {"resource_limits": {"pids": 20}}}}
    policy = policy_of(block)
    assert policy.hardening.pids_limit == 10
    (message,) = told(policy, "limit.lost")
    assert "20 is looser than 10 (sandbox.resource_limits.pids)" in message
    assert [c.why_lost for c in policy.values["docker.pidsLimit"].overridden if c.why_lost]


def test_an_agent_may_tighten_in_silence() -> None:
    block = {"resource_limits": {"pids": 20}, "agents": {"main": {"resource_limits": {"pids": 10}}}}
    policy = policy_of(block)
    assert policy.hardening.pids_limit == 10
    assert told(policy, "limit.lost") == []


def test_openclaw_json_that_would_loosen_is_told() -> None:
    policy = policy_of({"resource_limits": {"memory": 64 * MIB}}, docker(memory="1g"))
    assert policy.hardening.memory_bytes == 64 * MIB
    assert policy.hardening.memory_swap_bytes == 64 * MIB
    (message,) = told(policy, "limit.lost")
    assert "1 GiB is looser than 64 MiB" in message


def test_the_built_in_values_may_be_loosened_with_a_warning() -> None:
    policy = policy_of({"resource_limits": {"pids": 9000}, "ulimits": {"nofile": {"soft": 9, "hard": 99999}}})
    assert policy.hardening.pids_limit == 9000
    assert len(told(policy, "weak.built-in")) == 2


def test_ulimits_keep_the_lowest_of_everybody() -> None:
    block = {
        "ulimits": {"nofile": {"soft": 50, "hard": 60}},
        "agents": {"main": {"ulimits": {"nofile": {"soft": 70, "hard": 70}}}},
    }
    policy = policy_of(block, docker(ulimits={"nofile": 55}))
    (limit,) = [limit for limit in policy.hardening.ulimits if limit.name == "nofile"]
    assert (limit.soft, limit.hard) == (50, 55)
    assert len(told(policy, "limit.lost")) == 1


def test_deny_by_default_beats_a_network() -> None:
    policy = policy_of({"network_policy": "deny-by-default"}, docker(network="bridge"))
    assert policy.hardening.network == "none"
    assert policy.values["docker.network"].overridden[-1].value == "bridge"


def test_a_mount_replaces_a_tmpfs_and_may_pass_a_blocked_path() -> None:
    block = {
        "mounts": [{"source": "/srv/scratch", "target": "/tmp", "mode": "rw"}],
        "blocked_paths": ["/srv"],
    }
    policy = policy_of(block)
    assert "/tmp" not in [mount.destination for mount in policy.hardening.tmpfs]
    assert len(told(policy, "mount.exception")) == 1


def test_a_bind_that_meets_a_blocked_path_is_refused() -> None:
    policy = policy_of({"blocked_paths": ["/srv/a"]}, docker(binds=["/srv:/x", "/srv/b:/y"]))
    assert [bind.destination for bind in policy.hardening.binds] == ["/y"]
    assert len(told(policy, "bind.blocked")) == 1


def test_calls_are_compiled_into_our_profile() -> None:
    policy = policy_of({"seccomp_profile": "docker-default", "blocked_syscalls": ["ptrace"]})
    assert policy.hardening.seccomp.kind.value == "openclaw-sandbox"
    assert policy.values["docker.seccompProfile"].value == "openclaw-sandbox"
    assert told(policy, "weak.seccomp") == []


def test_file_access_of_both_blocks() -> None:
    block = {
        "file_access": {"deny_paths": ["a", "/etc/shadow"], "allowed_paths": ["src", "out"]},
        "agents": {"main": {"file_access": {"deny_paths": ["a/b", "b"], "allowed_paths": ["src/x", "docs"]}}},
    }
    hardening = policy_of(block).hardening
    assert hardening.hidden_paths == ("/etc/shadow", "/workspace/a", "/workspace/b")
    assert hardening.visible_paths == ("/workspace/src/x",)


def test_nothing_allowed_is_told() -> None:
    policy = policy_of({"file_access": {"allowed_paths": []}})
    assert policy.hardening.visible_paths == ()
    assert len(told(policy, "file-access.nothing")) == 1


@pytest.mark.parametrize("path", ["/", "/workspace", "/proc", "/usr", "../x", "~/x", ""])
def test_paths_that_cannot_be_hidden(path: str) -> None:
    policy = policy_of({"file_access": {"deny_paths": [path]}})
    assert len(told(policy, "file-access.path")) == 1
    assert policy.hardening.hidden_paths == ()


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ({"engine": "podman"}, "engine.unknown"),
        ({"default_image": "x" * 600}, "image.invalid"),
        ({"default_image": "a b"}, "image.invalid"),
        ({"keep_capabilities": ["SYS_ADMIN"]}, "capability.dangerous"),
        ({"keep_capabilities": ["NOPE"]}, "capability.unknown"),
        ({"seccomp_profile": "unconfined"}, "seccomp.unconfined"),
        ({"apparmor_profile": "unconfined"}, "apparmor.unconfined"),
        ({"ports": [{"container": 80, "host": 0, "protocol": "tcp"}]}, "ports.no-network"),
        ({"logging": {"audit_trail": "/x"}}, "key.unbuilt"),
        ({"mounts": [{"source": "/etc", "target": "/x", "mode": "ro"}]}, "bind.sensitive"),
        (
            {
                "resource_limits": {"cpuset": [0]},
                "agents": {"main": {"resource_limits": {"cpuset": [1]}}},
            },
            "limit.cpuset",
        ),
    ],
)
def test_refused(block: dict[str, Any], code: str) -> None:
    found = [finding for finding in policy_of(block).findings if finding.severity is Severity.ERROR]
    assert [finding.code for finding in found] == [code]
    assert found[0].origin is not None
    assert found[0].hint
