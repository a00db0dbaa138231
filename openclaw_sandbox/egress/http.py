"""HTTP/1.1 at the gateway: CONNECT, and requests for http://host/. Every request is decided anew."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11

from openclaw_sandbox.egress.ends import CHUNK, Ends
from openclaw_sandbox.egress.request import Refusal, Target, authority_text, end_to_end, read_request
from openclaw_sandbox.egress.session import Admission, Denial, Session
from openclaw_sandbox.egress.tunnel import tunnel
from openclaw_sandbox.egress.upstream import ProxyServer, UnreachableError, dial, dial_proxy
from openclaw_sandbox.policy.egress import Decision, Verdict

if TYPE_CHECKING:
    from openclaw_sandbox.egress.relay import Meter

_WORDS = {
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
#: What may be asked a second time. RFC 9110, 9.2.2.
_REPEATABLE = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"})
_MAX_ANSWER_HEAD = 256 * 1024
_LINGER_S = 1.0


async def serve_http(
    session: Session, first: bytes, *, pinned: tuple[str, int] | None = None, via: str = "http"
) -> None:
    """One client's requests until it leaves, or until an answer that no further one can follow.

    `pinned`: the client is in a tunnel to this host and port, and may ask nobody else.
    """
    await _Service(session, first, pinned, via).run()


class _ClientGoneError(Exception):
    """The sandbox's side ended or broke its own rules; nobody is left to answer."""


@dataclass(slots=True)
class _Upstream:
    """A connection to a server, kept for the next request to the same place."""

    place: tuple[str, int]
    ends: Ends
    http: h11.Connection
    proxy: ProxyServer | None
    idle_s: float
    used: bool = False

    async def event(self) -> Any:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(self.idle_s):
                self.http.receive_data(await self.ends.reader.read(CHUNK))
        return event

    async def send(self, event: Any) -> None:
        if data := self.http.send(event):
            await self.ends.write(data, self.idle_s)


