"""What this host says about a policy, beyond the config itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.cli.engine_view import engine_findings, profile_findings
from openclaw_sandbox.engine.docker import quick
from openclaw_sandbox.errors import EngineDeadError, EngineError, EngineHangingError, SandboxError
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


@pytest.mark.parametrize(
    ("network", "answer", "codes"),
    [
        ("none", False, []),
        ("bridge", False, []),
        ("container:x", False, []),
        ("corp", True, []),
        ("corp", None, []),
        ("corp", False, ["network.missing"]),
        ("corp", EngineError("no"), []),
    ],
)
def test_a_network_that_the_engine_does_not_have(
    network: str, answer: bool | EngineError | None, codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_network(_env: object, name: str, *, patience_s: float) -> bool | None:
        assert (name, patience_s) == ("corp", 5.0)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    monkeypatch.setattr(quick, "has_image", lambda *_, **__: True)
    monkeypatch.setattr(quick, "has_network", has_network)
    policy = survey(config_of(docker(network=network)), session=None, agent=None, host=FakeHost())
    found = engine_findings(policy)
    assert [finding.code for finding in found] == codes
    if found:
        assert "docker network create corp" in found[0].hint
        assert found[0].origin == policy.values["docker.network"].origin


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EngineHangingError("no", hint="restart it"), "engine.slow", "longer than 5 s to answer"),
        (EngineDeadError("It is not running."), "engine.unreachable", "Not runnable now: It is not running."),
    ],
)
def test_a_busy_engine_is_not_called_broken(
    error: SandboxError, code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_image(*_: object, **__: object) -> bool:
        raise error

    monkeypatch.setattr(quick, "has_image", has_image)
    monkeypatch.delattr(quick, "has_network")  # after one silence nothing more is asked
    policy = survey(config_of(docker(network="corp")), session=None, agent=None, host=FakeHost())
    (found,) = engine_findings(policy)
    assert found.code == code
    assert words in found.message
    assert "restart" not in found.hint
