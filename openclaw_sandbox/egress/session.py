"""One connection of one sandbox: who it is, what it may, and what was written down about it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.records import Record, decision_line, end_line, now
from openclaw_sandbox.egress.relay import Bandwidth, Meter
from openclaw_sandbox.egress.upstream import (
    LookUps,
    ProxyServer,
    UnreachableError,
    dial,
    proxy_for,
    resolve,
    tunnel_through,
)
from openclaw_sandbox.policy.egress import Decision, decide, judge_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.egress.ends import Ends
    from openclaw_sandbox.egress.settings import Limits, Settings
    from openclaw_sandbox.policy.addresses import Address
    from openclaw_sandbox.policy.egress import EgressRule


@dataclass(slots=True)
class Account:
    """One sandbox's use of the gateway."""

    bandwidth: Bandwidth
    connections: int = 0
    look_ups: LookUps = field(default_factory=LookUps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """An allowed host with the addresses that were judged. Nothing else is ever dialled.

    `addresses` is empty only with `proxy`, which resolves the name itself.
    """

    via: str
    host: str
    port: int
    rule: EgressRule
    reason: str
    addresses: tuple[Address, ...] = ()
    proxy: ProxyServer | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why not, for the client. `unreachable`: it is allowed and is not there."""

    host: str
    port: int
    reason: str
    unreachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sandbox's connection to the gateway. `settings` gives those of the moment."""

    ends: Ends
    sandbox: str
    account: Account
    settings: Callable[[], Settings]
    write: Callable[[str], None]

    @property
    def limits(self) -> Limits:
        """The limits of the moment."""
        return self.settings().limits

    def meter(self) -> Meter:
        """Counts one exchange against this sandbox's bandwidth."""
        return Meter(bandwidth=self.account.bandwidth)

    async def admit(self, via: str, host: str, port: int) -> Admission | Denial:
        """Decide about a host; a denial is already written down, an admission is not."""
        settings = self.settings()
        decision = decide(settings.policy, host, port)
        if not decision.allowed or decision.rule is None:
            return self.deny(via, host, port, decision)
        admission = Admission(via=via, host=host, port=port, rule=decision.rule, reason=decision.reason)
        try:
            admission = replace(admission, proxy=proxy_for(settings.proxy, host, port, plain=via == "http"))
            look_ups, timeout_s = self.account.look_ups, settings.limits.resolve_s
            addresses = await resolve(host, port, timeout_s=timeout_s, look_ups=look_ups)
            admission = replace(admission, addresses=addresses)
        except UnreachableError as error:
            if admission.proxy is None:
                return self.unreachable(admission, str(error))
        bad = judge_addresses(settings.policy, admission.addresses, port, own=settings.own_addresses)
        return admission if bad is None else self.deny(via, host, port, bad)

    async def connect(self, admission: Admission) -> Ends:
        """To one of the judged addresses, or through the host's proxy.

        Raises:
            UnreachableError: no connection came about.
        """
        if admission.proxy is not None:
            return await tunnel_through(admission.proxy, admission.host, admission.port, self.limits)
        return await dial(admission.addresses, admission.port, self.limits)

    # ---- what is written down

    def deny(self, via: str, host: str, port: int, decision: Decision) -> Denial:
        """Write a denial down."""
        rule = decision.rule.said if decision.rule else ""
        record = Record(
            id=secrets.token_hex(6),
            time=now(),
            sandbox=self.sandbox,
            via=via,
            host=host,
            port=port,
            verdict="deny",
            reason=decision.reason,
            rule=rule,
        )
        self.write(decision_line(record))
        return Denial(host=host, port=port, reason=decision.reason)

    def allow(self, admission: Admission) -> None:
        """Write an admission down, before the first byte leaves."""
        record = Record(
            id=admission.id,
            time=now(),
            sandbox=self.sandbox,
            via=admission.via,
            host=admission.host,
            port=admission.port,
            verdict="allow",
            reason=admission.reason,
            rule=admission.rule.said,
        )
        self.write(decision_line(record))

    def end(self, admission: Admission, meter: Meter | None = None, error: str = "") -> None:
        """Write down how what was allowed ended."""
        up, down = (meter.up, meter.down) if meter else (0, 0)
        self.write(end_line(admission.id, up=up, down=down, error=error))

    def unreachable(self, admission: Admission, error: str) -> Denial:
        """Write down that what is allowed did not come about."""
        self.allow(admission)
        self.end(admission, error=error)
        return Denial(host=admission.host, port=admission.port, reason=error, unreachable=True)
