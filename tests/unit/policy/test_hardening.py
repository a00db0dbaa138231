from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.policy.hardening import is_root
from openclaw_sandbox.policy.model import EffectivePolicy, SeccompKind, Severity
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import FakeHost, config_of, docker


def _policy(**settings: Any) -> EffectivePolicy:
    config = config_of(docker(**settings))
    return survey(config, session=None, agent=None, host=FakeHost())


def _codes(policy: EffectivePolicy) -> list[str]:
    """What the docker block brought up; `mode.off` is there in any case."""
    skipped = ("mode.off", "release.external-bind")
    return [f"{f.severity.value} {f.code}" for f in policy.findings if f.code not in skipped]


def test_what_nobody_has_to_ask_for() -> None:
    hardening = _policy().hardening
    assert hardening.image == "openclaw-sandbox:bookworm-slim"
    assert (hardening.user, hardening.workdir, hardening.network) == (None, "/workspace", "none")
    assert hardening.read_only_root
    assert hardening.cap_drop == ("ALL",)
    assert hardening.cap_add == ()
    assert hardening.seccomp.kind is SeccompKind.OURS
    assert (hardening.pids_limit, hardening.memory_bytes, hardening.memory_swap_bytes) == (
        512,
        2 << 30,
        2 << 30,
    )
    assert (hardening.cpus, hardening.timeout_s, hardening.runtime) == (None, None, None)
    assert hardening.shm_bytes == 16 << 20
    assert hardening.env == {"LANG": "C.UTF-8"}
    assert _codes(_policy()) == []


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({"user": "0:0"}, ["warning weak.root-user"]),
        ({"user": "root"}, ["warning weak.root-user"]),
        ({"user": "a b"}, ["error user.invalid"]),
        ({"user": "65534"}, []),
        ({"capDrop": []}, ["warning weak.capabilities"]),
        ({"capDrop": ["NET_RAW"]}, ["warning weak.capabilities"]),
        ({"capDrop": ["all", "CAP_CHOWN"]}, []),
        ({"capDrop": ["ALL", "FLY"]}, ["error capability.unknown"]),
        ({"readOnlyRoot": False}, ["warning weak.writable-root"]),
        ({"network": "bridge"}, ["warning weak.network"]),
        ({"network": ""}, []),
        ({"network": "host"}, ["error network.host"]),
        ({"network": "Container:x"}, ["error network.container"]),
        ({"network": "a b"}, ["error network.invalid"]),
        ({"seccompProfile": "unconfined"}, ["error seccomp.unconfined"]),
        ({"seccompProfile": "docker-default"}, ["warning weak.seccomp"]),
        ({"seccompProfile": "./x.json"}, ["warning seccomp.relative"]),
        ({"seccompProfile": "/x.json"}, []),
        ({"apparmorProfile": "Unconfined"}, ["error apparmor.unconfined"]),
        ({"apparmorProfile": "docker-default"}, ["info apparmor.profile"]),
        ({"workdir": "relative"}, ["error workdir.invalid"]),
        ({"workdir": "/usr/../etc"}, ["error workdir.invalid"]),
        ({"workdir": "/work:x"}, ["error workdir.invalid"]),
        ({"workdir": "/dev/shm/x"}, ["error workdir.invalid"]),
        ({"workdir": "/agent"}, []),
        ({"dns": [" ", "1.1.1.1", "fe80::1"]}, []),
        ({"dns": ["dns.example"]}, ["error dns.invalid"]),
        ({"extraHosts": ["a:127.0.0.1", "b:::1", "", "c:[::1]"]}, []),
        ({"extraHosts": ["a"]}, ["error extra-hosts.invalid"]),
        ({"extraHosts": ["a:host-gateway"]}, ["warning weak.extra-host"]),
        ({"image": "-v"}, ["error image.invalid"]),
        ({"image": ""}, ["error image.invalid"]),
        ({"env": {"A": "x\0"}}, ["error env.invalid"]),
        ({"env": {"A=B": "x"}}, ["error env.invalid"]),
        ({"env": {"A": "x" * 40000}}, ["warning env.odd-value"]),
        ({"env": {"GH_TOKEN": "x"}}, ["warning env.secret"]),
        ({"gpus": "all"}, ["error unsupported.docker.gpus"]),
        ({"gpus": ""}, []),
    ],
)
def test_what_is_noted(settings: dict[str, Any], codes: list[str]) -> None:
    assert _codes(_policy(**settings)) == codes


