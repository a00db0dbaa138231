"""What a gateway would say to a host, found out on the host itself: `egress test`."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.host import own_addresses
from openclaw_sandbox.policy.addresses import Address, parse_address
from openclaw_sandbox.policy.egress import decide, judge_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.policy.egress import Decision
    from openclaw_sandbox.policy.model import EffectivePolicy

#: What a sandbox without any network is told; no gateway sees it, so no record is left.
NO_NETWORK = "the sandbox has no network and no list of allowed hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would happen. `recorded`: the gateway would write it down. `addresses` as this host resolves."""

    host: str
    port: int
    allowed: bool
    reason: str
    rule: str = ""
    addresses: tuple[str, ...] = ()
    recorded: bool = True


def foresee(
    policy: EffectivePolicy,
    host: str,
    port: int,
    *,
    look_up: Callable[[str, int], list[str]] | None = None,
) -> Foreseen:
    """The verdict about a normalised host. A name that a rule allows is looked up on this host."""
    if policy.hardening.network != "none":
        reason = f'the sandbox is in the network "{policy.hardening.network}": no gateway decides'
        return Foreseen(host=host, port=port, allowed=True, reason=reason, recorded=False)
    if policy.egress is None:
        return Foreseen(host=host, port=port, allowed=False, reason=NO_NETWORK, recorded=False)
    decision = decide(policy.egress, host, port)
    addresses: list[Address] = []
    if decision.allowed:
        literal = parse_address(host)
        found = [str(literal)] if literal is not None else (look_up or _look_up)(host, port)
        addresses = [address for text in found if (address := parse_address(text)) is not None]
        bad = judge_addresses(policy.egress, addresses, port, own=own_addresses())
        decision = bad or decision
    return _foreseen(host, port, decision, addresses)


def _foreseen(host: str, port: int, decision: Decision, addresses: list[Address]) -> Foreseen:
    reason = decision.reason
    if decision.allowed and not addresses:
        reason = f"{reason}; this host does not resolve it, the gateway may"
    return Foreseen(
        host=host,
        port=port,
        allowed=decision.allowed,
        reason=reason,
        rule=decision.rule.said if decision.rule else "",
        addresses=tuple(str(address) for address in addresses),
    )


def _look_up(host: str, port: int) -> list[str]:
    try:
        entries = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))
