"""One client, one image and one bench for all tests of the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from openclaw_sandbox.spec.seccomp import profile_json
from tests.integration.seccomp.bench import UNCONFINED, Bench, skeleton_image, write_cases
from tests.integration.seccomp.calls import MACHINE, by_argument, by_name, other_abis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="package")
def bench(octest_name: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    cases = write_cases(
        [*by_name(), *by_argument(), *other_abis()], tmp_path_factory.mktemp("seccomp") / "cases.json"
    )
    client = docker.from_env(timeout=120)
    try:
        with skeleton_image(client, octest_name("seccomp")) as image:
            yield Bench(client, image, octest_name("seccomp"), cases)
    finally:
        client.close()


@pytest.fixture(scope="package")
def profile() -> str:
    """What a sandbox on this machine gets."""
    return profile_json(MACHINE)


@pytest.fixture(scope="package")
def filtered(bench: Bench, profile: str) -> dict[str, str]:
    """The answers to a process in a hardened container."""
    return bench.raw(profile)


@pytest.fixture(scope="package")
def work(bench: Bench, profile: str) -> tuple[set[str], str]:
    """The workloads that pass under the profile, and what they printed."""
    return bench.workloads(profile)


@pytest.fixture(scope="package")
def unfiltered(bench: Bench) -> dict[str, str]:
    """The kernel's own answers to a process with nearly every capability: the positive control."""
    return bench.raw(UNCONFINED, mighty=True)
