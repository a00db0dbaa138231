"""The recorded inputs and outputs of OpenClaw's single functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.config.origin import BUILT_IN
from openclaw_sandbox.policy.binds import BindJudge, BindRules, resolve_binds, sensitive_paths
from openclaw_sandbox.policy.environment import sanitize
from openclaw_sandbox.policy.findings import Findings
from openclaw_sandbox.policy.model import Workspace, WorkspaceAccess
from openclaw_sandbox.policy.naming import slug
from openclaw_sandbox.policy.paths import PathMap, bind_mounts, workspace_mounts
from openclaw_sandbox.policy.prune import is_due
from openclaw_sandbox.policy.sessions import agent_of_scope_key
from tests.conformance import data
from tests.fake_host import HOME, STATE, FakeHost

UNITS = data.units()
_MS_PER_HOUR = 3_600_000


@pytest.mark.parametrize("case", UNITS["slug"], ids=repr)
def test_slug(case: dict[str, Any]) -> None:
    assert slug(case["input"]) == case["slug"]


@pytest.mark.parametrize("case", UNITS["agentOf"], ids=repr)
def test_agent_of(case: dict[str, Any]) -> None:
    assert agent_of_scope_key(case["input"]) == case["agent"]


@pytest.mark.parametrize("case", UNITS["prune"], ids=repr)
def test_prune(case: dict[str, Any]) -> None:
    due = is_due(
        idle_hours=case["idleHours"],
        max_age_days=case["maxAgeDays"],
        idle_ms=round(case["idleForHours"] * _MS_PER_HOUR),
        age_ms=round(case["ageHours"] * _MS_PER_HOUR),
    )
    assert due is case["prune"]


@pytest.mark.parametrize("case", UNITS["env"], ids=lambda case: case["name"])
def test_env(case: dict[str, Any]) -> None:
    value = case["value"]
    if isinstance(value, dict):
        value = value["repeat"] * value["times"]
    verdict = sanitize({case["name"]: value})
    assert dict(verdict.allowed) == case["allowed"]
    assert list(verdict.blocked) == case["blocked"]
    assert [f"{name}: {oddity}" for name, oddity in verdict.warnings] == case["warnings"]


@pytest.mark.parametrize("case", UNITS["bind"], ids=lambda case: case["bind"])
def test_bind(case: dict[str, Any]) -> None:
    """The reference is the floor: what it blocks, we refuse."""
    sensitive = sensitive_paths(homes=(HOME,), state_dir=STATE, config_file=STATE / "openclaw.json")
    notes = Findings()
    entries = [(case["bind"], BUILT_IN)]
    kept = resolve_binds(entries, BindJudge(sensitive, FakeHost()), BindRules(workdir="/workspace"), notes)
    if case["blocked"] is not None:
        assert kept == ()
        assert notes.found


def _map(sandbox: dict[str, Any]) -> PathMap:
    workspace = Workspace(
        root=Path("/unused"),
        workspace_dir=Path(sandbox["workspaceDir"]),
        agent_workspace_dir=Path(sandbox["agentWorkspaceDir"]),
        sandbox_dir=Path(sandbox["workspaceDir"]),
        access=WorkspaceAccess(sandbox["workspaceAccess"]),
    )
    entries = [(text, BUILT_IN) for text in sandbox["docker"].get("binds", ())]
    workdir = sandbox["containerWorkdir"]
    rules = BindRules(workdir=workdir, allow_reserved_targets=True)
    binds = resolve_binds(entries, BindJudge((), FakeHost()), rules, Findings())
    mounts = (*workspace_mounts(workspace, workdir), *bind_mounts(binds))
    return PathMap(mounts, workdir=workdir, home=HOME)


@pytest.mark.parametrize("case", UNITS["fs"], ids=lambda case: case["path"])
def test_fs(case: dict[str, Any]) -> None:
    sandbox, wanted = case["sandbox"], case["result"]
    mapped = _map(sandbox).resolve(case["path"])
    if "error" in wanted:
        assert mapped is None
        return
    assert mapped is not None
    assert mapped.host_path == wanted["hostPath"]
    assert mapped.container_path == wanted["containerPath"]
    assert mapped.relative_path == wanted["relativePath"]
    # The reference calls its own folder read-only under access `none`, although exec writes it.
    own = wanted["hostPath"].startswith(sandbox["workspaceDir"])
    known_fault = sandbox["workspaceAccess"] == "none" and own
    assert mapped.writable is (wanted["writable"] or known_fault)


def test_every_function_was_asked() -> None:
    assert set(UNITS) == {"slug", "agentOf", "prune", "env", "bind", "fs"}
    assert all(UNITS.values())
