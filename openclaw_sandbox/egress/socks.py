"""SOCKS5 (RFC 1928) at the gateway: CONNECT without a password, names resolved here."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.session import Denial
from openclaw_sandbox.egress.tunnel import tunnel
from openclaw_sandbox.egress.upstream import UnreachableError
from openclaw_sandbox.policy.egress import Decision, Verdict, normalize_host

if TYPE_CHECKING:
    from openclaw_sandbox.egress.session import Session

VERSION = 5
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_OK, _NOT_ALLOWED, _UNREACHABLE, _NO_COMMAND, _NO_ADDRESS_TYPE = 0, 2, 4, 7, 8


async def serve_socks(session: Session) -> None:
    """One SOCKS5 connection whose version byte has been read."""
    try:
        async with asyncio.timeout(session.limits.header_s):
            command, host, port = await _handshake(session)
    except (TimeoutError, EOFError, OSError):
        _deny(session, "", 0, "SOCKS that is cut off or takes too long")
        return
    if command != _CONNECT:
        _reply(session, _NO_COMMAND)
        _deny(session, host or "", port, "a SOCKS command other than CONNECT")
        return
    if host is None:
        _reply(session, _NO_ADDRESS_TYPE)
        _deny(session, "", port, "a SOCKS request whose host cannot be read in one way")
        return
    admitted = await session.admit("socks5", host, port)
    if isinstance(admitted, Denial):
        _reply(session, _UNREACHABLE if admitted.unreachable else _NOT_ALLOWED)
        return
    try:
        outer = await session.connect(admitted)
    except UnreachableError as error:
        session.unreachable(admitted, str(error))
        _reply(session, _UNREACHABLE)
        return
    _reply(session, _OK)
    await tunnel(session, admitted, outer, b"")


async def _handshake(session: Session) -> tuple[int, str | None, int]:
    reader = session.ends.reader
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    if 0 not in methods:
        session.ends.writer.write(bytes([VERSION, 0xFF]))
        raise EOFError
    session.ends.writer.write(bytes([VERSION, 0]))
    version, command, _, kind = await reader.readexactly(4)
    if version != VERSION:
        raise EOFError
    host: str | None = None
    if kind in (_IPV4, _IPV6):
        packed = await reader.readexactly(4 if kind == _IPV4 else 16)
        host = normalize_host(str(ip_address(packed)))
    elif kind == _NAME:
        name = await reader.readexactly((await reader.readexactly(1))[0])
        host = normalize_host(name.decode("ascii", "replace"))
    else:
        return command, None, 0
    return command, host, int.from_bytes(await reader.readexactly(2), "big")


def _reply(session: Session, code: int) -> None:
    session.ends.writer.write(bytes([VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0]))


def _deny(session: Session, host: str, port: int, reason: str) -> None:
    session.deny("socks5", host, port, Decision(verdict=Verdict.DENY, reason=reason))
