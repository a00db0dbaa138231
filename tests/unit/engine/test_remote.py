"""A remote engine that cannot be reached: one sentence, and what helps."""

from __future__ import annotations

import docker
import pytest

from openclaw_sandbox.engine.docker.endpoint import Endpoint
from openclaw_sandbox.engine.docker.remote import RemoteTransport
from openclaw_sandbox.errors import EngineDeadError


def refused(monkeypatch: pytest.MonkeyPatch, said: str) -> EngineDeadError:
    def client(**_: object) -> object:
        raise docker.errors.DockerException(said)

    monkeypatch.setattr("docker.APIClient", client)
    transport = RemoteTransport(Endpoint(url="ssh://joe@host", source="DOCKER_HOST"))
    with pytest.raises(EngineDeadError) as caught:
        transport.request("GET", "/version", timeout_s=1)
    return caught.value


def test_ssh_names_the_package_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(monkeypatch, "Install paramiko package to enable ssh:// support")
    assert "paramiko" in error.brief
    assert error.hint.endswith("pip install paramiko")


def test_everything_else_is_about_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(monkeypatch, "no route to host")
    assert error.brief == "The engine at ssh://joe@host (DOCKER_HOST) cannot be reached."
    assert error.details == ("no route to host",)