class _Service:
    def __init__(self, session: Session, first: bytes, pinned: tuple[str, int] | None, via: str) -> None:
        self._session, self._pinned, self._via = session, pinned, via
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=session.limits.header_bytes)
        self._http.receive_data(first)
        self._upstream: _Upstream | None = None

    async def run(self) -> None:
        try:
            while await self._one():
                self._http.start_next_cycle()
        except _ClientGoneError:
            return
        finally:
            self._drop_upstream()

    # ---- one request

    async def _one(self) -> bool:
        """Answer one request; whether another one may follow."""
        try:
            request = await self._head()
        except TimeoutError:
            return await self._refuse(Refusal(status=408, reason="a request that takes too long"))
        except h11.RemoteProtocolError as error:
            return await self._refuse(Refusal(status=error.error_status_hint, reason="not well-formed HTTP"))
        if request is None:
            return False
        target = read_request(request, self._pinned)
        if isinstance(target, Target) and _head_size(request) > self._session.limits.header_bytes:
            target = Refusal(
                status=431, reason="a head that is too large", host=target.host, port=target.port
            )
        if isinstance(target, Target) and _length(request) > self._session.limits.request_bytes:
            target = Refusal(
                status=413, reason="a body that is too large", host=target.host, port=target.port
            )
        if isinstance(target, Refusal):
            return await self._refuse(target)
        via = "connect" if target.connect else self._via
        admitted = await self._session.admit(via, target.host, target.port)
        if isinstance(admitted, Denial):
            return await self._say_denied(admitted)
        if target.connect:
            return await self._connect(admitted)
        return await self._forward(request, target, admitted)

    async def _head(self) -> h11.Request | None:
        """The next request's head; None when the client leaves, or says nothing, between two requests."""
        limits = self._session.limits
        waited = self._http.trailing_data[0] == b"" and self._http.next_event() is h11.NEED_DATA
        if waited:
            try:
                async with asyncio.timeout(limits.idle_s):
                    data = await self._read()
            except TimeoutError:
                return None
            if not data:
                return None
            self._http.receive_data(data)
        async with asyncio.timeout(limits.header_s):
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._read())
        return event if isinstance(event, h11.Request) else None

    async def _read(self) -> bytes:
        try:
            return await self._session.ends.reader.read(CHUNK)
        except OSError:
            raise _ClientGoneError from None

    async def _write(self, event: Any) -> None:
        try:
            if data := self._http.send(event):
                await self._session.ends.write(data, self._session.limits.idle_s)
        except (OSError, h11.LocalProtocolError):  # TimeoutError is an OSError: it takes nothing any more
            self._session.ends.abort()
            raise _ClientGoneError from None

    # ---- answers of our own

    async def _refuse(self, refusal: Refusal) -> bool:
        decision = Decision(verdict=Verdict.DENY, reason=refusal.reason)
        self._session.deny(self._via, refusal.host, refusal.port, decision)
        return await self._answer(refusal.status, f"openclaw-sandbox: denied: {refusal.reason}\n")

    async def _say_denied(self, denial: Denial) -> bool:
        place = authority_text(denial.host, denial.port)
        if denial.unreachable:
            return await self._answer(502, f"openclaw-sandbox: {place}: {denial.reason}\n")
        return await self._answer(403, f"openclaw-sandbox: {place} is denied: {denial.reason}\n")

    async def _answer(self, status: int, text: str) -> bool:
        """A short answer, and the end of the connection: what follows a refused request is not looked at."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return False
        body = text.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        reason = _WORDS.get(status, "Refused").encode()
        await self._write(h11.Response(status_code=status, headers=headers, reason=reason))
        await self._write(h11.Data(data=body))
        await self._write(h11.EndOfMessage())
        await self._linger()
        return False

    async def _linger(self) -> None:
        """Take in what is on its way: bytes left unread would reset the connection under our answer."""
        ends = self._session.ends
        with contextlib.suppress(OSError, TimeoutError):
            ends.writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while await ends.reader.read(CHUNK):
                    pass

    # ---- CONNECT

    async def _connect(self, admission: Admission) -> bool:
        try:
            outer = await self._session.connect(admission)
        except UnreachableError as error:
            return await self._say_denied(self._session.unreachable(admission, str(error)))
        with contextlib.closing(outer):  # whoever asks and leaves at once must not leave it open
            self._http.next_event()  # the end of the request: from here on the bytes are the tunnel's
            await self._write(h11.Response(status_code=200, headers=[], reason=b"Connection established"))
            await tunnel(self._session, admission, outer, bytes(self._http.trailing_data[0]))
        return False

    # ---- http://

    async def _forward(self, request: h11.Request, target: Target, admission: Admission) -> bool:
        meter, error = self._session.meter(), ""
        self._session.allow(admission)
        try:
            upstream, answer = await self._ask(request, target, admission, meter)
            return await self._pass_back(upstream, answer, meter)
        except UnreachableError as problem:
            error = str(problem)
            denial = Denial(host=target.host, port=target.port, reason=error, unreachable=True)
            return await self._say_denied(denial)
        except _TooLargeError:
            error = "a body that is too large"
            return await self._answer(413, f"openclaw-sandbox: denied: {error}\n")
        except (OSError, TimeoutError, h11.ProtocolError) as problem:
            error = f"broke off ({type(problem).__name__})"
            if self._http.our_state is h11.SEND_RESPONSE:
                return await self._say_denied(
                    Denial(host=target.host, port=target.port, reason=error, unreachable=True)
                )
            self._session.ends.abort()  # half an answer must not look like a whole one
            raise _ClientGoneError from None
        finally:
            if error:
                self._drop_upstream()
            self._session.end(admission, meter, error)

    async def _ask(
        self, request: h11.Request, target: Target, admission: Admission, meter: Meter
    ) -> tuple[_Upstream, h11.Response]:
        """Send the request; the server's first answer. A kept connection that died is replaced once."""
        kept = await self._open(target, admission)
        fresh = not kept.used
        try:
            return kept, await self._exchange(kept, request, target, meter)
        except (OSError, h11.RemoteProtocolError):
            if fresh or _has_body(request) or request.method not in _REPEATABLE:
                raise
        self._drop_upstream()
        again = await self._open(target, admission)
        return again, await self._exchange(again, request, target, meter)

    async def _open(self, target: Target, admission: Admission) -> _Upstream:
        place = (target.host, target.port)
        kept = self._upstream
        if kept is not None and kept.place == place and kept.proxy == admission.proxy:
            if kept.http.our_state is h11.DONE and kept.http.their_state is h11.DONE:
                kept.http.start_next_cycle()
            if kept.http.our_state is h11.IDLE:
                return kept
        self._drop_upstream()
        limits = self._session.limits
        if admission.proxy is not None:
            ends = await dial_proxy(admission.proxy, limits)
        else:
            ends = await dial(admission.addresses, admission.port, limits)
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_ANSWER_HEAD)
        self._upstream = _Upstream(
            place=place, ends=ends, http=http, proxy=admission.proxy, idle_s=limits.idle_s
        )
        return self._upstream

    async def _exchange(
        self, upstream: _Upstream, request: h11.Request, target: Target, meter: Meter
    ) -> h11.Response:
        upstream.used = True
        place = authority_text(target.host, target.port).encode()
        headers = [(b"host", place), *end_to_end(request.headers, drop=(b"host", b"expect"))]
        path = target.path
        if upstream.proxy is not None:
            path = b"http://" + place + target.path
            if upstream.proxy.authorization:
                headers.append((b"proxy-authorization", upstream.proxy.authorization))
        await upstream.send(h11.Request(method=request.method, target=path, headers=headers))
        await self._body(upstream, meter)
        while True:
            event = await upstream.event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise h11.RemoteProtocolError("no answer")

    async def _body(self, upstream: _Upstream, meter: Meter) -> None:
        limits = self._session.limits
        if self._http.their_state is not h11.SEND_BODY:  # asked a second time: its end has been read
            return await upstream.send(h11.EndOfMessage())
        while True:
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(limits.idle_s):
                    self._http.receive_data(await self._read())
            elif isinstance(event, h11.Data):
                await upstream.send(h11.Data(data=event.data))
                await meter.wait(up=len(event.data))
                if meter.up > limits.request_bytes:
                    raise _TooLargeError
            elif isinstance(event, h11.EndOfMessage):
                return await upstream.send(h11.EndOfMessage())
            else:
                raise _ClientGoneError

    async def _pass_back(self, upstream: _Upstream, answer: h11.Response, meter: Meter) -> bool:
        names = {name for name, _ in answer.headers}
        # h11 frames the body anew; a length beside a transfer coding means nothing.
        drop = (b"transfer-encoding", b"content-length") if b"transfer-encoding" in names else ()
        headers = end_to_end(answer.headers, drop=drop)
        await self._write(h11.Response(status_code=answer.status_code, headers=headers, reason=answer.reason))
        while True:
            event = await upstream.event()
            if isinstance(event, h11.Data):
                await self._write(h11.Data(data=event.data))
                await meter.wait(down=len(event.data))
            elif isinstance(event, h11.EndOfMessage):
                await self._write(h11.EndOfMessage())
                return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
            else:
                raise h11.RemoteProtocolError("the answer broke off")

    def _drop_upstream(self) -> None:
        if self._upstream is not None:
            with contextlib.suppress(OSError):
                self._upstream.ends.close()
            self._upstream = None


class _TooLargeError(Exception):
    """A request's body is longer than a sandbox gets."""


def _has_body(request: h11.Request) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in request.headers)


def _head_size(request: h11.Request) -> int:
    """The parser only bounds a head that comes in pieces."""
    return len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)


def _length(request: h11.Request) -> int:
    return next((int(value) for name, value in request.headers if name == b"content-length"), 0)
