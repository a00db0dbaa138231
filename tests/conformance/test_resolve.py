"""Every recorded answer of OpenClaw's resolution, field by field; ours may say more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.cli.explain import Question, view_of
from openclaw_sandbox.cli.render.explain_focus import about_tool
from openclaw_sandbox.cli.render.explain_json import explain_document
from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.errors import ConfigError, UnknownAgentError
from tests.conformance import create_args, data
from tests.fake_host import FakeHost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.cli.render.explain_view import View

CASES = data.records("resolve.jsonl")
ANSWERED = [case for case in CASES if "refuse" not in case]
REFUSED = [case for case in CASES if "refuse" in case]


def _view(case: Mapping[str, Any], folder: Path) -> View:
    """The case through the whole way: a file, the loader, the resolution, the page."""
    file = folder / "openclaw.json"
    file.write_text(json.dumps(case["config"]), encoding="utf-8")
    env = {
        "HOME": "/home/op",
        "OPENCLAW_STATE_DIR": "/home/op/.openclaw",
        "OPENCLAW_CONFIG_PATH": str(file),
    }
    config = load_config(env=env, cwd=Path("/"))
    question = Question(session=case["session"], agent=case["agent"])
    return view_of(config, FakeHost(homes=(Path("/home/op"),)), question, ask_engine=False)


def _masked(resolved: dict[str, Any]) -> dict[str, Any]:
    from openclaw_sandbox.policy.environment import looks_secret

    env = {name: "***" if looks_secret(name) else value for name, value in resolved["docker"]["env"].items()}
    return {**resolved, "docker": {**resolved["docker"], "env": env}}


def _missing(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Where `found` lacks or contradicts something of `wanted`; dicts may hold more, lists may not."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line
            for key, value in wanted.items()
            for line in (
                _missing(value, found[key], f"{path}.{key}") if key in found else [f"{path}.{key} is missing"]
            )
        ]
    return [] if wanted == found else [f"{path}: wanted {wanted!r}, found {found!r}"]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["id"])
def test_answer(case: dict[str, Any], tmp_path: Path) -> None:
    view = _view(case, tmp_path)
    document = explain_document(view)
    assert _missing(case["explain"], document) == []
    assert document["resolved"] == _masked(case["resolved"])
    container = dict(case.get("container", {}))
    wanted_args = container.pop("createArgs", [])
    assert _missing(container, document["container"]) == []
    assert create_args.lost_restrictions(wanted_args, document["container"]["createArgs"]) == []
    for tool, allowed in case["toolAllowed"].items():
        assert about_tool(view, tool)[0]["allowed"] is allowed, tool


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_refused_question(case: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        _view(case, tmp_path)
    assert isinstance(raised.value, UnknownAgentError) is (case["refuse"] == "unknown agent")
    assert raised.value.exit_code == 2


def test_every_case_was_asked() -> None:
    assert len(ANSWERED) + len(REFUSED) == len(CASES) == len({case["id"] for case in CASES})
    assert CASES
    assert {case["refuse"] for case in REFUSED} <= {"unknown agent", "agent and session disagree"}
