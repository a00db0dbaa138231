"""A gateway and a forwarder in this process, servers on this host's loopback, and a client that writes bytes.

The loopback is refused by every policy unless it is listed by address, so tests list it with its ports.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_sandbox.egress import upstream
from openclaw_sandbox.egress.ends import CHUNK, Connection
from openclaw_sandbox.egress.forwarder import Forwarder
from openclaw_sandbox.egress.gateway import Gateway
from openclaw_sandbox.egress.records import Record, parse_log
from openclaw_sandbox.egress.serving import listen
from openclaw_sandbox.egress.settings import Limits, Settings
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: So that a slow client is given up while a test waits.
QUICK = Limits(header_s=0.5, idle_s=3.0, resolve_s=1.0, connect_s=1.0, connections=20)


@dataclass
class Bench:
    """What one test has: the port of the sandbox's loopback, the log, and the names that resolve."""

    port: int
    lines: list[str]
    names: dict[str, list[str]]
    settings: list[Settings]
    asked: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        return parse_log(self.lines)

    def allow(self, *entries: str) -> None:
        """From now on, these."""
        rules = tuple(parse_rule(entry, origin="config.yml:7") for entry in entries)
        self.settings[0] = Settings(policy=EgressPolicy(allow=rules), limits=self.settings[0].limits)

    @asynccontextmanager
    async def allowed(self, serve: Serve) -> AsyncIterator[int]:
        """A server that HOST leads to and that is allowed; its port."""
        async with server(serve) as port:
            self.allow(*listed(port))
            self.names[HOST] = ["127.0.0.1"]
            yield port

    async def send(self, data: bytes, *, until: bytes = b"") -> bytes:
        """Send, then read until the other side ends, or until `until` has come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_until(reader, until)
        finally:
            writer.close()

    async def connect(self, place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """CONNECT; the answer's head is read."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
        return reader, writer, await read_until(reader, b"\r\n\r\n")


async def read_until(reader: asyncio.StreamReader, mark: bytes, timeout_s: float = 10.0) -> bytes:
    got = b""
    try:
        async with asyncio.timeout(timeout_s):
            while not mark or mark not in got:
                data = await reader.read(CHUNK)
                if not data:
                    break
                got += data
    except ConnectionResetError:
        pass
    return got


@asynccontextmanager
async def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits = QUICK
) -> AsyncIterator[Bench]:
    """Nothing is allowed at first, and no name resolves."""
    lines: list[str] = []
    names: dict[str, list[str]] = {}
    settings = [Settings(policy=EgressPolicy(), limits=limits)]
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        if not names.get(host):
            raise OSError("no such name")
        answers = names[host]
        # A name with several entries changes: one answer each time.
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    monkeypatch.setattr(upstream, "_look_up", look_up)
    socket_file = tmp_path / "gateway.sock"
    gateway = Gateway(lambda: settings[0], lines.append, "build")
    forwarder = Forwarder("octest-box", socket_file)
    outer = await listen(socket_file, gateway.connected)
    inner = await asyncio.get_running_loop().create_server(
        lambda: Connection(forwarder.connected), "127.0.0.1", 0, backlog=1024
    )
    port = inner.sockets[0].getsockname()[1]
    try:
        yield Bench(port=port, lines=lines, names=names, settings=settings, asked=asked)
    finally:
        inner.close()
        outer.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def server(
    serve: Serve,
    *,
    tls: ssl.SSLContext | None = None,
    kind: Callable[[Serve], asyncio.Protocol] | None = None,
) -> AsyncIterator[int]:
    """A server on the loopback; its port. `kind`: of connection, where asyncio's own will not do."""
    if kind is not None:
        loop = asyncio.get_running_loop()
        running = await loop.create_server(lambda: kind(serve), "127.0.0.1", 0, ssl=tls)
    else:
        running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


@dataclass
class Web:
    """An HTTP server that remembers the heads it was sent, and says yes to everything."""

    heads: list[bytes] = field(default_factory=list)
    body: bytes = b"hello"
    chunked: bool = False
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await read_head(reader):
                self.heads.append(head)
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                writer.write(self._answer())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self) -> bytes:
        if self.chunked:
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
                len(self.body),
                self.body,
            )
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.body), self.body)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives back whatever comes."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


#: The name that the tests allow.
HOST = "allowed.example"


def listed(port: int) -> tuple[str, str]:
    """The loopback is only reached when it is listed by address."""
    return f"{HOST}:{port}", f"127.0.0.1:{port}"


def get(port: int, path: str = "/", extra: str = "") -> bytes:
    return f"GET http://{HOST}:{port}{path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n{extra}\r\n".encode()
