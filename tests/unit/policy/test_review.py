from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_sandbox.config.model import ConfigWarning
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import FakeHost, config_of


def _codes(data: dict[str, Any], **asked: Any) -> list[str]:
    question = {"session": None, "agent": None, **asked}
    policy = survey(config_of(data), host=FakeHost(), **question)
    return [finding.code for finding in policy.findings]


def _sandbox(**settings: Any) -> dict[str, Any]:
    return {"agents": {"defaults": {"sandbox": settings}}}


_ALL = {"agents": {"defaults": {"sandbox": {"mode": "all"}}}}


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (_ALL, []),
        ({}, ["mode.off"]),
        ({"agents": {"list": [{"id": "a", "sandbox": {"mode": "off"}}]}}, ["mode.off"]),
        ({"tools": {"elevated": {"allowFrom": {"slack": ["bob"]}}}}, ["mode.off", "elevated.mode-off"]),
        ({**_ALL, "tools": {"elevated": {"allowFrom": {"slack": ["*"]}}}}, ["elevated.everyone"]),
        ({**_ALL, "tools": {"elevated": {"allowFrom": {"slack": ["bob"]}}}}, []),
        ({**_ALL, "tools": {"elevated": {"enabled": False, "allowFrom": {"slack": ["*"]}}}}, []),
        ({**_ALL, "tools": {"exec": {"host": "gateway"}}}, ["exec.host"]),
        ({**_ALL, "tools": {"exec": {"host": "sandbox"}}}, []),
        ({"tools": {"exec": {"host": "sandbox"}}}, ["mode.off", "exec.no-sandbox"]),
        (_sandbox(mode="all", scope="shared"), ["scope.shared-root"]),
        (_sandbox(mode="all", workspaceRoot=" "), ["workspace.blank-root"]),
        (_sandbox(mode="all", workspaceRoot="sbx"), ["workspace.relative-root"]),
        (_sandbox(mode="all", workspaceAccess="ro", docker={"workdir": "/agent/"}), ["workdir.invalid"]),
        (_sandbox(mode="all", workspaceAccess="ro", docker={"workdir": "/agent/x"}), ["workdir.invalid"]),
        (_sandbox(mode="all", workspaceAccess="ro", docker={"workdir": "/agents"}), []),
        (_sandbox(mode="all", workspaceAccess="rw", docker={"workdir": "/agent"}), []),
        (_sandbox(mode="all", scope="shared", workspaceAccess="rw"), []),
        (_sandbox(mode="all", docker={"containerPrefix": "p" * 60}), ["name.cut"]),
        (_sandbox(mode="all", docker={"containerPrefix": "-x"}), ["name.invalid"]),
        (_sandbox(mode="all", perSession=True), ["release.per-session"]),
        (_sandbox(mode="all", perSession=True, scope="agent"), ["release.per-session"]),
        (_sandbox(mode="all", docker={"binds": ["/srv/a:/a"]}), ["release.external-bind"]),
        (
            _sandbox(
                mode="all", docker={"binds": ["/srv/a:/a"], "dangerouslyAllowExternalBindSources": True}
            ),
            ["release.newer-key"],
        ),
        (_sandbox(mode="all", backend="ssh"), ["unsupported.backend"]),
        (_sandbox(mode="all", backend="docker"), []),
        (_sandbox(mode="all", ssh={"target": "x"}), ["unsupported.ssh"]),
        (_sandbox(mode="all", browser={"enabled": True}), ["browser.enabled"]),
        (_sandbox(mode="all", browser={"network": "x"}), ["release.newer-key"]),
        ({**_ALL, "tools": {"sandbox": {"tools": {"alsoAllow": ["x"]}}}}, ["release.also-allow"]),
    ],
)
def test_findings(data: dict[str, Any], codes: list[str]) -> None:
    assert _codes(data) == codes


def test_settings_that_a_shared_scope_ignores() -> None:
    data = _sandbox(mode="all", scope="shared")
    data["agents"]["list"] = [{"id": "a", "sandbox": {"docker": {"memory": "1g"}}}]
    assert "scope.shared-ignores" in _codes(data)


def test_a_workspace_that_holds_credentials() -> None:
    data = _sandbox(mode="all", workspaceAccess="ro")
    data["agents"]["defaults"]["workspace"] = "/home/op"
    assert "workspace.exposes" in _codes(data)
    data["agents"]["defaults"]["workspace"] = "/home/op/projects"
    assert _codes(data) == []


def test_a_session_whose_agent_the_reference_mistakes() -> None:
    data = {"agents": {**_ALL["agents"], "list": [{"id": "work"}]}}
    assert _codes(data, session="telegram:group:1") == ["session.other-container"]
    assert _codes(data, session="agent:work:telegram:1") == []


def test_the_loaders_warnings_come_along() -> None:
    warning = ConfigWarning(code="config.x", message="x", hint="y")
    config = replace(config_of(_ALL), warnings=(warning,))
    policy = survey(config, session=None, agent=None, host=FakeHost())
    assert [(f.code, f.hint) for f in policy.findings] == [("config.x", "y")]
