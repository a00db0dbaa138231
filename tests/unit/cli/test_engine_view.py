"""What this host says about a policy, beyond the config itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.cli.engine_view import profile_findings
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import FakeHost, config_of, docker

if TYPE_CHECKING:
    from pathlib import Path


def findings(**settings: Any) -> list[tuple[str, str]]:
    policy = survey(config_of(docker(**settings)), session=None, agent=None, host=FakeHost())
    return [(finding.code, finding.message) for finding in profile_findings(policy)]


def test_the_built_in_profile_and_the_engines_need_no_word() -> None:
    assert findings() == findings(seccompProfile="docker-default") == []


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            json.dumps({"defaultAction": "SCMP_ACT_ALLOW"}),
            "seccomp.profile",
            "every syscall that it does not",
        ),
        (json.dumps({"defaultAction": "ALLOW"}), "seccomp.unusable", "run refuses: "),
        (json.dumps({"defaultAction": "ALLOW"}), "seccomp.unusable", "defaultAction: expected one of"),
        ("{", "seccomp.unusable", "not valid JSON"),
        (None, "seccomp.unusable", "cannot be read"),
    ],
)
def test_a_profile_of_ones_own_is_judged(tmp_path: Path, text: str | None, code: str, message: str) -> None:
    path = tmp_path / "profile.json"
    if text is not None:
        path.write_text(text)
    ((found_code, found),) = findings(seccompProfile=str(path))
    assert found_code == code
    assert message in found


def test_a_sound_profile_of_ones_own_needs_no_word(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}))
    assert findings(seccompProfile=str(path)) == []
