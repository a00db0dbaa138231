"""What a detached command cannot have, and who asked for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.dryrun import visible_env
from openclaw_sandbox.lifecycle.jobs import refuse_what_cannot_last
from openclaw_sandbox.lifecycle.run import RunRequest
from openclaw_sandbox.policy.model import Resolved
from tests.unit.lifecycle.sandboxes import House

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("request_", "flag"),
    [
        (RunRequest(argv=("true",), timeout_s=5), "--timeout"),
        (RunRequest(argv=("true",), output_limit=5), "--max-output"),
        (RunRequest(argv=("true",), tty=True), "--tty"),
    ],
)
def test_flags_that_need_somebody_there(request_: RunRequest, flag: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{flag} does not go with --detach"):
        refuse_what_cannot_last(House(tmp_path).blueprint(), request_)


def test_a_limit_from_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    blueprint = House(tmp_path).blueprint()
    origin = Origin(kind=OriginKind.FILE, key="sandbox.timeout", file="config.yml")
    said = {**blueprint.policy.values, "timeout": Resolved(key="timeout", value=600.0, origin=origin)}
    from_file = replace(blueprint, policy=replace(blueprint.policy, values=said))
    with pytest.raises(UsageError, match=r"^timeout \(config.yml.* does not go with --detach"):
        refuse_what_cannot_last(from_file, RunRequest(argv=("true",), timeout_s=600))


def test_nothing_in_the_way(tmp_path: Path) -> None:
    refuse_what_cannot_last(House(tmp_path).blueprint(), RunRequest(argv=("true",)))


@pytest.mark.parametrize("variable", [("APP_TOKEN", "x"), ("DB", "postgres://app:s3cret@db.example.com/x")])
def test_a_secret_would_stand_in_inspect(variable: tuple[str, str], tmp_path: Path) -> None:
    name, value = variable
    with pytest.raises(UsageError, match=f"^--detach cannot pass {name}: ") as caught:
        refuse_what_cannot_last(House(tmp_path).blueprint(), RunRequest(argv=("true",), env={name: value}))
    assert "s3cret" not in str(caught.value)


def test_a_dry_run_shows_no_secret(tmp_path: Path) -> None:
    env = {"APP_TOKEN": "x", "DB": "postgres://app:s3cret@db.example.com/x", "PLAIN": "y"}
    shown = visible_env(House(tmp_path).blueprint(), RunRequest(argv=("true",), env=env))
    assert {name: shown[name] for name in env} == {"APP_TOKEN": "***", "DB": "***", "PLAIN": "y"}
