"""The forwarder: from a port on the sandbox's loopback to the gateway's socket. It decides nothing.

It lives in a container of its own that shares only the sandbox's network, in which there is nothing but the
loopback; nobody in the sandbox sees its process.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.ends import CHUNK, Connection, Ends, connect_unix
from openclaw_sandbox.egress.relay import IdleError, Meter, relay
from openclaw_sandbox.egress.serving import until_signal
from openclaw_sandbox.egress.settings import Caller, greeting

if TYPE_CHECKING:
    from pathlib import Path

#: More than the gateway gives one sandbox, so that its answer is heard; beyond, connections are dropped.
_MOST = 512
#: The gateway ends what is idle; this only bounds what a dead one leaves.
_IDLE_S = 3600.0
_RETRY_S = 0.1
_SOCKS = b"\x05"
_NO_GATEWAY = b"openclaw-sandbox: the egress gateway is not running; it is being restarted\n"
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: " + str(len(_NO_GATEWAY)).encode() + b"\r\n\r\n" + _NO_GATEWAY
)


class Forwarder:
    """One sandbox's way to its gateway."""

    def __init__(self, sandbox: str, socket_file: Path) -> None:
        self._greeting = greeting(Caller.CLIENT, sandbox)
        self._socket_file = socket_file
        self._open = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection from inside the sandbox."""
        inner = Ends(reader, writer)
        if self._open >= _MOST:
            inner.abort()
            return
        self._open += 1
        try:
            await self._forward(inner)
        except (OSError, TimeoutError, IdleError):
            inner.abort()
        finally:
            self._open -= 1
            inner.close()

    async def _forward(self, inner: Ends) -> None:
        try:
            outer = await connect_unix(str(self._socket_file))
        except OSError:
            return await _no_gateway(inner)
        try:
            outer.writer.write(self._greeting)
            await relay(inner, outer, Meter(), idle_s=_IDLE_S)
        finally:
            outer.close()


async def _no_gateway(inner: Ends) -> None:
    async with asyncio.timeout(1.0):
        first = await inner.reader.read(CHUNK)
    if first[:1] != _SOCKS:
        inner.writer.write(_UNAVAILABLE)
        with contextlib.suppress(OSError):
            await inner.writer.drain()


async def _stay_known(ticket: str, socket_file: Path) -> None:
    """Tell the gateway, and each one that replaces it, that this forwarder listens."""
    while True:
        with contextlib.suppress(OSError):
            gateway = await connect_unix(str(socket_file))
            gateway.writer.write(greeting(Caller.FORWARDER, ticket))
            await gateway.reader.read()
            gateway.close()
        await asyncio.sleep(_RETRY_S)


async def serve_forwarder(sandbox: str, ticket: str, port: int, socket_file: Path) -> None:
    """Run until a signal ends it. `ticket` is what the gateway knows this forwarder by.

    Raises:
        OSError: somebody else listens on the port.
    """
    forwarder = Forwarder(sandbox, socket_file)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(forwarder.connected), "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    known = asyncio.ensure_future(_stay_known(ticket, socket_file))
    await until_signal()
    known.cancel()
    server.close()
