"""HTTP/1.1 to an engine's unix socket, with a deadline on every call.

The SDK costs more to import than a warm `run` takes altogether, so the hot verbs speak for themselves. The
protocol is h11's; what stands here is sockets, deadlines, and who is to blame when they fail.
"""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any, Protocol

import h11

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import (
    EngineDeadError,
    EngineError,
    EngineForbiddenError,
    EngineHangingError,
    EngineLostError,
    EngineMissingError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 16
_BUSY_PAUSE_S = 0.02
#: No answer of a container call is larger; a list of 1,000 containers takes 2 MiB.
_MAX_BODY = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer. `json()` raises EngineLostError if the body is not what the engine's API sends."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when empty."""
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: thousands of brackets
            raise EngineLostError(
                "The engine's answer is not JSON.", hint="Is this the socket of a Docker Engine?"
            ) from None


class Transport(Protocol):
    """One engine's HTTP. `path` is the API path without version: the engine answers in its own."""

    address: str
    local: bool
    socket_path: str | None

    def request(self, method: str, path: str, *, body: object = None, timeout_s: float) -> Response:
        """One call. Raises the EngineUnavailableError that fits; never retries what is not idempotent."""
        ...

    def hijack(self, path: str, *, body: object, timeout_s: float) -> tuple[Response, socket.socket, bytes]:
        """POST and take the connection over: the answer, the raw socket, and bytes that came with it."""
        ...

    def stream(self, path: str, *, timeout_s: float) -> Iterator[bytes]:
        """GET an endless answer; chunks as they come. `timeout_s` bounds the silence between two."""
        ...


class UnixTransport:
    """HTTP over a unix socket; one connection per call, which costs a tenth of a millisecond."""

    local = True

    def __init__(self, path: str, *, on_call: Callable[[str, float], None] | None = None) -> None:
        self.path = path
        self.socket_path: str | None = path
        self.address = f"unix://{path}"
        self._on_call = on_call

    def request(self, method: str, path: str, *, body: object = None, timeout_s: float) -> Response:
        """See Transport. A GET whose answer broke off is asked again: the engine may have restarted."""
        started = time.monotonic()
        try:
            try:
                return self._request(method, path, body, timeout_s)
            except EngineLostError:
                if method != "GET":
                    raise
                return self._request(method, path, body, timeout_s)
        finally:
            if self._on_call:
                self._on_call(f"{method} {path}", time.monotonic() - started)

    def hijack(self, path: str, *, body: object, timeout_s: float) -> tuple[Response, socket.socket, bytes]:
        """See Transport. On an error status the socket is closed already."""
        call = _Call(self._connect(timeout_s), self.address, timeout_s)
        try:
            call.send("POST", path, body, upgrade=True)
            status = call.head()
            if status not in (101, 200):
                response = Response(status=status, body=call.rest())
                call.sock.close()
                return response, call.sock, b""
            leftover = call.connection.trailing_data[0]
            if status == 200:  # engines before the upgrade dance: the body simply is the stream
                leftover = call.raw_after_head()
            call.sock.settimeout(None)
            return Response(status=status, body=b""), call.sock, leftover
        except BaseException:
            call.sock.close()
            raise

    def stream(self, path: str, *, timeout_s: float) -> Iterator[bytes]:
        """See Transport."""
        with self._connect(timeout_s) as sock:
            call = _Call(sock, self.address, timeout_s)
            call.send("GET", path, None)
            status = call.head()
            if status >= 400:
                raise EngineError(f"The engine refused {path}: {status}", details=[_text(call.rest())])
            while (chunk := call.data()) is not None:
                call.extend(timeout_s)
                yield chunk

    def _request(self, method: str, path: str, body: object, timeout_s: float) -> Response:
        with self._connect(timeout_s) as sock:
            call = _Call(sock, self.address, timeout_s)
            call.send(method, path, body)
            return Response(status=call.head(), body=call.rest())

    def _connect(self, timeout_s: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout_s)
        try:
            self._knock(sock, time.monotonic() + timeout_s)
        except BaseException as error:
            sock.close()
            if isinstance(error, TimeoutError):
                raise hanging(self.address, timeout_s) from None
            if isinstance(error, OSError):
                raise connect_failure(error, self.path) from None
            raise
        return sock

    def _knock(self, sock: socket.socket, deadline: float) -> None:
        """Connect. While a busy engine's queue is full, a unix socket fails at once instead of waiting."""
        while True:
            try:
                return sock.connect(self.path)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError from None
                time.sleep(_BUSY_PAUSE_S)


class _Call:
    """One request and its answer under one deadline."""

    def __init__(self, sock: socket.socket, address: str, timeout_s: float) -> None:
        self.sock = sock
        self.connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        self._address = address
        self._budget_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._received = bytearray()

    def extend(self, timeout_s: float) -> None:
        self._deadline = time.monotonic() + timeout_s

    def send(self, method: str, path: str, body: object, *, upgrade: bool = False) -> None:
        payload = b"" if body is None else json.dumps(body).encode()
        headers = [("Host", "docker"), ("User-Agent", "openclaw-sandbox")]
        if body is not None:
            headers += [("Content-Type", "application/json")]
        if upgrade:
            headers += [("Connection", "Upgrade"), ("Upgrade", "tcp")]
        if method != "GET":
            headers += [("Content-Length", str(len(payload)))]
        request = h11.Request(method=method, target=path, headers=headers)
        data = self.connection.send(request) or b""
        if payload:
            data += self.connection.send(h11.Data(data=payload)) or b""
        data += self.connection.send(h11.EndOfMessage()) or b""
        self._io(lambda: self.sock.sendall(data))

    def head(self) -> int:
        """Status of the answer. 101 leaves the rest of the connection to the caller."""
        while True:
            event = self._event()
            if isinstance(event, h11.Response):
                return event.status_code
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                return 101

    def data(self) -> bytes | None:
        """The next piece of the body; None at its end."""
        event = self._event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        return None

    def rest(self) -> bytes:
        """The rest of the body."""
        parts, size = [], 0
        while (chunk := self.data()) is not None:
            size += len(chunk)
            if size > _MAX_BODY:
                raise EngineLostError(f"The engine at {self._address} sent an answer of more than 64 MiB.")
            parts.append(chunk)
        return b"".join(parts)

    def raw_after_head(self) -> bytes:
        """What followed the head, undecoded."""
        _, separator, after = bytes(self._received).partition(b"\r\n\r\n")
        return after if separator else b""

    def _event(self) -> Any:
        while True:
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                raise EngineLostError(
                    f"The engine at {self._address} broke off in the middle of an answer ({error}).",
                    hint="Look at the engine's log: journalctl -u docker",
                ) from None
            if event is not h11.NEED_DATA:
                return event
            data = self._io(lambda: self.sock.recv(_CHUNK))
            if self.connection.their_state is h11.SEND_RESPONSE:
                self._received += data
            self.connection.receive_data(data)

    def _io(self, operation: Callable[[], Any]) -> Any:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise hanging(self._address, self._budget_s)
        self.sock.settimeout(left)
        try:
            return operation()
        except TimeoutError:
            raise hanging(self._address, self._budget_s) from None
        except OSError as error:
            raise EngineLostError(
                f"The connection to the engine at {self._address} broke: {error.strerror or error}.",
                hint="Look at the engine's log: journalctl -u docker",
            ) from None


def connect_failure(error: OSError, path: str) -> EngineError:
    """Four different faults, four different ways out."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return EngineMissingError(
            f"No Docker Engine was found: {path} does not exist.",
            hint="Install and start one: openclaw-sandbox setup --install-engine",
        )
    if isinstance(error, PermissionError):
        return EngineForbiddenError(
            f"You may not talk to the Docker Engine at {path}.",
            hint="Join the group that owns the socket: sudo usermod -aG docker $USER, then log in again.",
        )
    return EngineDeadError(
        f"Nothing answers at {path}: the Docker Engine is not running ({error.strerror or error}).",
        hint="Start it: sudo systemctl start docker (or: openclaw-sandbox setup --install-engine)",
    )


def hanging(address: str, budget_s: float) -> EngineHangingError:
    """The engine took the call and said nothing."""
    return EngineHangingError(
        f"The Docker Engine at {address} does not answer within {budget_s:g} s.",
        hint="See what it does: journalctl -u docker; restart it: sudo systemctl restart docker",
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").strip()[:400]
