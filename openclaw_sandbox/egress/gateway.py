"""The gateway: the one process with a network. It listens on a unix socket that only forwarders have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
from collections import Counter
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.ends import CHUNK, Ends
from openclaw_sandbox.egress.http import serve_http
from openclaw_sandbox.egress.logfile import LogFile
from openclaw_sandbox.egress.relay import Bandwidth
from openclaw_sandbox.egress.serving import listen, until_signal
from openclaw_sandbox.egress.session import Account, Session
from openclaw_sandbox.egress.settings import Caller, Settings, parse_greeting, parse_settings
from openclaw_sandbox.egress.socks import VERSION as SOCKS
from openclaw_sandbox.egress.socks import serve_socks
from openclaw_sandbox.policy.egress import Decision, EgressPolicy, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_GREETING_S = 10.0
#: File descriptors that are not for clients: the log, the loop, look-ups, the settings.
_RESERVED_FILES = 64
#: Of all sandboxes together: what a gateway's 256 MiB hold if none of them takes what it asked for.
_MOST = 1024
_TOO_MANY = b"openclaw-sandbox: too many connections at one time\n"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: " + str(len(_TOO_MANY)).encode() + b"\r\n\r\n" + _TOO_MANY
)


class SettingsFile:
    """The settings as they stand in their file now. A file that cannot be read denies everything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = (-1, -1)
        self._settings = Settings(policy=EgressPolicy())

    def __call__(self) -> Settings:
        """The settings of this moment."""
        try:
            found = self._path.stat()
            key = (found.st_mtime_ns, found.st_ino)
            if key != self._seen:
                self._settings = parse_settings(self._path.read_text(encoding="utf-8"))
                self._seen = key
        except (OSError, ValueError) as error:
            self._settings, self._seen = Settings(policy=EgressPolicy()), (-1, -1)
            sys.stderr.write(f"settings: {error}\n")
        return self._settings


class Gateway:
    """All sandboxes of one policy."""

    def __init__(self, settings: Callable[[], Settings], write: Callable[[str], None], build: str) -> None:
        self._settings, self._write, self._build = settings, write, build
        self._accounts: dict[str, Account] = {}
        self._forwarders: Counter[str] = Counter()
        self._open = 0
        self._most = min(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - _RESERVED_FILES)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection from a forwarder, or from the tool that asks for the gateway's health."""
        ends = Ends(reader, writer)
        self._open += 1
        try:
            async with asyncio.timeout(_GREETING_S):
                called = parse_greeting(await reader.readline())
            match called:
                case Caller.HEALTH, _:
                    writer.write(self._health())
                case Caller.FORWARDER, ticket:
                    await self._forwarder(reader, ticket)
                case Caller.CLIENT, name:
                    await self._client(ends, name)
            with contextlib.suppress(OSError):
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # it left, or never said who it is: nothing was decided
        finally:
            self._open -= 1
            ends.close()

    def _health(self) -> bytes:
        policy = self._settings().policy
        answer = {"digest": policy.digest, "build": self._build, "forwarders": sorted(self._forwarders)}
        return json.dumps(answer).encode() + b"\n"

    async def _forwarder(self, reader: asyncio.StreamReader, ticket: str) -> None:
        self._forwarders[ticket] += 1
        try:
            while await reader.read(CHUNK):
                pass
        finally:
            self._forwarders[ticket] -= 1
            if not self._forwarders[ticket]:
                del self._forwarders[ticket]

    async def _client(self, ends: Ends, sandbox: str) -> None:
        limits = self._settings().limits
        account = self._accounts.setdefault(sandbox, Account(Bandwidth(limits.bytes_per_s)))
        session = Session(
            ends=ends, sandbox=sandbox, account=account, settings=self._settings, write=self._write
        )
        account.connections += 1
        try:
            if account.connections > limits.connections or self._open > self._most:
                await _turn_away(session)
            else:
                await _serve(session)
        finally:
            account.connections -= 1
            if not (account.connections or account.bandwidth.spent or account.look_ups.running):
                del self._accounts[sandbox]


async def _serve(session: Session) -> None:
    async with asyncio.timeout(session.limits.header_s):
        first = await session.ends.reader.read(1)
    if not first:
        return
    if first[0] == SOCKS:
        await serve_socks(session)
    else:
        await serve_http(session, first)


async def _turn_away(session: Session) -> None:
    session.deny("http", "", 0, Decision(verdict=Verdict.DENY, reason="too many connections at one time"))
    async with asyncio.timeout(1.0):
        first = await session.ends.reader.read(CHUNK)  # what is left unread would reset our answer
    session.ends.writer.write(b"" if first[:1] == bytes([SOCKS]) else _BUSY)


async def serve_gateway(socket_file: Path, settings_file: Path, log_file: Path, build: str) -> None:
    """Run until a signal ends it.

    Raises:
        OSError: the socket or the log cannot be made.
    """
    gateway = Gateway(SettingsFile(settings_file), LogFile(log_file), build)
    server = await listen(socket_file, gateway.connected)
    await until_signal()
    server.close()
