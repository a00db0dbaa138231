"""A remote engine (tcp, TLS, ssh) through the Docker SDK, which knows those transports.

Only for verbs that look and tidy up: a sandbox mounts folders of this machine, so none runs there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.docker.wire import Response, hanging
from openclaw_sandbox.errors import EngineDeadError, EngineError, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.engine.docker.endpoint import Endpoint


class RemoteTransport:
    """See wire.Transport."""

    local = False
    socket_path: str | None = None

    def __init__(self, endpoint: Endpoint, *, on_call: Callable[[str, float], None] | None = None) -> None:
        self.address = endpoint.url
        self._endpoint = endpoint
        self._on_call = on_call
        self._client: Any = None

    def request(self, method: str, path: str, *, body: object = None, timeout_s: float) -> Response:
        """See Transport.request."""
        import requests

        started = time.monotonic()
        try:
            client = self._session()
            answer = client.request(
                method,
                f"{client.base_url}{path}",
                data=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=timeout_s,
            )
            return Response(status=answer.status_code, body=answer.content)
        except requests.exceptions.Timeout:
            raise hanging(self.address, timeout_s) from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._dead(error) from None
        finally:
            if self._on_call:
                self._on_call(f"{method} {path}", time.monotonic() - started)

    def hijack(self, path: str, **_: object) -> tuple[Response, socket.socket, bytes]:
        """No commands run on a remote engine."""
        raise self._no_streams(path)

    def stream(self, path: str, **_: object) -> Iterator[bytes]:
        """No streams are followed on a remote engine."""
        raise self._no_streams(path)

    def _no_streams(self, path: str) -> EngineError:
        return EngineError(
            f"{path.split('?')[0]} is not done on a remote engine ({self.address}).",
            hint="Run this on the engine's own host.",
        )

    def _session(self) -> Any:
        if self._client is None:
            import docker

            try:
                self._client = docker.APIClient(
                    base_url=self._endpoint.url, tls=self._tls(), use_ssh_client=True, version="1.41"
                )
            except (docker.errors.DockerException, OSError) as error:
                raise self._dead(error) from None
        return self._client

    def _tls(self) -> Any:
        import docker

        folder = self._endpoint.cert_dir
        if folder is None:
            return False
        try:
            return docker.tls.TLSConfig(
                client_cert=(str(Path(folder, "cert.pem")), str(Path(folder, "key.pem"))),
                ca_cert=str(Path(folder, "ca.pem")),
                verify=self._endpoint.verify_tls,
            )
        except docker.errors.TLSParameterError as error:
            raise UsageError(
                f"The TLS files in {folder} cannot be used.", details=[str(error).splitlines()[0]]
            ) from None

    def _dead(self, error: Exception) -> EngineDeadError:
        if "paramiko" in str(error):  # what the SDK needs for ssh, and does not bring along
            return EngineDeadError(
                f"The engine at {self.address} ({self._endpoint.source}) is reached by ssh, which needs the "
                "Python package paramiko.",
                hint="Install it beside this tool: pip install paramiko",
            )
        return EngineDeadError(
            f"The engine at {self.address} ({self._endpoint.source}) cannot be reached.",
            hint="Correct DOCKER_HOST or the docker context, or start that engine.",
            details=[str(error)[:300]],
        )
