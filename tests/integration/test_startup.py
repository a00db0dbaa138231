"""What the hot verbs load: nothing that only another verb, another engine or another config needs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_help import HEAVY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

PROGRAM = """
import json, sys
from openclaw_sandbox.cli.app import run_cli
status = run_cli(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(status)
"""
#: What explains, applies config.yml, makes images or gateways is for who asks for it.
NOT_FOR_A_WARM_RUN = (
    *("openclaw_sandbox.policy.toolcall", "openclaw_sandbox.policy.toolchain"),
    *("openclaw_sandbox.policy.file_keys", "openclaw_sandbox.policy.hosts", "openclaw_sandbox.policy.paths"),
    *("openclaw_sandbox.cli.explain", "openclaw_sandbox.cli.engine_view"),
    *("openclaw_sandbox.cli.render.explain", "openclaw_sandbox.policy.egress"),
    *(
        "openclaw_sandbox.image",
        "openclaw_sandbox.egress",
        "openclaw_sandbox.verify",
        "openclaw_sandbox.doctor",
    ),
    *("openclaw_sandbox.engine.docker.images", "openclaw_sandbox.engine.docker.remote"),
)
#: What reads openclaw.json.
NOT_WITHOUT_A_CONFIG = (
    *("openclaw_sandbox.config.openclaw_file", "openclaw_sandbox.config.document"),
    *("openclaw_sandbox.config.includes", "openclaw_sandbox.config.validate"),
)

NOT_FOR_EXPLAIN = (
    *("filelock", "openclaw_sandbox.lifecycle", "openclaw_sandbox.spec"),
    "openclaw_sandbox.engine.docker.engine",
    *("openclaw_sandbox.policy.toolchain", "openclaw_sandbox.policy.file_keys"),
    "openclaw_sandbox.policy.hosts",
    *(
        "openclaw_sandbox.image",
        "openclaw_sandbox.egress",
        "openclaw_sandbox.verify",
        "openclaw_sandbox.doctor",
    ),
)
READS_THE_CONFIG = {"pyjson5", "pydantic_core"}


def modules_of(sandbox: Sandbox, *words: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=sandbox.tool.environment(),
        cwd=sandbox.tool.home,
        timeout=120,
        check=True,
    )
    found: list[str] = json.loads(ended.stderr.splitlines()[-1])
    return found


def loaded(modules: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """Of `unwanted` (names, or their beginnings) what was loaded."""
    return [name for name in modules if name.startswith(tuple(unwanted))]


def test_a_warm_run_loads_what_it_needs(sandbox: Sandbox) -> None:
    modules_of(sandbox, "run", "--", "true")
    modules = modules_of(sandbox, "run", "--", "true")
    assert not (HEAVY - READS_THE_CONFIG) & {name.partition(".")[0] for name in modules}
    assert loaded(modules, NOT_FOR_A_WARM_RUN) == []


def test_a_run_without_a_config_loads_nothing_that_reads_one(sandbox: Sandbox) -> None:
    (sandbox.tool.state / "openclaw.json").unlink()
    modules = modules_of(sandbox, "run", "--dry-run", "--", "true")
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert loaded(modules, (*NOT_FOR_A_WARM_RUN, *NOT_WITHOUT_A_CONFIG)) == []


def test_explain_loads_nothing_that_makes_sandboxes(sandbox: Sandbox) -> None:
    modules = modules_of(sandbox, "explain")
    assert not (HEAVY - READS_THE_CONFIG) & {name.partition(".")[0] for name in modules}
    assert loaded(modules, NOT_FOR_EXPLAIN) == []
