"""What must happen to the container that is there, so that the one that must be there runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openclaw_sandbox.engine.base import ContainerState, Observed, ObservedMount
from openclaw_sandbox.errors import SandboxConflictError
from openclaw_sandbox.lifecycle.plan import (
    HOT_WINDOW_MS,
    Create,
    Desired,
    Keep,
    Recreate,
    Refuse,
    Start,
    changed_parts,
    differs,
    parts_label,
    plan_ensure,
)
from openclaw_sandbox.lifecycle.registry import Entry
from openclaw_sandbox.spec import labels

DESIRED = Desired(
    name="sbx",
    spec_hash="spec-1",
    config_hash="config-1",
    state_hash="state-1",
    state_dir="/home/ann/.openclaw",
    workdir="/workspace",
    workspace_dir="/home/ann/.openclaw/sandboxes/main",
    version="1.0",
)
OURS = Observed(
    id="c1",
    name="sbx",
    image="image:1",
    image_id="sha256:1",
    labels={
        labels.SANDBOX: "1",
        labels.SPEC: "spec-1",
        labels.CONFIG_HASH: "config-1",
        labels.STATE: "state-1",
        labels.STATE_DIR: "/home/ann/.openclaw",
        labels.VERSION: "1.0",
    },
    state=ContainerState.RUNNING,
    created_at_ms=0,
    mounts=(
        ObservedMount(
            kind="bind",
            source=DESIRED.workspace_dir,
            destination="/workspace",
            read_only=False,
        ),
    ),
)


def relabelled(**changes: str | None) -> Observed:
    """OURS with other labels; None takes one away."""
    named = {getattr(labels, name): value for name, value in changes.items()}
    merged = {**OURS.labels, **named}
    return replace(OURS, labels={key: value for key, value in merged.items() if value is not None})


REFERENCES = relabelled(SPEC=None, STATE=None, STATE_DIR=None, VERSION=None)


def test_nothing_there() -> None:
    assert plan_ensure(DESIRED, None) == Create()


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (ContainerState.RUNNING, Keep(id="c1")),
        (ContainerState.CREATED, Start(id="c1")),
        (ContainerState.EXITED, Start(id="c1")),
        (ContainerState.PAUSED, Recreate(id="c1", reason="it is paused", busy=False)),
        (ContainerState.RESTARTING, Recreate(id="c1", reason="it is restarting", busy=False)),
        (ContainerState.REMOVING, Recreate(id="c1", reason="it is removing", busy=False)),
        (ContainerState.DEAD, Recreate(id="c1", reason="it is dead", busy=False)),
    ],
)
def test_ours_as_it_must_be(state: ContainerState, action: object) -> None:
    assert plan_ensure(DESIRED, replace(OURS, state=state)) == action


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (relabelled(SPEC="spec-0", CONFIG_HASH="config-0"), "config"),
        (relabelled(SPEC="spec-0"), "hardening"),
        (REFERENCES, "OpenClaw"),
    ],
)
@pytest.mark.parametrize("state", list(ContainerState))
@pytest.mark.parametrize("execs", [(), ("e1",)])
def test_ours_and_not_as_it_must_be(
    observed: Observed, words: str, state: ContainerState, execs: tuple[str, ...]
) -> None:
    action = plan_ensure(DESIRED, replace(observed, state=state, exec_ids=execs))
    assert isinstance(action, Recreate)
    assert words in action.reason
    assert action.busy is (state is ContainerState.RUNNING and bool(execs))


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (relabelled(SANDBOX=None), "no OpenClaw sandbox"),
        (relabelled(SANDBOX="0"), "no OpenClaw sandbox"),
        (replace(OURS, labels={}), "no OpenClaw sandbox"),
        (relabelled(STATE="state-2", STATE_DIR="/home/bob/.openclaw"), "/home/bob/.openclaw, not /home/ann"),
        (relabelled(STATE="state-2", STATE_DIR=None), "another state folder: /home/ann/.openclaw/sandboxes"),
        (relabelled(STATE="state-2", STATE_DIR=None, SPEC=None), "another state folder"),
        (replace(REFERENCES, mounts=()), "another state folder: another one"),
        (
            replace(REFERENCES, mounts=(replace(OURS.mounts[0], source="/home/bob/w"),)),
            "another state folder: /home/bob/w",
        ),
    ],
)
@pytest.mark.parametrize("state", list(ContainerState))
def test_somebody_elses(observed: Observed, words: str, state: ContainerState) -> None:
    action = plan_ensure(DESIRED, replace(observed, state=state))
    assert isinstance(action, Refuse)
    assert isinstance(action.error, SandboxConflictError)
    assert words in action.error.brief
    assert "containerPrefix" in action.error.hint


# ---- what may wait, and what may not

NOW = 10_000_000
PARTS = {"config": "c1", "environment": "e1", "image": "i1", "limits": "l1", "mounts": "m1"}
WITH_PARTS = replace(DESIRED, parts=PARTS)


def used(ago_ms: int, config_hash: str = "config-1") -> Entry:
    return Entry(
        container_name="sbx",
        session_key="agent:main",
        created_at_ms=0,
        last_used_at_ms=NOW - ago_ms,
        image="image:1",
        config_hash=config_hash,
    )


def made_with(**parts: str) -> Observed:
    return relabelled(SPEC="spec-0", PARTS=parts_label({**PARTS, **parts}))


SOFT = [{"image": "x"}, {"environment": "x"}, {"config": "x"}, {"config": "x", "image": "x"}]
HARD = [{"limits": "x"}, {"mounts": "x"}, {"limits": "x", "image": "x"}, {"a new part": "x"}]


@pytest.mark.parametrize("entry", [None, used(0), used(HOT_WINDOW_MS - 1), used(-5_000_000)])
@pytest.mark.parametrize("parts", SOFT)
def test_a_hot_container_is_kept_when_nothing_that_protects_the_host_differs(
    entry: Entry | None, parts: dict[str, str]
) -> None:
    action = plan_ensure(WITH_PARTS, made_with(**parts), entry=entry, now_ms=NOW)
    assert isinstance(action, Keep)
    assert all(part in action.stale for part in parts)


@pytest.mark.parametrize("parts", SOFT)
def test_a_cool_one_is_replaced_for_anything(parts: dict[str, str]) -> None:
    action = plan_ensure(WITH_PARTS, made_with(**parts), entry=used(HOT_WINDOW_MS), now_ms=NOW)
    assert action == Recreate(id="c1", reason=f"its {' and '.join(sorted(parts))} changed", busy=False)


@pytest.mark.parametrize("parts", HARD)
@pytest.mark.parametrize("entry", [None, used(0)])
@pytest.mark.parametrize("execs", [(), ("e1",)])
def test_what_protects_the_host_never_waits(
    parts: dict[str, str], entry: Entry | None, execs: tuple[str, ...]
) -> None:
    observed = replace(made_with(**parts), exec_ids=execs)
    action = plan_ensure(WITH_PARTS, observed, entry=entry, now_ms=NOW)
    assert isinstance(action, Recreate)
    assert action.busy is bool(execs)


@pytest.mark.parametrize("parts", SOFT)
def test_a_command_that_runs_is_never_ended_for_what_can_wait(parts: dict[str, str]) -> None:
    observed = replace(made_with(**parts), exec_ids=("e1",))
    action = plan_ensure(WITH_PARTS, observed, entry=used(HOT_WINDOW_MS * 9), now_ms=NOW)
    assert isinstance(action, Keep)
    assert action.stale


@pytest.mark.parametrize("parts", [*SOFT, *HARD])
def test_a_stopped_one_is_replaced_for_anything(parts: dict[str, str]) -> None:
    observed = replace(made_with(**parts), state=ContainerState.EXITED)
    action = plan_ensure(WITH_PARTS, observed, entry=used(0), now_ms=NOW)
    assert isinstance(action, Recreate)


# ---- versions


@pytest.mark.parametrize(
    ("made_by", "ours", "replaced"),
    [
        ("1.0", "1.0", False),
        ("0.9", "1.0", True),
        ("1.9", "1.10", True),
        ("1.10", "1.9", False),
        ("1.0", "1.0.1", True),
        ("2.0", "1.0", False),
        ("1.0+build.7", "1.0", False),
        ("", "1.0", True),
        ("odd", "1.0", True),
        (None, "1.0", True),
    ],
)
def test_a_newer_tool_replaces_an_idle_container(made_by: str | None, ours: str, *, replaced: bool) -> None:
    desired, observed = replace(DESIRED, version=ours), relabelled(VERSION=made_by)
    idle = plan_ensure(desired, observed, entry=used(0), now_ms=NOW)
    assert isinstance(idle, Recreate) is replaced
    assert plan_ensure(desired, replace(observed, exec_ids=("e1",)), now_ms=NOW) == Keep(id="c1")
    assert differs(desired, observed) is replaced


# ---- whose


def test_a_container_of_openclaw_that_the_registry_recorded_is_ours() -> None:
    """Its workspace changed: the mounts no longer tell, what OpenClaw wrote down does."""
    moved = replace(REFERENCES, mounts=(replace(OURS.mounts[0], source="/home/ann/old"),))
    assert isinstance(plan_ensure(DESIRED, moved, entry=used(0), now_ms=NOW), Recreate)
    for entry in (None, used(0, "another"), replace(used(0), config_hash=None)):
        assert isinstance(plan_ensure(DESIRED, moved, entry=entry, now_ms=NOW), Refuse)


def test_an_entry_does_not_make_another_state_folders_container_ours() -> None:
    theirs = relabelled(STATE="state-2")
    assert isinstance(plan_ensure(DESIRED, theirs, entry=used(0), now_ms=NOW), Refuse)


def test_a_container_without_any_hash_is_not_recorded() -> None:
    bare = replace(REFERENCES, labels={labels.SANDBOX: "1"}, mounts=())
    entry = replace(used(0), config_hash=None)
    assert isinstance(plan_ensure(DESIRED, bare, entry=entry, now_ms=NOW), Refuse)


# ---- parts


def test_changed_parts() -> None:
    assert changed_parts({"a": "1", "b": "2"}, "a=1 b=2") == ()
    assert changed_parts({"a": "1", "b": "2"}, "a=1 b=3 c=4") == ("b", "c")
    assert changed_parts({"a": "1"}, "") == ()
    assert changed_parts({"a": "1"}, "nonsense") == ("a", "nonsense")
    assert changed_parts(PARTS, parts_label(PARTS)) == ()
