"""A workspace never hands over what decides about sandboxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.errors import ConfigError
from openclaw_sandbox.policy.findings import refuse
from openclaw_sandbox.policy.model import Severity
from openclaw_sandbox.policy.mounts import MountKind, mounts_of
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import STATE, FakeHost, config_of

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy


def policy_of(
    workspace: str | None = None, *, host: FakeHost | None = None, state: Path = STATE, **settings: Any
) -> EffectivePolicy:
    defaults: dict[str, Any] = {"sandbox": {"mode": "all", **settings}}
    if workspace is not None:
        defaults["workspace"] = workspace
    config = config_of({"agents": {"defaults": defaults}}, state=state)
    return survey(config, session=None, agent=None, host=host or FakeHost())


def told(policy: EffectivePolicy) -> list[Severity]:
    return [found.severity for found in policy.findings if found.code == "workspace.holds-state"]


def masks(policy: EffectivePolicy) -> list[tuple[str, str | None]]:
    return [(m.destination, m.behind) for m in mounts_of(policy) if m.kind is MountKind.MASK]


@pytest.mark.parametrize(
    ("workspace", "settings", "place"),
    [
        ("/home/op", {"workspaceAccess": "rw"}, "/workspace/.openclaw"),
        ("/home", {"workspaceAccess": "rw"}, "/workspace/op/.openclaw"),
        ("/", {"workspaceAccess": "rw"}, "/workspace/home/op/.openclaw"),
        ("~", {"workspaceAccess": "rw", "docker": {"workdir": "/w"}}, "/w/.openclaw"),
        (None, {"scope": "shared", "workspaceRoot": "/home/op"}, "/workspace/.openclaw"),
    ],
)
def test_a_workspace_around_the_state_folder(
    workspace: str | None, settings: dict[str, Any], place: str
) -> None:
    policy = policy_of(workspace, **settings)
    assert told(policy) == [Severity.WARNING]
    assert masks(policy) == [(place, str(STATE))]


@pytest.mark.parametrize(
    ("workspace", "settings"),
    [
        (None, {"workspaceAccess": "rw"}),  # ~/.openclaw/workspace
        ("/home/op/projects", {"workspaceAccess": "rw"}),
        ("/home/op/.openclaw-other", {"workspaceAccess": "rw"}),
        (None, {"scope": "shared"}),
        (None, {"workspaceRoot": "/home/op"}),  # its own folder below it
        ("/home/op", {"workspaceAccess": "ro"}),  # nothing can be changed there
    ],
)
def test_other_workspaces_are_as_they_were(workspace: str | None, settings: dict[str, Any]) -> None:
    policy = policy_of(workspace, **settings)
    assert told(policy) == []
    assert masks(policy) == []


@pytest.mark.parametrize("folder", [STATE, STATE / "agents", STATE / "agents/main", STATE / "sandbox"])
def test_a_workspace_in_what_decides_is_refused(folder: Path) -> None:
    policy = policy_of(str(folder), workspaceAccess="rw")
    assert told(policy) == [Severity.ERROR]
    with pytest.raises(ConfigError, match="decides about sandboxes"):
        refuse(policy.findings)


def test_a_workspace_that_leads_there_through_a_link() -> None:
    host = FakeHost(links={"/srv/w": "/home/op"})
    policy = policy_of("/srv/w", host=host, workspaceAccess="rw")
    assert told(policy) == [Severity.WARNING]
    assert masks(policy) == [("/workspace/.openclaw", "/srv/w/.openclaw")]


def test_a_link_in_the_workspace_that_could_be_replaced() -> None:
    host = FakeHost(links={str(STATE): "/data/openclaw"})
    assert told(policy_of("/home/op", host=host, workspaceAccess="rw")) == [Severity.ERROR]


@pytest.mark.parametrize("exists", [True, False])
def test_a_config_file_of_its_own_place(exists: bool) -> None:
    config = config_of({"agents": {"defaults": {"sandbox": {"workspaceAccess": "rw"}, "workspace": "/srv"}}})
    paths = replace(config.paths, config_file=Path("/srv/team/openclaw.json"))
    config = replace(config, paths=paths, exists=exists)
    policy = survey(config, session=None, agent=None, host=FakeHost())
    hidden = [("/workspace/team/openclaw.json", "/srv/team/openclaw.json")] if exists else []
    assert masks(policy) == hidden
