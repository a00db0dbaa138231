"""A network of the operator's own: what `--internal` leaves open is closed, or said.

Docker's internal networks stop packets to the outside. Two ways stay: the bridge has an address, and with it
every address of the host answers; and names that Docker does not know are asked of the host's resolver, where
that listens on the loopback.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SpecRefusedError

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine
    from openclaw_sandbox.spec.model import ContainerSpec

INHIBIT = "com.docker.network.bridge.inhibit_ipv4"
#: Names of containers still resolve: Docker answers those itself. Everything else fails, and soon.
_NOWHERE, _SOON = ("127.0.0.1",), ("timeout:1", "attempts:1")


def close_internal(spec: ContainerSpec, engine: Engine) -> tuple[ContainerSpec, tuple[str, ...]]:
    """The spec with the holes of an internal network closed, and what could not be closed, in words.

    Raises:
        SpecRefusedError: there is no such network.
    """
    if spec.network in ("none", "bridge", "default", "host") or spec.network.startswith("container:"):
        return spec, ()
    found = engine.networks.find(spec.network)
    if found is None:
        raise SpecRefusedError(
            f'docker.network: there is no network "{spec.network}".',
            hint=f"Make it: docker network create --internal -o {INHIBIT}=true {spec.network}",
        )
    if not found.internal:
        return spec, ()
    if not spec.dns:
        spec = replace(spec, dns=_NOWHERE, dns_options=_SOON)
    if found.options.get(INHIBIT) == "true":
        return spec, ()
    said = f'The internal network "{spec.network}" reaches every address of this host'
    return spec, (f"{said}; make it with -o {INHIBIT}=true.",)
