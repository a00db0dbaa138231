"""Sandboxes on a real engine: each test has its own, and nothing of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from tests.integration.sandbox import Sandbox
from tests.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import APIClient

PRODUCT_IMAGE = "openclaw-sandbox:bookworm-slim"


@pytest.fixture(scope="session")
def api() -> Iterator[APIClient]:
    """The engine, asked by another program than ours."""
    client = docker.from_env(timeout=120)
    yield client.api
    client.close()


@pytest.fixture(scope="session")
def image(api: APIClient, octest_name: Callable[[str], str]) -> Iterator[str]:
    """The sandbox image under a name of this run: whoever builds it anew meanwhile does not disturb."""
    try:
        found = api.inspect_image(PRODUCT_IMAGE)
    except docker.errors.ImageNotFound:
        pytest.fail(f"the image {PRODUCT_IMAGE} is missing; make it: openclaw-sandbox setup")
    name = octest_name("image")
    api.tag(found["Id"], name, "run")
    yield f"{name}:run"
    api.remove_image(f"{name}:run", noprune=True)


@pytest.fixture(scope="session")
def new_sandbox(
    api: APIClient, image: str, octest_name: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Sandbox]:
    """Makes a sandbox; whoever calls it removes its containers."""

    def make() -> Sandbox:
        home = tmp_path_factory.mktemp("home")
        sandbox = Sandbox(tool=Tool(home), prefix=octest_name("r") + "-", image=image, api=api)
        sandbox.configure()
        return sandbox

    return make


@pytest.fixture
def sandbox(new_sandbox: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox for this test alone."""
    made = new_sandbox()
    yield made
    made.remove_all()


@pytest.fixture(scope="session")
def warm(new_sandbox: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A running sandbox with the default config, shared by tests that leave it as it is."""
    made = new_sandbox()
    done = made.run("true")
    assert done.status == 0, done.said
    yield made
    made.remove_all()
