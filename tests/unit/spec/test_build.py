"""From a policy to the container that keeps it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from openclaw_sandbox.policy.model import (
    EffectivePolicy,
    Hardening,
    HealthChoice,
    LogChoice,
    Port,
    Tmpfs,
    WorkspaceAccess,
)
from openclaw_sandbox.policy.resolve import resolve
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import (
    BuildContext,
    build_spec,
    exec_env,
    spec_hash,
    spec_parts,
    state_hash,
)
from openclaw_sandbox.spec.model import BindMount
from tests.fake_host import HOME, STATE, FakeHost, config_of
from tests.specs import FULL, OTHER_VALUES

CONTEXT = BuildContext(user="1000:1000", seccomp_profile="{}", created_at_ms=1_760_000_000_000)
IMAGE_ID = "sha256:" + "0" * 64
SLUG = "agent-main-f331f052"


def policy_of(access: str = "none", scope: str = "agent", **docker: Any) -> EffectivePolicy:
    sandbox = {"workspaceAccess": access, "scope": scope, "docker": docker}
    config = config_of({"agents": {"defaults": {"sandbox": sandbox}}})
    return resolve(config, session=None, agent=None, host=FakeHost())


def mounts_of(policy: EffectivePolicy) -> list[tuple[str, str, bool]]:
    return [(m.source, m.destination, m.read_only) for m in build_spec(policy, CONTEXT).mounts]


OWN = f"{STATE}/sandboxes/{SLUG}"
AGENTS = f"{HOME}/.openclaw/workspace"


@pytest.mark.parametrize(
    ("access", "mounts"),
    [
        ("none", [(OWN, "/workspace", False)]),
        ("ro", [(AGENTS, "/agent", True), (OWN, "/workspace", True)]),
        ("rw", [(AGENTS, "/workspace", False)]),
    ],
)
def test_the_workspace(access: str, mounts: list[tuple[str, str, bool]]) -> None:
    assert mounts_of(policy_of(access)) == mounts


def test_read_only_shows_one_folder_once() -> None:
    policy = policy_of("ro")
    space = replace(policy.workspace, agent_workspace_dir=policy.workspace.workspace_dir)
    assert mounts_of(replace(policy, workspace=space)) == [(OWN, "/workspace", True)]


def test_binds_stand_after_their_parents_and_replace_what_they_cover() -> None:
    policy = policy_of("none", binds=["/srv/deep:/data/a:ro", "/srv/x:/data:rw", "/srv/tmp:/tmp:rw"])
    assert mounts_of(policy) == [
        ("/srv/x", "/data", False),
        ("/srv/deep", "/data/a", True),
        ("/srv/tmp", "/tmp", False),
        (OWN, "/workspace", False),
    ]
    assert "/tmp" not in [tmpfs.destination for tmpfs in build_spec(policy, CONTEXT).tmpfs]


def test_a_mount_beats_a_tmpfs_that_the_policy_left_in() -> None:
    policy = policy_of("none", binds=["/srv/tmp:/tmp:rw"])
    hardening = replace(policy.hardening, tmpfs=(Tmpfs(destination="/tmp", options=()),))
    assert build_spec(replace(policy, hardening=hardening), CONTEXT).tmpfs == ()


def test_what_a_shared_sandbox_must_not_see_is_covered() -> None:
    context = replace(CONTEXT, masked=("agent-b-1", "agent-a-2"))
    masks = build_spec(policy_of("none", "shared"), context).tmpfs[-2:]
    assert [mask.destination for mask in masks] == ["/workspace/agent-a-2", "/workspace/agent-b-1"]
    assert all("ro" in mask.options and "size=4096" in mask.options for mask in masks)


def test_the_hardening_nobody_asked_for() -> None:
    spec = build_spec(policy_of(), CONTEXT)
    assert spec.read_only_root
    assert spec.no_new_privileges
    assert spec.init
    assert spec.private_ipc
    assert spec.private_cgroup_namespace
    assert (spec.network, spec.cap_drop, spec.cap_add) == ("none", ("ALL",), ())
    assert (spec.pids_limit, spec.memory_bytes, spec.memory_swap_bytes) == (512, 2 << 30, 2 << 30)
    assert spec.seccomp.profile == "{}"
    assert {t.destination for t in spec.tmpfs} == {"/tmp", "/var/tmp", "/run"}
    assert all({"noexec", "nosuid", "nodev"} <= set(t.options) for t in spec.tmpfs)
    assert {u.name: (u.soft, u.hard) for u in spec.ulimits}["core"] == (0, 0)
    assert spec.command == ("sleep", "infinity")
    assert not spec.interactive
    assert not spec.ports


def test_labels_tell_whose_it_is() -> None:
    spec = build_spec(policy_of(), CONTEXT)
    assert spec.labels[labels.SANDBOX] == "1"
    assert spec.labels[labels.SESSION_KEY] == "agent:main"
    assert spec.labels[labels.STATE] == state_hash(str(STATE))
    assert spec.labels[labels.STATE_DIR] == str(STATE)
    assert spec.volatile_labels[labels.CREATED_AT_MS] == "1760000000000"


def test_secrets_are_no_part_of_the_container() -> None:
    policy = policy_of(env={"API_TOKEN": "hunter2", "PLAIN": "seen"})
    spec = build_spec(policy, CONTEXT)
    assert "hunter2" not in repr(spec)
    assert spec.env["PLAIN"] == "seen"
    assert exec_env(policy, {"PLAIN": "mine"}) == {
        "HOME": "/workspace",
        "API_TOKEN": "hunter2",
        "PLAIN": "mine",
    }


def test_every_value_of_the_hardening_reaches_the_spec() -> None:
    """Another value of a field makes another container, except for what is not the container's."""
    base = policy_of()
    elsewhere = {
        "user": "the owner of the workspace is asked for, and comes with the context",
        "secret_env": "given to each command",
        "setup_command": "part of the config hash",
        "timeout_s": "of each command",
        "seccomp": "its text comes with the context",
        "allow_unenforced": "meets the engine when the container is made",
        "max_output_bytes": "of each command",
        "workspace_volume": "counts only beside a disk limit; see below",
    }
    other = policy_of(
        binds=["/srv/x:/data:rw"],
        image="other:1",
        workdir="/work",
        env={"A": "1"},
        readOnlyRoot=False,
        tmpfs=["/tmp"],
        network="mine",
        dns=["10.0.0.53"],
        extraHosts=["db.example:10.0.0.5"],
        capDrop=["NET_RAW"],
        pidsLimit=9,
        memory="64m",
        memorySwap="128m",
        cpus=0.5,
        ulimits={"nofile": 7},
        apparmorProfile="mine",
    ).hardening
    other = replace(
        other,
        cap_add=("CHOWN",),
        shm_bytes=1 << 20,
        runtime="runsc",
        memory_reservation_bytes=1 << 25,
        cpu_shares=512,
        cpuset="0",
        disk_bytes=1 << 30,
        disk_iops=100,
        disk_read_bps=1 << 20,
        disk_write_bps=1 << 20,
        disk_io_weight=300,
        selinux_label="system_u:system_r:container_t:s0",
        log=LogChoice(driver="json-file", max_bytes=1 << 20, max_files=2, labels=("a",)),
        health=HealthChoice(command=("true",), interval_s=10, timeout_s=1, retries=2),
        ports=(Port(container_port=80, host_port=8080, protocol="tcp"),),
        hidden_paths=("/workspace/secret",),
        visible_paths=("/workspace/src",),
    )
    context = replace(CONTEXT, devices=("/dev/vda",))
    unchanged = {
        f.name for f in fields(Hardening) if getattr(other, f.name) == getattr(base.hardening, f.name)
    }
    assert unchanged == set(elsewhere)
    for name in {f.name for f in fields(Hardening)} - set(elsewhere):
        changed = replace(base, hardening=replace(base.hardening, **{name: getattr(other, name)}))
        assert build_spec(changed, context) != build_spec(base, context), name


