"""A workspace never hands over what decides about sandboxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.model import LoadedHardening
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


@pytest.mark.parametrize("name", ["openclaw.json", "config.yml"])
def test_a_file_of_rules_that_is_a_link_into_the_workspace(name: str) -> None:
    """As with a folder of dotfiles: the link is hidden with the state folder, and where it leads as well."""
    config = config_of(
        {"agents": {"defaults": {"sandbox": {"workspaceAccess": "rw"}, "workspace": "/home/op"}}}
    )
    hardening = LoadedHardening(file=STATE / "config.yml", exists=True, data={})
    config = replace(config, hardening=hardening)
    host = FakeHost(links={str(STATE / name): f"/home/op/dotfiles/{name}"})
    policy = survey(config, session=None, agent=None, host=host)
    assert told(policy) == [Severity.WARNING, Severity.WARNING]
    assert [place for place, _ in masks(policy)] == ["/workspace/.openclaw", f"/workspace/dotfiles/{name}"]


def test_what_was_read_besides_decides_too() -> None:
    config = config_of({"agents": {"defaults": {"sandbox": {"workspaceAccess": "rw"}, "workspace": "/srv"}}})
    paths = replace(config.paths, config_file=Path("/srv/openclaw.json"))
    config = replace(config, paths=paths, beside=(Path("/srv/team.json"), Path("/srv/.env")))
    policy = survey(config, session=None, agent=None, host=FakeHost())
    names = [place for place, _ in masks(policy)]
    assert names == ["/workspace/.env", "/workspace/openclaw.json", "/workspace/team.json"]


@pytest.mark.parametrize(
    ("workspace", "rival", "refused"),
    [
        ("/home/op", "/home/op/.openclaw", True),
        ("/home/op", "/home/op/.clawdbot/openclaw.json", False),  # hidden with the state folder
        ("/home/op/projects", "/home/op/.openclaw", False),
    ],
)
def test_what_would_decide_if_it_were_there(workspace: str, rival: str, refused: bool) -> None:
    settings = {"sandbox": {"workspaceAccess": "rw"}, "workspace": workspace}
    config = config_of({"agents": {"defaults": settings}}, state=Path("/home/op/.clawdbot"))
    config = replace(config, paths=replace(config.paths, rivals=(Path(rival),)))
    policy = survey(config, session=None, agent=None, host=FakeHost())
    found = [f for f in policy.findings if f.severity is Severity.ERROR]
    assert [rival in one.message for one in found] == [True] * refused
    if refused:
        assert "OPENCLAW_STATE_DIR=/home/op/.clawdbot" in found[0].hint
