"""What must happen to the container that is there, so that the one that must be there runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openclaw_sandbox.engine.base import ContainerState, Observed, ObservedMount
from openclaw_sandbox.errors import SandboxConflictError
from openclaw_sandbox.lifecycle.plan import Create, Desired, Keep, Recreate, Refuse, Start, plan_ensure
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
