"""Bytes from one connection to another: counted, bounded, and ended when nobody says anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_sandbox.egress.ends import Connection, Ends

#: What a sandbox may send or get at once before the bandwidth limit is felt.
_BURST_S = 0.25


class Bandwidth:
    """One sandbox's share, all its connections together."""

    def __init__(self, bytes_per_s: int) -> None:
        self._rate = bytes_per_s
        self._free_at = 0.0

    @property
    def spent(self) -> bool:
        """Whether the next byte would have to wait, or nearly."""
        return self._free_at > asyncio.get_running_loop().time()

    def spend(self, count: int) -> float:
        """Take `count` bytes of it; the seconds to wait before the next ones, 0 or less for none."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + count / self._rate
        return self._free_at - now - _BURST_S


@dataclass(slots=True)
class Meter:
    """What has flowed, and when last. `bandwidth` is the sandbox's; None: not limited here."""

    bandwidth: Bandwidth | None = None
    up: int = 0
    down: int = 0
    last: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def count(self, *, up: int = 0, down: int = 0) -> float:
        """Bytes towards the outside, or towards the sandbox; the seconds to wait before the next ones."""
        self.up += up
        self.down += down
        self.last = asyncio.get_running_loop().time()
        return self.bandwidth.spend(up + down) if self.bandwidth is not None else 0.0

    async def wait(self, *, up: int = 0, down: int = 0) -> None:
        """Count, and wait. Others get their turn, however small the pieces are that come."""
        await asyncio.sleep(max(0.0, self.count(up=up, down=down)))


class IdleError(Exception):
    """Neither side said anything for too long."""


async def relay(inner: Ends, outer: Ends, meter: Meter, *, idle_s: float) -> None:
    """Both directions until both have ended. Half-closed connections stay open for the other half.

    Raises:
        IdleError: silence for `idle_s` seconds.
        OSError: a side broke.
    """
    joint = _Joint(inner.connection, outer.connection, meter)
    for source in (inner.connection, outer.connection):
        if data := await source.join(joint):
            joint.took(source, data)
        if source.at_end:
            joint.ended(source)
        if source.is_full:
            joint.full(source)
    loop = asyncio.get_running_loop()
    while not joint.finished.done():
        left = meter.last + idle_s - loop.time()
        if left <= 0:
            raise IdleError
        await asyncio.wait([joint.finished], timeout=left)
    joint.finished.result()


class _Joint:
    """Two connections, each of which gets what the other says. A full one makes the other wait."""

    def __init__(self, inner: Connection, outer: Connection, meter: Meter) -> None:
        self._inner, self._meter = inner, meter
        self._other = {inner: outer, outer: inner}
        self._holds = {inner: 0, outer: 0}  # reasons not to read it: the other is full, it was too fast
        self._open = {inner, outer}
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def took(self, source: Connection, data: bytes) -> None:
        self._other[source].transport.write(data)
        up = len(data) if source is self._inner else 0
        if (ahead_s := self._meter.count(up=up, down=len(data) - up)) > 0:
            self._hold(source)
            asyncio.get_running_loop().call_later(ahead_s, self._go_on, source)

    def ended(self, source: Connection) -> None:
        if (target := self._other[source].transport).can_write_eof():
            target.write_eof()
        self._open.discard(source)
        if not self._open and not self.finished.done():
            self.finished.set_result(None)

    def lost(self, source: Connection, error: Exception | None) -> None:
        if self.finished.done():
            return
        if error is None and source not in self._open:  # TLS has no half-closed connections
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error if isinstance(error, OSError) else ConnectionError("it closed"))
            self.finished.exception()  # seen, whether or not somebody waits

    def full(self, target: Connection) -> None:
        self._hold(self._other[target])

    def ready(self, target: Connection) -> None:
        self._go_on(self._other[target])

    def _hold(self, source: Connection) -> None:
        self._holds[source] += 1
        source.transport.pause_reading()

    def _go_on(self, source: Connection) -> None:
        self._holds[source] -= 1
        if not self._holds[source]:
            source.transport.resume_reading()
