"""What OpenClaw refuses, we refuse, and name every key that it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.errors import ConfigError
from tests.conformance.data import records

if TYPE_CHECKING:
    from pathlib import Path

CASES = records("invalid.jsonl")


def test_every_recorded_case_is_there() -> None:
    assert len(CASES) == len({case["id"] for case in CASES}) == 147


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_refused_by_the_same_paths(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "openclaw.json"
    file.write_text(json.dumps(case["config"], indent=1), encoding="utf-8")
    assert case["valid"] is False
    with pytest.raises(ConfigError) as caught:
        load_config(env={"HOME": "/home/op", "OPENCLAW_CONFIG_PATH": str(file)}, cwd=tmp_path)
    assert caught.value.exit_code == 2
    issues = caught.value.issues
    assert {issue["path"] for issue in case["issues"]} <= {issue.path for issue in issues}
    assert all(issue.line and issue.column and issue.excerpt and issue.message for issue in issues)
