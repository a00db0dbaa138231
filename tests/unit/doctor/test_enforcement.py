"""What this engine would not keep of the policies, and its runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.doctor.enforcement import check_enforcement, check_runtimes
from openclaw_sandbox.doctor.facts import EngineFacts, Facts, Kernel, StateFacts
from openclaw_sandbox.doctor.model import Status
from openclaw_sandbox.policy.resolve import resolve
from tests.fake_host import FakeHost, config_of
from tests.unit.lifecycle.test_fit import INFO

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import EngineInfo


def facts(info: EngineInfo | None, **hardening: object) -> Facts:
    policy = resolve(config_of({}), session=None, agent=None, host=FakeHost())
    policy = replace(policy, hardening=replace(policy.hardening, **hardening))
    return Facts(
        engine=EngineFacts(address="unix:///x", source="default", info=info),
        kernel=Kernel(release="6.1", build="", settings={}),
        state=StateFacts(folder="/s"),
        policies=(policy,),
    )


def statuses(found: Facts) -> dict[str, Status]:
    return {finding.id: finding.status for finding in check_enforcement(found)}


def test_nothing_is_said_without_an_engine() -> None:
    assert list(check_enforcement(facts(None))) == []
    assert list(check_runtimes(facts(None))) == []


def test_an_engine_that_keeps_everything() -> None:
    assert statuses(facts(INFO)) == {"config.enforced": Status.OK}
    assert statuses(facts(INFO, disk_bytes=1 << 30)) == {
        "config.enforced": Status.OK,
        "config.disk": Status.OK,
    }


@pytest.mark.parametrize(
    ("hardening", "status", "words"),
    [
        ({"apparmor": "mine"}, Status.FAIL, "docker.apparmorProfile"),
        (
            {"apparmor": "mine", "allow_unenforced": ("apparmor_profile",)},
            Status.WARN,
            "docker.apparmorProfile",
        ),
        ({"runtime": "kata-fc"}, Status.FAIL, "kata-fc"),
        ({"disk_io_weight": 9}, Status.FAIL, "resource_limits.disk_io_weight"),
    ],
)
def test_what_it_would_not_keep(hardening: dict[str, object], status: Status, words: str) -> None:
    info = replace(INFO, apparmor=False, warnings=("WARNING: No blkio weight support",))
    (finding,) = check_enforcement(facts(info, **hardening))
    assert finding.status is status
    assert words in finding.details[0]


def test_runtimes() -> None:
    (finding,) = check_runtimes(facts(replace(INFO, runtimes=("io.containerd.runc.v2", "runc", "runsc"))))
    assert (finding.status, finding.message) == (Status.OK, "Runtimes: runc, runsc.")
    (finding,) = check_runtimes(facts(replace(INFO, runtime_args={"runsc": ("--platform=kvm",)})))
    assert finding.status is Status.WARN
    assert "--oci-seccomp" in finding.fix
