"""The network that gateways alone are in: one bridge with a small subnet of its own."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.errors import EgressError, NetworkTakenError
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openclaw_sandbox.engine.base import Networks

NETWORK = "openclaw-sandbox-egress"
NETWORK_ROLE = "egress-network"
#: Never the engine's default pools: they are used up after 30 networks. One is taken that no route covers.
_CANDIDATES = tuple(IPv4Network(f"10.{second}.213.0/24") for second in range(199, 231))
_OPTIONS = {
    # Gateways have nothing to say to each other.
    "com.docker.network.bridge.enable_icc": "false",
}


def ensure_network(networks: Networks) -> None:
    """Make the network if it is not there.

    Raises:
        EgressError: somebody else's network has its name, or no subnet is free.
    """
    found = networks.find(NETWORK)
    if found is None:
        _make(networks)
        found = networks.find(NETWORK)
    if found is None or found.labels.get(labels.ROLE) != NETWORK_ROLE:
        raise EgressError(
            f"The network {NETWORK} exists and was not made by this tool.",
            hint=f"Remove or rename it: docker network rm {NETWORK}",
        )


def _make(networks: Networks) -> None:
    said = {labels.ROLE: NETWORK_ROLE, labels.VERSION: __version__}
    for subnet in free_subnets(_CANDIDATES, host_routes()):
        try:
            return networks.create(NETWORK, subnet=str(subnet), options=_OPTIONS, labels=said)
        except NetworkTakenError:
            if networks.find(NETWORK) is not None:  # another process was faster
                return None
    raise EgressError(
        "No subnet is free for the egress gateways.",
        hint="Remove networks that nobody uses: docker network prune",
        details=[f"tried {_CANDIDATES[0]} to {_CANDIDATES[-1]}"],
    )


def free_subnets(candidates: Iterable[IPv4Network], taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """The candidates that none of the taken ones touches."""
    used = list(taken)
    return (subnet for subnet in candidates if not any(subnet.overlaps(other) for other in used))


def parse_routes(text: str) -> list[IPv4Network]:
    """The networks of `/proc/net/route`, without the default route."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or not all(re.fullmatch(r"[0-9A-Fa-f]{8}", words[i]) for i in (1, 7)):
            continue
        address, mask = (bytes.fromhex(words[i])[::-1] for i in (1, 7))
        if any(mask):
            network = f"{'.'.join(map(str, address))}/{'.'.join(map(str, mask))}"
            found.append(IPv4Network(ip_network(network, strict=False)))
    return found


def host_routes() -> list[IPv4Network]:
    """What this host has routes to; empty if it does not say."""
    try:
        return parse_routes(Path("/proc/net/route").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
