"""Shared sandboxes must not see a new workspace: they go for it, and come back with it masked."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import (
    SandboxBusyError,
    SandboxConflictError,
    SpecRefusedError,
    WorkspaceError,
)
from openclaw_sandbox.lifecycle import blueprint as drawing
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint, masks_fixed
from openclaw_sandbox.lifecycle.ensure import draw_scope, ensure
from openclaw_sandbox.lifecycle.ensure_all import ensure_all, remake_shared
from openclaw_sandbox.lifecycle.locks import entering
from openclaw_sandbox.lifecycle.shared import is_scope_folder
from openclaw_sandbox.spec import labels
from tests.unit.lifecycle.sandboxes import House, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Observed


def busy(house: House, name: str) -> None:
    house.engine.execs["e9"] = True
    container = house.engine.named(name)
    house.engine.containers[container.id] = replace(container, exec_ids=("e9",))


def remaking(house: House) -> Callable[[Observed], None]:
    fleet = house.fleet()
    return remake_shared(
        lambda: fleet.policies, house.engine, now_ms=1, log=house.said.append, warn=house.shown.append
    )


def shared(tmp_path: Path) -> House:
    """An agent whose sandbox is shared, and one whose sessions have their own."""
    own = {"id": "own", "sandbox": {"scope": "session"}}
    return House(tmp_path, config({"id": "main"}, own, scope="shared"))


def masks(house: House) -> list[str]:
    spec = house.blueprint().spec
    return [tmpfs.destination for tmpfs in spec.tmpfs if "ro" in tmpfs.options]


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("agent-main-f331f052", True),
        ("agent-main-telegram-group--10012-ae91b72a", True),
        ("workspace-d8688b9c3c6cfad85d5153865acccb71", True),
        ("src", False),
        ("notes-2024", False),
        ("x-1234567", False),
        ("x-123456789", False),
        ("Agent-f331f052", False),
    ],
)
def test_names_of_scope_folders(name: str, *, yes: bool) -> None:
    assert is_scope_folder(name) is yes


def test_other_workspaces_are_masked(tmp_path: Path) -> None:
    house = shared(tmp_path)
    root = house.state_dir / "sandboxes"
    for name in ("agent-x-12345678", "src", "workspace-" + "0" * 32):
        (root / name).mkdir(parents=True)
    (root / "file-12345678").write_text("")
    (root / "link-12345678").symlink_to(root / "src")
    assert masks(house) == ["/workspace/agent-x-12345678", "/workspace/workspace-" + "0" * 32]


@pytest.mark.parametrize("sandbox", [{"scope": "agent"}, {"scope": "shared", "workspaceAccess": "rw"}])
def test_nothing_is_masked_where_nothing_shows(tmp_path: Path, sandbox: dict[str, Any]) -> None:
    house = House(tmp_path, config(**sandbox))
    (house.state_dir / "sandboxes" / "agent-x-12345678").mkdir(parents=True)
    assert masks(house) == []


def test_a_workspace_that_cannot_be_looked_into(tmp_path: Path) -> None:
    from openclaw_sandbox.lifecycle.shared import masked_folders

    house = shared(tmp_path)
    (house.state_dir / "sandboxes").write_text("a file")
    with pytest.raises(WorkspaceError, match="cannot be looked into"):
        masked_folders(house.policy())


def test_a_new_workspace_displaces_the_shared_sandbox(tmp_path: Path) -> None:
    house = shared(tmp_path)
    first = house.ensure()
    went: list[Observed] = []
    policy = house.policy("agent:own:a")
    blueprint = draw_blueprint(policy, house.engine, now_ms=1, on_displaced=went.append)
    assert [container.id for container in went] == [first.container_id]
    assert policy.workspace.sandbox_dir.is_dir()
    assert house.engine.names == []
    ensure(blueprint, house.engine)
    assert house.ensure().container_id != first.container_id
    assert masks(house) == [f"/workspace/{policy.slug}"]


def test_and_it_is_made_anew_masked(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    remake = remaking(house)
    policies = [house.policy("agent:own:a")]
    (result,) = ensure_all(policies, house.engine, now_ms=1, log=house.said.append, on_displaced=remake)
    assert result.error is None
    assert house.engine.names == sorted(["openclaw-sbx-shared", policies[0].container_name])
    desired = house.blueprint().desired.spec_hash
    assert house.engine.named("openclaw-sbx-shared").labels[labels.SPEC] == desired


def test_a_workspace_that_is_there_displaces_nobody(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure("agent:own:a")
    first = house.ensure()
    house.ensure("agent:own:a")
    assert house.ensure().container_id == first.container_id


def test_not_while_a_command_runs_in_it(tmp_path: Path) -> None:
    house = shared(tmp_path)
    first = house.ensure()
    busy(house, "openclaw-sbx-shared")
    with pytest.raises(SandboxBusyError, match="would see the new workspace"):
        house.ensure("agent:own:a")
    assert not house.policy("agent:own:a").workspace.sandbox_dir.exists()
    assert house.engine.named("openclaw-sbx-shared").id == first.container_id


def test_not_that_of_another_state_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    house, other = shared(tmp_path), shared(tmp_path / "other")
    other.engine = house.engine
    other.data = config(
        scope="shared", workspaceRoot=str(house.state_dir / "sandboxes"), docker={"containerPrefix": "o-"}
    )
    other.ensure()
    with pytest.raises(SandboxConflictError, match="another state folder"):
        house.ensure("agent:own:a")
    assert house.engine.names == ["o-shared"]


def test_a_folder_that_appeared_meanwhile_is_masked(tmp_path: Path) -> None:
    """The blueprint was drawn before the other workspace was there."""
    house = shared(tmp_path)
    blueprint = house.blueprint()
    (house.state_dir / "sandboxes" / "agent-x-12345678").mkdir()
    ensure(blueprint, house.engine)
    made = house.engine.named("openclaw-sbx-shared")
    assert made.labels[labels.SPEC] == house.blueprint().desired.spec_hash
    assert made.labels[labels.SPEC] != blueprint.desired.spec_hash


def test_one_that_cannot_be_made_anew_fails_nothing_else(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    house.engine.faults["create"] = SpecRefusedError("no room")
    policy = house.policy("agent:own:a")
    drawn = draw_blueprint(policy, house.engine, now_ms=1, on_displaced=remaking(house))
    assert house.shown == [
        "openclaw-sbx-shared had to go for the new workspace and is not made anew: no room"
    ]
    del house.engine.faults["create"]
    ensure(drawn, house.engine)
    assert house.ensure().action == "made"


def test_one_that_the_config_refuses_is_not_made_anew(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    own = house.policy("agent:own:a")
    house.data["agents"]["defaults"]["sandbox"]["docker"]["binds"] = ["/etc:/etc:rw"]
    draw_blueprint(own, house.engine, now_ms=1, on_displaced=remaking(house))
    (said,) = house.shown
    assert "is not made anew" in said
    assert house.engine.names == []


def test_it_comes_back_when_the_new_workspace_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = shared(tmp_path)
    house.ensure()

    def refuse(_policy: object) -> str:
        raise WorkspaceError("not yours")

    policy, remake = house.policy("agent:own:a"), remaking(house)
    with monkeypatch.context() as patched:
        patched.setattr(drawing, "prepare_workspace", refuse)
        went: list[Observed] = []
        with pytest.raises(WorkspaceError):
            draw_blueprint(policy, house.engine, now_ms=1, on_displaced=went.append)
    for container in went:
        remake(container)
    assert house.engine.names == ["openclaw-sbx-shared"]


def test_a_command_that_enters_it_at_this_moment_is_waited_for(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    entered = threading.Event()

    def enter() -> None:
        with entering(house.state_dir, "openclaw-sbx-shared"):
            entered.set()
            time.sleep(0.2)
            busy(house, "openclaw-sbx-shared")

    thread = threading.Thread(target=enter)
    thread.start()
    entered.wait(10)
    with pytest.raises(SandboxBusyError):
        house.ensure("agent:own:a")
    thread.join()
    assert house.engine.names == ["openclaw-sbx-shared"]


def one_command(house: House, what: str, **values: Any) -> Observed:
    """A container of its own for one command in the shared sandbox."""
    whole = house.engine.named("openclaw-sbx-shared")
    return house.engine.add(
        f"openclaw-sbx-shared-{what}-0123abcd",
        labels={**whole.labels, **values.pop("labels", {})},
        mounts=whole.mounts,
        **values,
    )


def test_a_detached_command_is_in_the_way_while_it_runs(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    job = one_command(house, "job")
    with pytest.raises(SandboxBusyError, match="-job-0123abcd would see the new workspace") as caught:
        house.ensure("agent:own:a")
    assert f"openclaw-sandbox stop {job.name}" in caught.value.hint
    assert house.engine.names == ["openclaw-sbx-shared", job.name]


def test_a_detached_command_that_has_ended_keeps_its_log(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    job = one_command(house, "job", state=ContainerState.EXITED)
    house.ensure("agent:own:a")
    assert job.name in house.engine.names
    assert "openclaw-sbx-shared" not in house.engine.names


@pytest.mark.parametrize("state", [ContainerState.CREATED, ContainerState.RUNNING])
@pytest.mark.parametrize("what", ["run", "job", "setup"])
def test_a_command_of_its_own_is_in_the_way_while_its_maker_lives(
    what: str, state: ContainerState, tmp_path: Path
) -> None:
    house = shared(tmp_path)
    house.ensure()
    maker = intents.declare(house.state_dir, "x")
    own = one_command(house, what, labels={labels.OWNER: maker.owner}, state=state)
    with pytest.raises(SandboxBusyError):
        house.ensure("agent:own:a")
    assert own.name in house.engine.names
    maker.done()


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path: Path) -> None:
    house = shared(tmp_path)
    house.ensure()
    one_command(house, "run", labels={labels.OWNER: "0123456789abcdef"})
    busy(house, "openclaw-sbx-shared-run-0123abcd")
    house.ensure("agent:own:a")
    assert house.engine.names == [house.policy("agent:own:a").container_name]


def test_a_command_of_its_own_gets_the_masks_of_the_moment(tmp_path: Path) -> None:
    house = shared(tmp_path)
    blueprint = house.blueprint()
    (house.state_dir / "sandboxes" / "agent-x-12345678").mkdir()
    with masks_fixed(blueprint, house.engine) as drawn:
        masked = [tmpfs.destination for tmpfs in drawn.spec.tmpfs if "ro" in tmpfs.options]
    assert masked == ["/workspace/agent-x-12345678"]
    own = house.blueprint("agent:own:a")
    with masks_fixed(own, house.engine) as drawn:
        assert drawn is own


def test_a_name_of_somebody_else_displaces_nobody(tmp_path: Path) -> None:
    """Nor is an empty workspace left behind."""
    house = shared(tmp_path)
    house.ensure()
    policy = house.policy("agent:own:a")
    said = {labels.SANDBOX: "1", labels.STATE: "0" * 16, labels.STATE_DIR: "/other"}
    house.engine.add(policy.container_name, labels=said)
    with pytest.raises(SandboxConflictError, match="belongs to another state folder: /other"):
        draw_scope(policy, house.engine, now_ms=1, warn=house.said.append)
    assert "openclaw-sbx-shared" in house.engine.names
    assert not policy.workspace.sandbox_dir.exists()
