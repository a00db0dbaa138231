"""The streams of one command on a connection that was taken over."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.docker.frames import STDERR, Demultiplexer
from openclaw_sandbox.errors import EngineError, EngineHangingError, EngineLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Sink
    from openclaw_sandbox.engine.docker.wire import Transport

_CHUNK = 1 << 16
_RESIZE_S = 10.0


class Capture:
    """The first `limit_bytes` of both streams; `on_piece` is called for each piece."""

    def __init__(self, limit_bytes: int, on_piece: Callable[[], None]) -> None:
        self.out, self.err = bytearray(), bytearray()
        self.truncated = False
        self._left = limit_bytes
        self._on_piece = on_piece

    def _keep(self, buffer: bytearray, data: memoryview) -> None:
        self._on_piece()
        buffer += data[: self._left]
        self.truncated = self.truncated or len(data) > self._left
        self._left -= min(self._left, len(data))

    def stdout(self, data: memoryview) -> None:
        """A sink."""
        self._keep(self.out, data)

    def stderr(self, data: memoryview) -> None:
        """A sink."""
        self._keep(self.err, data)


class DockerStream:
    """See Stream."""

    def __init__(
        self, transport: Transport, path: str, sock: socket.socket, leftover: bytes, *, tty: bool
    ) -> None:
        self._path = path
        self._http = transport
        self._sock = sock
        self._leftover = leftover
        self._tty = tty

    def set_deadline(self, timeout_s: float | None) -> None:
        """Seconds of silence after which `pump` raises EngineHangingError; None waits for ever."""
        self._sock.settimeout(timeout_s)

    def pump(self, stdout: Sink, stderr: Sink) -> None:
        """See Stream.pump."""
        frames = Demultiplexer(lambda stream, piece: (stderr if stream == STDERR else stdout)(piece))
        data = self._leftover
        while True:
            if data and self._tty:
                stdout(memoryview(data))
            elif data:
                frames.feed(data)
            data = self._receive()
            if not data:
                break
        if not frames.complete:
            raise EngineLostError("The engine broke off in the middle of the command's output.")

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(_CHUNK)
        except TimeoutError:
            raise EngineHangingError("The command in the sandbox did not end in time.") from None
        except OSError as error:
            raise EngineLostError(f"The connection to the engine broke: {error.strerror or error}.") from None

    def write(self, data: bytes) -> bool:
        """See Stream.write."""
        try:
            self._sock.sendall(data)
        except OSError:
            return False
        return True

    def close_stdin(self) -> None:
        """See Stream.close_stdin."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def resize(self, *, rows: int, columns: int) -> bool:
        """See Stream.resize."""
        if not (self._tty and rows and columns):
            return True
        path = f"{self._path}/resize?h={rows}&w={columns}"
        try:
            return self._http.request("POST", path, timeout_s=_RESIZE_S).status < 300
        except EngineError:
            return False

    def close(self) -> None:
        """See Stream.close."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
