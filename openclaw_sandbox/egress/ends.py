"""A connection: a stream of bytes that holds little, and can be joined to another one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: Read at once. What a side does not take is held, by hundreds of connections: it must not be much.
CHUNK = 1 << 17
#: What is still to be sent when a connection ends has so long.
_LINGER_S = 300.0
#: All connections read into this one; what is kept of it is copied.
_buffer = memoryview(bytearray(CHUNK))


class Joined(Protocol):
    """Takes the bytes of a connection that is no stream any more, and hears of what happens to it."""

    def took(self, source: Connection, data: bytes) -> None:
        """These came."""

    def ended(self, source: Connection) -> None:
        """No more will come."""

    def lost(self, source: Connection, error: Exception | None) -> None:
        """It is gone; with an error if it broke."""

    def full(self, target: Connection) -> None:
        """It takes no more for now."""

    def ready(self, target: Connection) -> None:
        """It does again."""


class Connection(asyncio.StreamReaderProtocol, asyncio.BufferedProtocol):
    """asyncio's stream until `join`: reading into one small buffer, where asyncio would take 256 KiB each."""

    def __init__(self, connected: Connected | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(limit=CHUNK // 2, loop=loop)
        self.at_end = self.is_full = False
        self._joined: Joined | None = None
        super().__init__(self.reader, connected, loop=loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For asyncio."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (of a stream)
        self.transport = transport

    async def join(self, joined: Joined) -> bytes:
        """Give what comes from now on to `joined`. What came and was not read yet is returned."""
        self._joined = joined
        if not self.at_end:
            self.reader.feed_eof()  # so that reading to the end does not wait
        return await self.reader.read()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """For asyncio."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """For asyncio."""
        data = bytes(_buffer[:nbytes])
        if self._joined is None:
            self.data_received(data)
        else:
            self._joined.took(self, data)

    def eof_received(self) -> bool | None:
        """For asyncio."""
        self.at_end = True
        if self._joined is None:
            return super().eof_received()
        self._joined.ended(self)
        return self.transport.can_write_eof()  # the other half stays; TLS has none

    def connection_lost(self, exc: Exception | None) -> None:
        """For asyncio."""
        super().connection_lost(exc)
        if self._joined is not None:
            self._joined.lost(self, exc)

    def pause_writing(self) -> None:
        """For asyncio."""
        super().pause_writing()
        self.is_full = True
        if self._joined is not None:
            self._joined.full(self)

    def resume_writing(self) -> None:
        """For asyncio."""
        super().resume_writing()
        self.is_full = False
        if self._joined is not None:
            self._joined.ready(self)


@dataclass(frozen=True, slots=True)
class Ends:
    """A connection's two halves."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def connection(self) -> Connection:
        """What both are halves of."""
        found = self.writer.transport.get_protocol()
        assert isinstance(found, Connection)  # noqa: S101  (no other kind is made here)
        return found

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Send; while the other side takes nothing, wait.

        Raises:
            OSError: it is gone, or has taken too little for `timeout_s` seconds (TimeoutError).
        """
        self.writer.write(data)
        if self.connection.is_full or self.writer.transport.is_closing():
            async with asyncio.timeout(timeout_s):
                await self.writer.drain()

    def close(self) -> None:
        """End it. What is still to be sent has a while: a side that never reads holds nothing."""
        transport = self.writer.transport
        if transport.is_closing():
            return
        with contextlib.suppress(OSError, RuntimeError):
            unsent = transport.get_write_buffer_size()  # a closed TLS transport cannot tell any more
            self.writer.close()
            if unsent:
                asyncio.get_running_loop().call_later(_LINGER_S, transport.abort)

    def abort(self) -> None:
        """Reset it: the other side must not take what it got for everything."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.transport.abort()


async def connect(host: str, port: int, *, tls: ssl.SSLContext | None = None) -> Ends:
    """A connection to a server.

    Raises:
        OSError: none came about.
    """
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(Connection, host, port, ssl=tls)
    return _ends(transport, connection, loop)


async def connect_unix(path: str) -> Ends:
    """A connection to a socket in the file system.

    Raises:
        OSError: none came about.
    """
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_unix_connection(Connection, path)
    return _ends(transport, connection, loop)


def _ends(transport: asyncio.Transport, made: Connection, loop: asyncio.AbstractEventLoop) -> Ends:
    return Ends(made.reader, asyncio.StreamWriter(transport, made, made.reader, loop))
