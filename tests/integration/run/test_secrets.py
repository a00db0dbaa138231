"""A secret reaches the command, and nobody who looks at the container, the tool's words or its plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

FROM_CONFIG, FROM_FLAG, FROM_FILE = "s3cret-of-the-config", "s3cret-of-a-flag", "s3cret-of-a-file"
COMMAND = ["sh", "-c", 'echo "$GH_TOKEN $DB_PASSWORD $PLAIN"; sleep 731']


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    (tmp_path / "env").write_text(f"DB_PASSWORD={FROM_FILE}\n")
    return ["-e", f"PLAIN={FROM_FLAG}", "--env-file", str(tmp_path / "env")]


@pytest.fixture(params=[[], ["--rm"]], ids=" ".join)
def seen(request: pytest.FixtureRequest, sandbox: Sandbox, flags: list[str]) -> Iterator[str]:
    """Everything that can be seen of a running command with secrets, from outside."""
    way: list[str] = request.param
    sandbox.configure(docker={"env": {"GH_TOKEN": FROM_CONFIG}})
    process = sandbox.start(*COMMAND, flags=["-v", *way, *flags])
    assert process.stdout
    assert process.stderr
    first = process.stdout.readline().decode()
    assert first == f"{FROM_CONFIG} {FROM_FILE} {FROM_FLAG}\n", "the command itself has them"
    found = everything_of(sandbox)
    process.terminate()
    _, said = process.communicate(timeout=60)
    yield found + said.decode()


def everything_of(sandbox: Sandbox) -> str:
    eventually(sandbox.containers)
    seen = [sandbox.api.inspect_container(name) for name in sandbox.containers()]
    seen += [sandbox.api.exec_inspect(e) for container in seen for e in container.get("ExecIDs") or ()]
    seen += [sandbox.api.top(name) for name in sandbox.containers()]
    files = [
        path for path in sandbox.tool.state.rglob("*") if path.is_file() and path.name != "openclaw.json"
    ]
    return json.dumps(seen) + "".join(path.read_text(errors="replace") for path in files)


def test_nobody_outside_sees_them(seen: str) -> None:
    assert "openclaw.sandbox" in seen
    for secret in (FROM_CONFIG, FROM_FLAG, FROM_FILE):
        assert secret not in seen


def test_a_plan_masks_what_looks_secret(sandbox: Sandbox, flags: list[str]) -> None:
    sandbox.configure(docker={"env": {"GH_TOKEN": FROM_CONFIG}})
    for way in ([], ["--json"], ["-v"]):
        done = sandbox.run("true", flags=["--dry-run", *way, *flags])
        assert done.status == 0
        everything = done.text + done.said
        assert "GH_TOKEN=***" in everything
        assert "DB_PASSWORD=***" in everything
        assert FROM_CONFIG not in everything
        assert FROM_FILE not in everything


def test_a_detached_command_cannot_have_any(sandbox: Sandbox, flags: list[str]) -> None:
    """It is its container's main process: its variables stand where everybody looks."""
    done = sandbox.run("true", flags=["--detach", *flags])
    assert (done.status, done.out) == (2, b"")
    assert "--detach cannot pass DB_PASSWORD" in done.said
    assert FROM_FILE not in done.said
    assert sandbox.containers() == []
