"""What may flow through a tunnel: TLS to the host that was allowed, HTTP to it, or what its rule says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.ends import CHUNK, Ends
from openclaw_sandbox.egress.hello import Hello, NotTlsError, looks_like_tls, parse_hello
from openclaw_sandbox.egress.relay import IdleError, relay
from openclaw_sandbox.policy.addresses import parse_address
from openclaw_sandbox.policy.egress import Decision, Verdict, decide, explicit_port, normalize_host

if TYPE_CHECKING:
    from openclaw_sandbox.egress.session import Admission, Session

#: A fatal TLS alert, `unrecognized_name`: clients end at once and say so.
_ALERT = bytes([21, 3, 1, 0, 2, 2, 112])
_PORT_HTTP = 80


async def tunnel(session: Session, admission: Admission, outer: Ends, first: bytes) -> None:
    """Carry an opened tunnel to its end. `first` is what the client has already sent."""
    inner = session.ends
    free = explicit_port(admission.rule, admission.port)
    try:
        if free:
            first = first or await _first_bytes(session, outer)
        else:
            first = first or await _read(inner.reader, session.limits.header_s)
        if first and looks_like_tls(first):
            first, problem = await _greeting(session, admission, first)
        elif not first or free:
            problem = ""
        elif admission.port == _PORT_HTTP:
            return await _http(session, admission, outer, first)
        else:
            problem = "neither TLS nor HTTP"
        if problem:
            inner.writer.write(_ALERT if looks_like_tls(first) else b"")
            session.deny(admission.via, admission.host, admission.port, _denied(problem))
            return None
        await _carry(session, admission, outer, first)
    except TimeoutError:
        session.deny(admission.via, admission.host, admission.port, _denied("a tunnel without a word"))
    except OSError:
        return None
    finally:
        outer.close()


def _denied(reason: str) -> Decision:
    return Decision(verdict=Verdict.DENY, reason=reason)


async def _read(reader: asyncio.StreamReader, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        return await reader.read(CHUNK)


async def _first_bytes(session: Session, outer: Ends) -> bytes:
    """What the client says first, on a port whose servers may speak first: then it need not.

    Raises:
        TimeoutError: neither says anything. Whatever the client said later would have passed unread.
    """
    reading = asyncio.ensure_future(session.ends.reader.read(CHUNK))
    answer = asyncio.ensure_future(outer.reader.read(1))
    try:
        async with asyncio.timeout(session.limits.idle_s):
            await asyncio.wait({reading, answer}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and (early := answer.result()):
            session.ends.writer.write(early)
        return reading.result() if reading.done() else b""
    finally:
        for task in (reading, answer):
            task.cancel()
        await asyncio.gather(reading, answer, return_exceptions=True)


async def _greeting(session: Session, admission: Admission, first: bytes) -> tuple[bytes, str]:
    """The whole TLS greeting, and what is wrong with it: nothing if it names the host that was allowed."""
    gathered = first
    try:
        async with asyncio.timeout(session.limits.header_s):
            while (hello := parse_hello(gathered)) is None:
                data = await session.ends.reader.read(CHUNK)
                if not data:
                    return gathered, "a TLS greeting that is cut off"
                gathered += data
    except NotTlsError as error:
        return gathered, str(error)
    except TimeoutError:
        return gathered, "a TLS greeting that takes too long"
    return gathered, _why_not(session, admission, hello)


def _why_not(session: Session, admission: Admission, hello: Hello) -> str:
    if hello.encrypted:
        return "a TLS greeting with a hidden second one"
    if hello.server_name is None:
        return "" if parse_address(admission.host) is not None else "TLS without the host's name"
    name = normalize_host(hello.server_name)
    if name == admission.host:
        return ""
    if name is not None and parse_address(admission.host) is not None:
        # An address was listed: the name of its server must be allowed for itself.
        return "" if decide(session.settings().policy, name, admission.port).allowed else f"TLS names {name}"
    return f"TLS names {name or 'no host'}, not {admission.host}"


async def _http(session: Session, admission: Admission, outer: Ends, first: bytes) -> None:
    from openclaw_sandbox.egress.http import serve_http

    outer.close()  # every request inside is decided, and dials, for itself
    await serve_http(session, first, pinned=(admission.host, admission.port), via=admission.via)


async def _carry(session: Session, admission: Admission, outer: Ends, first: bytes) -> None:
    meter, error = session.meter(), ""
    session.allow(admission)
    try:
        if first:
            outer.writer.write(first)
            await meter.wait(up=len(first))
        await relay(session.ends, outer, meter, idle_s=session.limits.idle_s)
    except IdleError:
        error = "idle for too long"
    except OSError as problem:
        error = f"broke off: {problem.strerror or problem}"
    finally:
        if error:
            session.ends.abort()
            outer.abort()
        session.end(admission, meter, error)
