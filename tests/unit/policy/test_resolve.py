from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.config.origin import OriginKind
from openclaw_sandbox.errors import ConfigError, UnknownAgentError, UsageError
from openclaw_sandbox.policy.model import EffectivePolicy, Mode, Scope
from openclaw_sandbox.policy.resolve import Overrides, resolve, survey
from tests.fake_host import HOME, STATE, FakeHost, config_of, docker


def _survey(data: dict[str, Any], **asked: Any) -> EffectivePolicy:
    host = asked.pop("host", FakeHost())
    profile = asked.pop("profile", None)
    overrides = asked.pop("overrides", Overrides())
    question = {"session": None, "agent": None, **asked}
    return survey(config_of(data, profile=profile), host=host, overrides=overrides, **question)


def _agents(defaults: dict[str, Any] | None = None, **sandboxes: dict[str, Any]) -> dict[str, Any]:
    entries = [{"id": name, "sandbox": sandbox} for name, sandbox in sandboxes.items()]
    return {"agents": {"defaults": {"sandbox": defaults or {}}, "list": entries}}


def test_an_empty_config() -> None:
    policy = _survey({})
    assert (policy.agent_id, policy.session_key) == ("main", "agent:main:main")
    assert (policy.mode, policy.scope, policy.sandboxed_by_openclaw) == (Mode.OFF, Scope.AGENT, False)
    assert policy.container_name == "openclaw-sbx-agent-main-f331f052"
    assert policy.workspace.agent_workspace_dir == HOME / ".openclaw/workspace"
    assert (policy.prune_idle_hours, policy.prune_max_age_days) == (24, 7)


def test_survey_tells_and_resolve_refuses() -> None:
    config = config_of(docker(network="host", memory="lots"))
    asked: dict[str, Any] = {"session": None, "agent": None, "host": FakeHost()}
    assert len([f for f in survey(config, **asked).findings if f.severity.value == "error"]) == 2
    with pytest.raises(ConfigError) as raised:
        resolve(config, **asked)
    assert len(raised.value.issues) == 2
    assert resolve(config_of({}), **asked).agent_id == "main"


def test_questions_that_are_wrong() -> None:
    data = _agents(main={}, work={})
    with pytest.raises(UnknownAgentError):
        _survey(data, agent="ghost")
    with pytest.raises(UsageError):
        _survey(data, agent=" ")
    with pytest.raises(ConfigError, match="belongs to agent"):
        _survey(data, agent="work", session="agent:main:main")


def test_an_unknown_agent_in_a_key_is_a_warning() -> None:
    policy = _survey(_agents(work={}), session="agent:ghost:x:1")
    assert policy.agent_id == "ghost"
    assert policy.findings[0].code == "session.unknown-agent"


@pytest.mark.parametrize(
    ("defaults", "mine", "scope"),
    [
        ({}, {}, "agent"),
        ({"perSession": True}, {}, "session"),
        ({"perSession": True}, {"perSession": False}, "shared"),
        ({"scope": "shared"}, {"perSession": True}, "shared"),
        ({"scope": "shared"}, {"scope": "session"}, "session"),
    ],
)
def test_scope(defaults: dict[str, Any], mine: dict[str, Any], scope: str) -> None:
    policy = _survey(_agents(defaults, main=mine))
    assert policy.scope.value == scope
    assert policy.values["scope"].value == scope


def test_shared_ignores_the_agents_container_settings() -> None:
    mine = {"mode": "all", "docker": {"image": "mine"}, "prune": {"idleHours": 1}}
    policy = _survey(_agents({"scope": "shared"}, main=mine))
    assert policy.mode is Mode.ALL
    assert policy.hardening.image == "openclaw-sandbox:bookworm-slim"
    assert policy.prune_idle_hours == 24
    assert policy.workspace.sandbox_dir == policy.workspace.root == STATE / "sandboxes"
    assert policy.slug == "shared"


def test_the_global_session_is_judged_by_the_default_agent() -> None:
    data = _agents({"mode": "all"}, main={}, work={"mode": "off"})
    policy = _survey(data, agent="work", session="global")
    assert (policy.mode, policy.sandboxed_by_openclaw) == (Mode.OFF, True)
    assert _survey({"session": {"scope": "global"}}).main_session_key == "global"


@pytest.mark.parametrize(
    ("agents", "agent", "profile", "folder"),
    [
        ({}, "main", None, HOME / ".openclaw/workspace"),
        ({}, "main", "dev", HOME / ".openclaw/workspace-dev"),
        ({}, "main", "Default", HOME / ".openclaw/workspace"),
        ({"defaults": {"workspace": "~/w"}}, "main", None, HOME / "w"),
        ({"defaults": {"workspace": "w"}}, "main", None, Path("/cwd/w")),
        ({"list": [{"id": "a"}, {"id": "b"}]}, "b", None, STATE / "workspace-b"),
        ({"list": [{"id": "a", "workspace": "/srv/a"}]}, "a", None, Path("/srv/a")),
        ({"list": [{"id": "a", "workspace": " "}]}, "a", None, HOME / ".openclaw/workspace"),
    ],
)
def test_agent_workspace(agents: dict[str, Any], agent: str, profile: str | None, folder: Path) -> None:
    policy = _survey({"agents": agents}, agent=agent, profile=profile, host=FakeHost(cwd=Path("/cwd")))
    assert policy.workspace.agent_workspace_dir == folder


def test_rw_shows_the_agents_own_folder() -> None:
    policy = _survey(_agents({"workspaceAccess": "rw"}))
    assert policy.workspace.workspace_dir == policy.workspace.agent_workspace_dir


def test_the_session_store_names_the_channel() -> None:
    store = {"agent:main:x:1": {"lastChannel": "telegram"}}
    default = str(STATE / "agents/main/sessions/sessions.json")
    assert (
        _survey({}, session="agent:main:x:1", host=FakeHost(json_files={default: store})).elevated.channel
        == "telegram"
    )
    data = {"session": {"store": "~/s/{agentId}.json"}}
    host = FakeHost(json_files={str(HOME / "s/main.json"): store})
    assert _survey(data, session="agent:main:x:1", host=host).elevated.channel == "telegram"
    host = FakeHost(json_files={default: []})
    assert _survey({}, session="agent:main:x:1", host=host).elevated.channel is None


def test_flags() -> None:
    policy = _survey({}, overrides=Overrides(timeout_s=5.0, channel="slack"))
    assert policy.hardening.timeout_s == 5.0
    assert policy.values["timeout"].origin.kind is OriginKind.FLAG
    assert policy.elevated.channel == "slack"


def test_empty_lists_of_binds() -> None:
    policy = _survey(
        {"agents": {"defaults": {"sandbox": {"docker": {"binds": []}, "browser": {"binds": []}}}}}
    )
    assert "binds" not in policy.openclaw["docker"]
    assert policy.openclaw["browser"]["binds"] == []


def test_no_secret_in_the_text_of_a_policy() -> None:
    assert "s3cret-value" not in repr(_survey(docker(env={"GH_TOKEN": "s3cret-value"})))