def test_a_workspace_in_a_volume_makes_another_container() -> None:
    base = policy_of()
    limited = replace(base, hardening=replace(base.hardening, disk_bytes=1 << 30))
    asked = replace(limited, hardening=replace(limited.hardening, workspace_volume="loop"))
    assert build_spec(limited, CONTEXT).disk.volume_bytes is None
    assert build_spec(asked, CONTEXT).disk.volume_bytes == 1 << 30
    assert build_spec(asked, CONTEXT).mounts == build_spec(limited, CONTEXT).mounts


def test_a_state_folder_has_one_hash() -> None:
    assert state_hash("/home/ann/.openclaw") != state_hash("/home/bob/.openclaw")
    assert len(state_hash("/")) == 16
    assert state_hash("/caf\udce9") != state_hash("/cafe")


# ---- the hash that decides about drift

BASE_HASH = spec_hash(FULL, IMAGE_ID)
CHANGES = [(name, value) for name, values in OTHER_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_every_field_counts(name: str, value: Any) -> None:
    changed = replace(FULL, **{name: value})
    assert (spec_hash(changed, IMAGE_ID) != BASE_HASH) is (name != "volatile_labels")


def test_the_image_behind_a_tag_counts() -> None:
    assert spec_hash(FULL, "sha256:1") != BASE_HASH


def test_the_order_of_a_map_does_not_count() -> None:
    turned = replace(FULL, env=dict(reversed(FULL.env.items())), labels=dict(reversed(FULL.labels.items())))
    assert spec_hash(turned, IMAGE_ID) == BASE_HASH


def test_equal_specs_have_equal_hashes() -> None:
    moved = tuple(replace(mount, key="docker.binds.7") for mount in FULL.mounts)
    other = replace(FULL, mounts=moved, volatile_labels={})
    assert other == FULL
    assert spec_hash(other, IMAGE_ID) == BASE_HASH
    assert spec_parts(other, IMAGE_ID) == spec_parts(FULL, IMAGE_ID)


@pytest.mark.parametrize(("name", "value"), [c for c in CHANGES if c[0] != "volatile_labels"])
def test_a_change_shows_in_exactly_one_part(name: str, value: Any) -> None:
    before, after = spec_parts(FULL, IMAGE_ID), spec_parts(replace(FULL, **{name: value}), IMAGE_ID)
    assert before.keys() == after.keys()
    assert len([part for part in before if before[part] != after[part]]) == 1


def test_any_path_can_be_hashed() -> None:
    odd = BindMount(source="/srv/caf\udce9", destination="/data", read_only=False)
    assert spec_hash(replace(FULL, mounts=(odd,)), IMAGE_ID) != BASE_HASH


def test_same_policy_same_hash_whenever_and_whoever() -> None:
    later = replace(CONTEXT, created_at_ms=CONTEXT.created_at_ms + 1)
    first, second = build_spec(policy_of(), CONTEXT), build_spec(policy_of(), later)
    assert first == second
    assert spec_hash(first, IMAGE_ID) == spec_hash(second, IMAGE_ID)


@pytest.mark.parametrize("access", list(WorkspaceAccess))
def test_no_spec_has_a_destination_twice(access: WorkspaceAccess) -> None:
    policy = policy_of(access.value, binds=["/srv/x:/data"])
    (bind,) = policy.hardening.binds
    targets = ("/agent", "/workspace", "/tmp", "/data")
    binds = tuple(replace(bind, destination=target) for target in targets)
    spec = build_spec(replace(policy, hardening=replace(policy.hardening, binds=binds)), CONTEXT)
    destinations = [mount.destination for mount in (*spec.mounts, *spec.tmpfs)]
    assert len(destinations) == len(set(destinations))
    assert {m.destination for m in spec.mounts if m.source == "/srv/x"} == set(targets)
