"""A container that is weaker than promised in one setting: verify must fail and name that setting.

CI tries a few of them, another few every day. OPENCLAW_SANDBOX_SEED repeats a choice, and
OPENCLAW_SANDBOX_SOAK=1 tries all of them.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.verify.model import Severity
from tests.integration.verify.bench import bench
from tests.integration.verify.mutations import Mutation, all_mutations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.engine

_IN_CI = 4
SEED = int(os.environ.get("OPENCLAW_SANDBOX_SEED") or time.time() // 86400)
EVERYTHING = os.environ.get("OPENCLAW_SANDBOX_SOAK") == "1"

#: Some engines cannot start these, and then nothing can be weaker: what the refusal must say.
MAY_NOT_START = {
    "privileged": "operation not permitted",  # an engine that lacks a capability itself
    "shared-mount": "not a shared mount",  # the host's own mount is private
}


def chosen() -> list[Mutation]:
    """All of them, or today's few."""
    everything = list(all_mutations())
    if EVERYTHING:
        return everything
    return random.Random(SEED).sample(everything, _IN_CI)


def test_enough_settings_are_mutated() -> None:
    mutations = all_mutations()
    assert len(mutations) >= 38
    assert len({mutation.name for mutation in mutations}) == len(mutations)


def test_the_unchanged_container_keeps_its_promises(
    octest_name: Callable[[str], str], image: str, tmp_path: Path
) -> None:
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify()
    assert [(r.probe.id, r.evidence) for r in report.failures(Severity.LOW)] == []
    assert len(report.results) == 163
    assert report.made


@pytest.mark.parametrize("mutation", chosen(), ids=str)
def test_a_weaker_container_is_found_out(
    mutation: Mutation, octest_name: Callable[[str], str], image: str, tmp_path: Path
) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    with bench(tmp_path / "bench", octest_name("verify"), image=image, **mutation.policy) as place:
        try:
            report = place.verify(lambda body: mutation.change(body, spare))
        except EngineError as error:
            said = " ".join([error.brief, *error.details])
            assert mutation.name in MAY_NOT_START, said
            assert MAY_NOT_START[mutation.name] in said
            return
    failed = report.failures(Severity.LOW)
    named = {result.probe.setting for result in failed}
    assert mutation.setting in named, [(r.probe.id, r.probe.setting, r.evidence) for r in failed]
