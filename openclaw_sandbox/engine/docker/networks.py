"""DockerNetworks: `Networks` of engine/base.py over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from openclaw_sandbox.engine.base import NetworkInfo
from openclaw_sandbox.engine.docker import failure
from openclaw_sandbox.errors import NetworkTakenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.engine.docker.wire import Transport

_DEADLINE_S = 20.0


class DockerNetworks:
    """Networks of one Docker Engine."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def find(self, name: str) -> NetworkInfo | None:
        """See Networks.find."""
        response = self._http.request("GET", f"/networks/{quote(name)}", timeout_s=_DEADLINE_S)
        if response.status == 404:
            return None
        if response.status >= 400:
            raise failure.plain_failure(response.status, response.body, f"look up the network {name}")
        document = response.json()
        with failure.parsing(self._http.address, f"look up the network {name}"):
            return _info(document)

    def create(
        self, name: str, *, subnet: str, options: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """See Networks.create."""
        body = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "IPAM": {"Driver": "default", "Config": [{"Subnet": subnet}]},
            "Options": dict(options),
            "Labels": dict(labels),
        }
        response = self._http.request("POST", "/networks/create", body=body, timeout_s=_DEADLINE_S)
        if response.status == 201:
            return
        said = failure.message_of(response.body)
        if response.status == 409 or "overlap" in said:
            raise NetworkTakenError(f"The network {name} cannot have {subnet}.", details=[said])
        raise failure.plain_failure(response.status, response.body, f"make the network {name}")

    def remove(self, name: str) -> bool:
        """See Networks.remove."""
        response = self._http.request("DELETE", f"/networks/{quote(name)}", timeout_s=_DEADLINE_S)
        if response.status in (403, 404, 409):
            return False
        if response.status >= 400:
            raise failure.plain_failure(response.status, response.body, f"remove the network {name}")
        return True


def _info(document: dict[str, Any]) -> NetworkInfo:
    ranges = (document.get("IPAM") or {}).get("Config") or []
    return NetworkInfo(
        id=str(document["Id"]),
        name=str(document["Name"]),
        internal=bool(document.get("Internal")),
        subnets=tuple(str(item["Subnet"]) for item in ranges if item.get("Subnet")),
        labels=dict(document.get("Labels") or {}),
        options=dict(document.get("Options") or {}),
    )
