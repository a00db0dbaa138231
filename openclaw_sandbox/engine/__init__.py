"""Engines make a ContainerSpec real. `base` is the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openclaw_sandbox.engine.docker.engine import DockerEngine
    from openclaw_sandbox.engine.images import ImageStore


def open_engine(
    env: Mapping[str, str], *, on_call: Callable[[str, float], None] | None = None
) -> DockerEngine:
    """The engine that `env` names (DOCKER_HOST, context) or that is found. No call is made yet.

    `on_call` hears of every call with its duration in seconds.

    Raises:
        UsageError: the environment names an engine in a way that cannot be used.
        EngineMissingError: there is none.
    """
    from openclaw_sandbox.engine.docker.endpoint import find_endpoint
    from openclaw_sandbox.engine.docker.engine import DockerEngine

    endpoint = find_endpoint(env)
    if endpoint.socket_path is not None:
        from openclaw_sandbox.engine.docker.wire import UnixTransport

        return DockerEngine(UnixTransport(endpoint.socket_path, on_call=on_call))
    from openclaw_sandbox.engine.docker.remote import RemoteTransport

    return DockerEngine(RemoteTransport(endpoint, on_call=on_call))


def open_images(env: Mapping[str, str]) -> ImageStore:
    """Images, networks and volumes of the engine that `open_engine` finds. No call is made yet.

    Raises:
        UsageError: the environment names an engine in a way that cannot be used.
        EngineMissingError: there is none.
    """
    from openclaw_sandbox.engine.docker.endpoint import find_endpoint
    from openclaw_sandbox.engine.docker.images import DockerImages

    return DockerImages(find_endpoint(env))
