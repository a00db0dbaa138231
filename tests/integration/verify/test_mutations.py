"""A container that is weaker than promised in one setting: verify must fail and name that setting.

CI tries a few of them, another few every day. OPENCLAW_SANDBOX_SEED repeats a choice, and
OPENCLAW_SANDBOX_SOAK=1 tries all of them. The reverse as well: a policy that gives something up passes.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import docker
import pytest

from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.verify.model import Severity, Verdict
from tests.integration.verify.bench import bench
from tests.integration.verify.mutations import Mutation, all_mutations
from tests.integration.verify.relaxations import RELAXATIONS, Relaxation

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
    "slave-mount": "not a shared or slave mount",
    "spared": "OCI runtime create failed",  # an engine that may not spare even itself
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


def chosen_relaxations() -> list[Relaxation]:
    """All of them, or today's few."""
    return list(RELAXATIONS) if EVERYTHING else random.Random(SEED).sample(RELAXATIONS, _IN_CI)


@pytest.mark.parametrize("relaxation", chosen_relaxations(), ids=str)
def test_what_a_policy_gives_up_is_open_as_promised(
    relaxation: Relaxation, octest_name: Callable[[str], str], image: str, tmp_path: Path
) -> None:
    with bench(tmp_path, octest_name("verify"), image=image, **relaxation.policy) as place:
        report = place.verify()
    assert {r.probe.id: r.evidence for r in report.failures(Severity.LOW)} == {}
    opened = {r.probe.id for r in report.results if r.verdict is Verdict.OPEN and r.kept}
    assert relaxation.opened - opened == set()


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


@pytest.mark.parametrize(
    ("field", "setting"), [("PidMode", "pid"), ("IpcMode", "ipc"), ("NetworkMode", "docker.network")]
)
def test_a_namespace_of_another_container_is_found_out(
    field: str, setting: str, octest_name: Callable[[str], str], image: str, tmp_path: Path
) -> None:
    """By the kernel it is not the host's, and with no network of its own it looks as empty as none."""
    client = docker.from_env(timeout=120)
    other = client.containers.run(
        image,
        ["sleep", "infinity"],
        name=octest_name("other"),
        network="none",
        ipc_mode="shareable",
        detach=True,
    )
    try:
        with bench(tmp_path, octest_name("verify"), image=image) as place:
            report = place.verify(
                lambda body: body["HostConfig"].update({field: f"container:{other.id}"}), only=("ps.", "net.")
            )
    finally:
        other.remove(force=True)
        client.close()
    assert setting in {result.probe.setting for result in report.failures(Severity.LOW)}
