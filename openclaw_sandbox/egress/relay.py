"""Bytes from one connection to another: counted, bounded, and ended when nobody says anything."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHUNK = 1 << 18
#: What a sandbox may send or get at once before the bandwidth limit is felt.
_BURST_S = 0.25
#: What is still to be sent when a connection ends has so long.
_LINGER_S = 300.0


class Bandwidth:
    """One sandbox's share, all its connections together."""

    def __init__(self, bytes_per_s: int) -> None:
        self._rate = bytes_per_s
        self._free_at = 0.0

    @property
    def spent(self) -> bool:
        """Whether the next byte would have to wait, or nearly."""
        return self._free_at > asyncio.get_running_loop().time()

    async def spend(self, count: int) -> None:
        """Wait until `count` more bytes fit."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + count / self._rate
        ahead = self._free_at - now - _BURST_S
        if ahead > 0:
            await asyncio.sleep(ahead)


@dataclass(slots=True)
class Meter:
    """What has flowed, and when last. `spend` is the sandbox's bandwidth; None: not limited here."""

    spend: Callable[[int], Awaitable[None]] | None = None
    up: int = 0
    down: int = 0
    last: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def sent(self, count: int) -> None:
        """Bytes towards the outside."""
        self.up += count
        await self._seen(count)

    async def received(self, count: int) -> None:
        """Bytes towards the sandbox."""
        self.down += count
        await self._seen(count)

    async def _seen(self, count: int) -> None:
        self.last = asyncio.get_running_loop().time()
        if self.spend is not None:
            await self.spend(count)


class IdleError(Exception):
    """Neither side said anything for too long."""


@dataclass(frozen=True, slots=True)
class Ends:
    """A connection's two halves."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """End it. What is still to be sent has a while: a side that never reads holds nothing."""
        transport = self.writer.transport
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.close()
            if transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(_LINGER_S, transport.abort)

    def abort(self) -> None:
        """Reset it: the other side must not take what it got for everything."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.transport.abort()


async def relay(inner: Ends, outer: Ends, meter: Meter, *, idle_s: float) -> None:
    """Both directions until both have ended. Half-closed connections stay open for the other half.

    Raises:
        IdleError: silence for `idle_s` seconds.
        OSError: a side broke.
    """
    tasks = [
        asyncio.ensure_future(_copy(inner.reader, outer.writer, meter.sent)),
        asyncio.ensure_future(_copy(outer.reader, inner.writer, meter.received)),
    ]
    loop = asyncio.get_running_loop()
    try:
        while pending := [task for task in tasks if not task.done()]:
            left = meter.last + idle_s - loop.time()
            if left <= 0:
                raise IdleError
            done, _ = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[int], Awaitable[None]]
) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
        await count(len(data))
    if writer.can_write_eof():
        writer.write_eof()
