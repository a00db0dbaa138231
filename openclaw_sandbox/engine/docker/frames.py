"""Docker's multiplexed stream: 8 bytes of header (stream, three zeros, length), then the payload. No I/O.

Payloads are handed on as slices of what came in; nothing is collected, so memory stays constant.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineLostError

if TYPE_CHECKING:
    from collections.abc import Callable

STDOUT, STDERR = 1, 2


class Demultiplexer:
    """Feed it bytes; it calls `deliver(stream, payload)` for each piece."""

    def __init__(self, deliver: Callable[[int, memoryview], None]) -> None:
        self._deliver = deliver
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream.

        Raises:
            EngineLostError: this is not a multiplexed stream.
        """
        view = memoryview(data)
        while view:
            if self._left:
                piece = view[: self._left]
                self._left -= len(piece)
                view = view[len(piece) :]
                self._deliver(self._stream, piece)
                continue
            missing = 8 - len(self._header)
            self._header += view[:missing]
            view = view[missing:]
            if len(self._header) == 8:
                self._begin()

    def _begin(self) -> None:
        stream, padding, length = struct.unpack(">B3sI", self._header)
        if stream not in (0, STDOUT, STDERR) or padding != b"\0\0\0":
            raise EngineLostError("The engine's output stream is garbled.")
        self._stream, self._left = (stream or STDOUT), length
        self._header.clear()

    @property
    def complete(self) -> bool:
        """False if the stream ended in the middle of a frame."""
        return not self._header and not self._left