def test_every_refusal_and_warning_says_what_to_do() -> None:
    policy = _policy(
        user="a b", capDrop=["FLY"], network="host", seccompProfile="unconfined", workdir="x", image="",
        dns=["x"], extraHosts=["x"], env={"A=": ""}, binds=["x"], tmpfs=["x"], ulimits={"x": 1}, memory="x",
    )  # fmt: skip
    loud = [finding for finding in policy.findings if finding.severity is not Severity.INFO]
    assert len(loud) > 12
    assert [finding.code for finding in loud if not finding.hint] == []
    assert [finding.code for finding in loud if finding.origin is None] == []


def test_secrets_go_to_exec_and_the_rest_into_the_container() -> None:
    hardening = _policy(env={" A ": "1", "GH_TOKEN": "s3cret", " ": "x"}).hardening
    assert (hardening.env, hardening.secret_env) == ({"A": "1"}, {"GH_TOKEN": "s3cret"})
    assert "s3cret" not in repr(hardening)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("postgres://app:s3cret@db.example.com/x", True),
        ("ghp_" + "a1" * 18, True),
        ("postgres://app@db.example.com/x", False),
        ("0123456789abcdef0123456789abcdef01234567", False),  # a commit, as well as anything
    ],
)
def test_a_credential_is_a_secret_under_any_name(value: str, secret: bool) -> None:
    policy = _policy(env={"DB": value})
    assert policy.hardening.secret_env == ({"DB": value} if secret else {})
    assert policy.hardening.env == ({} if secret else {"DB": value})
    assert ("warning env.secret" in _codes(policy)) is secret


def test_joining_a_network_takes_the_long_key() -> None:
    policy = _policy(network="container:x", dangerouslyAllowContainerNamespaceJoin=True)
    assert "warning network.container" in _codes(policy)
    assert policy.hardening.network == "container:x"


def test_a_seccomp_file_is_taken_from_the_configs_folder() -> None:
    assert _policy(seccompProfile="./x.json").hardening.seccomp.path == "/home/op/.openclaw/x.json"
    assert _policy(seccompProfile="/y/x.json").hardening.seccomp.kind is SeccompKind.FILE
    assert _policy(seccompProfile="docker-default").hardening.seccomp.kind is SeccompKind.ENGINE


def test_a_bind_replaces_a_tmpfs_at_its_target() -> None:
    hardening = _policy(binds=["/srv/t:/tmp"]).hardening
    assert "/tmp" not in {mount.destination for mount in hardening.tmpfs}


@pytest.mark.parametrize(
    ("value", "command"), [("echo", "echo"), ("  ", None), (["a", "b"], "a\nb"), ([], None), (None, None)]
)
def test_setup_command(value: Any, command: str | None) -> None:
    assert _policy(setupCommand=value).hardening.setup_command == command


def test_numbers() -> None:
    hardening = _policy(pidsLimit=64.0, cpus=2, binds=["  "], workdir="/w/./x/").hardening
    assert (hardening.pids_limit, hardening.cpus, hardening.binds) == (64, 2.0, ())
    assert hardening.workdir == "/w/x"


@pytest.mark.parametrize(("user", "root"), [("0", True), ("00:5", True), ("root", True), ("1000:0", False)])
def test_is_root(user: str, root: bool) -> None:
    assert is_root(user) is root


def test_blank_values_give_way_to_the_built_in_ones_and_stay_visible() -> None:
    value = _policy(memory="", ulimits={"nofile": {}}).values["docker.memory"]
    assert value.value == 2 << 30
    assert value.origin.text() == "built-in hardening"
    assert value.overridden[0].why_lost == "it is blank"
    assert _policy(memory="1g").values["docker.memory"].value == "1g"
