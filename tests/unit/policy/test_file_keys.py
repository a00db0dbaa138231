"""config.yml meets openclaw.json: who wins, who is told, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.model import LoadedConfig, LoadedHardening
from openclaw_sandbox.config.origin import Origin, OriginKind, dotted
from openclaw_sandbox.policy.model import Severity
from openclaw_sandbox.policy.resolve import survey
from openclaw_sandbox.policy.volume import volume_bytes
from tests.fake_host import STATE, FakeHost, config_of, docker

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy

MIB = 1 << 20


def policy_of(
    block: dict[str, Any], data: dict[str, Any] | None = None, *, host: FakeHost | None = None
) -> EffectivePolicy:
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
    return survey(config, session=None, agent=None, host=host or FakeHost())


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


# ---- what would be accepted and not kept


@pytest.mark.parametrize("text", ["*.pem", "**/.env", "/workspace/secret?", "keys/*"])
def test_a_pattern_is_refused(text: str) -> None:
    for key in ("deny_paths", "allowed_paths"):
        policy = policy_of({"file_access": {key: [text]}})
        (message,) = told(policy, "file-access.pattern")
        assert f'file_access.{key}: "{text}" is a pattern' in message
        assert policy.findings[0].severity is Severity.ERROR
        assert policy.hardening.hidden_paths == ()


def test_brackets_are_a_name() -> None:
    policy = policy_of({"file_access": {"deny_paths": ["app/[id].tsx"]}})
    assert policy.hardening.hidden_paths == ("/workspace/app/[id].tsx",)
    assert told(policy, "file-access.brackets")


@pytest.mark.parametrize(
    ("blocked", "bind"),
    [
        ("/srv/secret", "/home/op/link"),
        ("/home/op/link", "/srv/secret"),
        ("/srv/secret", "/home/op/link/sub"),
    ],
)
def test_a_link_does_not_lead_around_blocked_paths(blocked: str, bind: str) -> None:
    host = FakeHost(links={"/home/op/link": "/srv/secret"})
    policy = policy_of({"blocked_paths": [blocked]}, docker(binds=[f"{bind}:/x:ro"]), host=host)
    assert policy.hardening.binds == ()
    (message,) = told(policy, "bind.blocked")
    assert blocked in message


def test_a_mount_through_a_link_is_an_exception_that_is_told() -> None:
    host = FakeHost(links={"/home/op/link": "/srv/secret"})
    mount = {"source": "/home/op/link", "target": "/x", "mode": "ro"}
    policy = policy_of({"blocked_paths": ["/srv"], "mounts": [mount]}, host=host)
    assert [bind.source for bind in policy.hardening.binds] == ["/home/op/link"]
    assert told(policy, "mount.exception")


def test_a_reservation_is_never_more_than_the_memory() -> None:
    limits = {"memory_reservation": 96 * MIB}
    policy = policy_of({"resource_limits": limits}, docker(memory="64m"))
    assert policy.hardening.memory_reservation_bytes == 64 * MIB
    (message,) = told(policy, "limit.reservation")
    assert "96 MiB lowered to 64 MiB" in message


def sizes(policy: EffectivePolicy) -> dict[str, str]:
    found = {mount.destination: mount.options for mount in policy.hardening.tmpfs}
    return {path: next(o for o in options if o.startswith("size=")) for path, options in found.items()}


def test_a_larger_tmpfs_than_ours_is_given_and_told() -> None:
    policy = policy_of({"tmpfs_size": 200 * MIB})
    assert sizes(policy) == {
        "/tmp": f"size={200 * MIB}",
        "/var/tmp": f"size={50 * MIB}",
        "/run": f"size={16 * MIB}",
    }
    assert told(policy, "weak.built-in") == [
        "tmpfs_size is 200 MiB: weaker than the built-in 100 MiB of /tmp."
    ]


def test_a_larger_tmpfs_than_that_of_openclaw_json_is_not() -> None:
    policy = policy_of({"tmpfs_size": 200 * MIB}, docker(tmpfs=["/tmp:size=64m", "/run"]))
    assert sizes(policy) == {"/tmp": f"size={64 * MIB}", "/run": f"size={16 * MIB}"}
    assert told(policy, "limit.tmpfs")


def test_a_tmpfs_beyond_the_memory_is_told() -> None:
    policy = policy_of({"tmpfs_size": 128 * MIB, "resource_limits": {"memory": 64 * MIB}})
    assert "more than the memory limit of 64 MiB" in told(policy, "limit.tmpfs-memory")[0]


def test_calls_that_every_program_makes_cannot_be_blocked() -> None:
    policy = policy_of({"blocked_syscalls": ["ptrace", "execve"]})
    (message,) = told(policy, "syscall.needed")
    assert "without execve" in message


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("disable", "selinux_label.invalid"),
        ("system_u:system_r", "selinux_label.invalid"),
        ("system_u:system_r:spc_t:s0", "selinux_label.unconfined"),
    ],
)
def test_a_label_that_confines_nothing_is_refused(label: str, code: str) -> None:
    policy = policy_of({"selinux_label": label})
    assert told(policy, code)
    assert policy.hardening.selinux_label is None


def test_a_label_with_categories() -> None:
    label = "system_u:system_r:container_t:s0:c1,c2"
    assert policy_of({"selinux_label": label}).hardening.selinux_label == label


def test_processors_in_a_row_are_a_range() -> None:
    policy = policy_of({"resource_limits": {"cpuset": [0, 1, 3, 4, 5, 7]}})
    assert policy.hardening.cpuset == "0,1,3-5,7"


def test_a_block_for_an_agent_that_there_is_not_is_told() -> None:
    policy = policy_of({"agents": {"mian": {"timeout": 5}, "main": {}}})
    (message,) = told(policy, "agents.unknown")
    assert '"mian"' in message


def test_unlimited_swap_is_called_so() -> None:
    policy = policy_of({"resource_limits": {"memory_swap": -1}})
    assert any("is unlimited: weaker" in text for text in told(policy, "weak.built-in"))


# ---- the workspace in a volume

VOLUME = {"workspace_volume": "loop", "resource_limits": {"disk": 64 * MIB}}


def test_a_workspace_can_be_a_volume() -> None:
    policy = policy_of(VOLUME)
    assert volume_bytes(policy) == 64 * MIB
    assert told(policy, "volume.impossible") == []
    assert policy.values["workspace_volume"].origin.key == "sandbox.workspace_volume"


@pytest.mark.parametrize(
    ("block", "sandbox", "words"),
    [
        (VOLUME, {"workspaceAccess": "rw"}, "workspaceAccess is rw"),
        (VOLUME, {"scope": "shared"}, "the scope is shared"),
        (VOLUME, {"workspaceRoot": "/srv/ours"}, "workspaceRoot is /srv/ours"),
        ({"workspace_volume": "loop"}, {}, "resource_limits.disk"),
        ({**VOLUME, "resource_limits": {"disk": MIB}}, {}, "a file system needs 16 MiB"),
    ],
)
def test_a_workspace_that_can_be_none_is_refused_or_watched(
    block: dict[str, Any], sandbox: dict[str, Any], words: str
) -> None:
    data = {"agents": {"defaults": {"sandbox": sandbox}}}
    policy = policy_of(block, data)
    assert words in told(policy, "volume.impossible")[0]
    assert policy.findings[0].severity is Severity.ERROR
    policy = policy_of({**block, "allow_unenforced": ["workspace_volume"]}, data)
    (finding,) = [f for f in policy.findings if f.code == "volume.impossible"]
    assert finding.severity is Severity.WARNING
    assert volume_bytes(policy) is None


def test_an_agent_cannot_leave_the_volume() -> None:
    policy = policy_of({**VOLUME, "agents": {"main": {"workspace_volume": "none"}}})
    assert volume_bytes(policy) == 64 * MIB
    assert told(policy, "limit.lost")
