"""Every engine passes the same suite: one line here for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.spec.model import ContainerSpec, SeccompSpec, TmpfsMount
from tests.integration.conftest import api, image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.engine.base import Engine

__all__ = ["api", "image"]

#: Name -> how to open it.
ENGINES: Mapping[str, Callable[[], Engine]] = {"docker": lambda: open_engine(os.environ)}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    name: str = request.param
    return ENGINES[name]()


@pytest.fixture
def spec(image: str, octest_name: Callable[[str], str], engine: Engine) -> Iterator[ContainerSpec]:
    """A small container that does nothing; what of its name is left is removed."""
    name = octest_name("c")
    yield ContainerSpec(
        name=name,
        image=image,
        command=("sleep", "600"),
        labels={"openclaw-sandbox.role": "test", "octest": name},
        user="1000:1000",
        workdir="/",
        env={"GREETING": "hello"},
        mounts=(),
        tmpfs=(TmpfsMount(destination="/tmp", options=("size=1048576",)),),
        read_only_root=True,
        network="none",
        cap_drop=("ALL",),
        seccomp=SeccompSpec(name="docker-default"),
        pids_limit=64,
        memory_bytes=64 << 20,
        memory_swap_bytes=64 << 20,
        shm_bytes=1 << 20,
    )
    for found in engine.list(labels=[f"octest={name}"]):
        engine.remove(found.id, force=True)


@pytest.fixture
def container(engine: Engine, spec: ContainerSpec) -> str:
    """The id of a container that runs."""
    container_id, _ = engine.create(spec, labels={})
    engine.start(container_id)
    return container_id


@pytest.fixture
def network(engine: Engine, octest_name: Callable[[str], str]) -> Iterator[str]:
    """A name for a network; what of it is left is removed."""
    name = octest_name("net")
    yield name
    try:
        engine.networks.remove(name)
    except EngineError:
        return
