"""Where verify looks: a container of its own, the sandbox that runs, one that is named."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import docker
import pytest

from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.errors import SandboxConflictError
from openclaw_sandbox.lifecycle.ensure import draw_blueprint, ensure
from openclaw_sandbox.verify.model import Severity, Verdict
from openclaw_sandbox.verify.place import NoSuchContainerError, TamperedError
from openclaw_sandbox.verify.witness import look
from tests.integration.verify.bench import Bench, bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture
def place(octest_name: Callable[[str], str], image: str, tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, octest_name("verify"), image=image) as made:
        yield made


@pytest.fixture
def running(place: Bench) -> Iterator[str]:
    engine = open_engine(os.environ)
    ready = ensure(draw_blueprint(place.policy, engine, now_ms=int(time.time() * 1000)), engine)
    try:
        yield ready.name
    finally:
        engine.remove(ready.container_id, force=True)


def _names(prefix: str) -> list[str]:
    client = docker.from_env(timeout=60)
    try:
        found = client.api.containers(all=True)
    finally:
        client.close()
    return [name for c in found for name in c["Names"] if prefix in name]


def test_a_container_of_its_own_goes_again(place: Bench) -> None:
    report = place.verify(only=("ps.", "net."))
    assert report.made
    assert report.failures(Severity.LOW) == ()
    assert _names(place.policy.container_prefix) == []


def test_the_running_sandbox_is_looked_at_and_left_alone(place: Bench, running: str) -> None:
    report = place.verify()
    assert (report.container, report.made) == (running, False)
    assert [(r.probe.id, r.evidence) for r in report.failures(Severity.LOW)] == []
    # Its limits are not used up: others may work in it.
    used = {r.probe.id: r.verdict for r in report.results if r.probe.heavy}
    assert used["rs.disk-workspace"] is Verdict.NOT_APPLICABLE
    assert used["ps.fork-limit"] is Verdict.BLOCKED
    assert _names(place.policy.container_prefix) == [f"/{running}"]


@pytest.mark.parametrize("memory", ["256m", "64m"])
def test_who_may_not_look_at_its_processes_gets_an_answer_too(
    memory: str,
    octest_name: Callable[[str], str],
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator without root's rights: /proc of the container is closed, and so only attempts are left."""
    nothing = look(0)
    monkeypatch.setattr("openclaw_sandbox.verify.run.look", lambda pid: replace(nothing, pid=pid))
    with bench(tmp_path, octest_name("verify"), image=image, memory=memory, memorySwap=memory) as place:
        report = place.verify()
    assert [(r.probe.id, r.evidence) for r in report.failures(Severity.LOW)] == []
    assert {r.probe.id for r in report.results if r.verdict is Verdict.ERROR} == set()


def test_a_container_of_another_state_folder_proves_nothing(place: Bench, running: str) -> None:
    elsewhere = replace(place, policy=replace(place.policy, state_dir=place.policy.state_dir / "other"))
    with pytest.raises(SandboxConflictError, match=running):
        elsewhere.verify(only=("ps.",))


def test_a_stopped_one_is_not_passed_over(place: Bench, running: str) -> None:
    """`run` starts it and goes by its label: what was changed meanwhile must be found."""
    engine = open_engine(os.environ)
    engine.stop(running, grace_s=0)
    assert place.verify(only=("ps.",)).made
    client = docker.from_env(timeout=60)
    try:
        client.api.update_container(running, mem_limit="1g", memswap_limit="1g")
    finally:
        client.close()
    with pytest.raises(TamperedError, match=r"docker\.memory"):
        place.verify(only=("ps.",))


def test_a_stopped_one_with_our_label_may_be_another_altogether(place: Bench, running: str) -> None:
    """Only the engine's record tells: the label says what was promised."""
    client = docker.from_env(timeout=60)
    try:
        document = client.api.inspect_container(running)
        client.api.remove_container(running, force=True)
        body = document["Config"] | {"HostConfig": document["HostConfig"] | {"PidMode": "host"}}
        body["HostConfig"]["Sysctls"] = {"net.ipv4.ip_unprivileged_port_start": "0"}
        client.api.create_container_from_config(body, running)
        with pytest.raises(TamperedError, match=r"sysctls.*pid|pid.*sysctls"):
            place.verify(only=("ps.",))
    finally:
        client.api.remove_container(running, force=True)
        client.close()


def test_fresh_makes_one_beside_it(place: Bench, running: str) -> None:
    report = place.verify(fresh=True, only=("ps.",))
    assert report.made
    assert report.container != running
    assert _names(place.policy.container_prefix) == [f"/{running}"]


def test_a_named_container_must_run(place: Bench) -> None:
    with pytest.raises(NoSuchContainerError, match="does not exist"):
        place.verify(attach="octest-no-such-container")


def test_a_foreign_container_is_held_against_the_policy(
    place: Bench, image: str, octest_name: Callable[[str], str]
) -> None:
    client = docker.from_env(timeout=120)
    name = octest_name("foreign")
    container = client.containers.run(image, ["sleep", "infinity"], name=name, user="0:0", detach=True)
    try:
        report = place.verify(attach=name, quick=True)
    finally:
        container.remove(force=True)
        client.close()
    settings = {r.probe.setting for r in report.failures(Severity.LOW)}
    assert {"docker.user", "docker.capDrop", "docker.readOnlyRoot", "docker.network"} <= settings
    assert "is not the container of" in report.notes[0]
