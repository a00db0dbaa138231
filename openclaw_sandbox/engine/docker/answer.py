"""One HTTP/1.1 answer, read from bytes as they come. No I/O.

Of the protocol, what a client needs that asks one question per connection and trusts whom it asks: the head,
and a body that is sized, chunked, or lasts until the connection ends (RFC 9112, section 6.3). A library that
knows the rest takes a tenth of the time of a warm `run` to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

#: A longer line, or a head of more lines, is no answer of an engine.
_MAX_LINE = 1 << 16
_MAX_LINES = 256


class BrokenAnswerError(Exception):
    """The bytes are no HTTP answer, or end within one. The text says what is wrong."""


class Answer:
    """Feed it what the socket gives, and take pieces of the body out.

    `status` is None until the head is complete. Interim answers (100 to 199) are passed over; 101 ends HTTP,
    and what follows is `leftover`.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self._buffer = bytearray()
        self._ended = False
        self._pieces = self._read()

    def feed(self, data: bytes) -> None:
        """Bytes from the connection; none: it has ended."""
        self._buffer += data
        self._ended = self._ended or not data

    def piece(self) -> bytes | None:
        """The next piece of the body; empty if bytes must be fed first, None at its end.

        Raises:
            BrokenAnswerError: what was fed is no answer, or ended too early.
        """
        return next(self._pieces, None)

    @property
    def leftover(self) -> bytes:
        """What was fed and is not taken out yet, undecoded."""
        return bytes(self._buffer)

    def _read(self) -> Generator[bytes, None, None]:
        status, fields = yield from self._head()
        while 100 <= status < 200 and status != 101:
            status, fields = yield from self._head()
        self.status = status
        yield b""  # whoever waits for the head stops here
        encoding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
        if status in (101, 204, 304):
            return
        if encoding is not None:
            if encoding.lower() != b"chunked":
                raise BrokenAnswerError(f"unknown transfer encoding {encoding!r}")
            yield from self._chunked()
        elif length is not None:
            yield from self._sized(_number(length, 10))
        else:
            yield from self._until_closed()

    def _head(self) -> Generator[bytes, None, tuple[int, dict[bytes, bytes]]]:
        version, _, rest = (yield from self._line()).partition(b" ")
        code = rest[:3]
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not code.isdigit() or not 100 <= int(code) < 600:
            raise BrokenAnswerError("it is not HTTP/1.1")
        fields: dict[bytes, bytes] = {}
        for _ in range(_MAX_LINES):
            line = yield from self._line()
            if not line:
                return int(code), fields
            name, colon, value = line.partition(b":")
            name, value = name.lower(), value.strip()
            if not colon or not name or name != name.strip():
                raise BrokenAnswerError("a header is malformed")
            if name == b"content-length" and fields.get(name, value) != value:
                raise BrokenAnswerError("it has two lengths")
            fields[name] = value
        raise BrokenAnswerError("its head is too long")

    def _chunked(self) -> Generator[bytes, None, None]:
        while size := _number((yield from self._line()).partition(b";")[0].strip(), 16):
            yield from self._sized(size)
            if (yield from self._line()):
                raise BrokenAnswerError("a chunk is longer than it says")
        for _ in range(_MAX_LINES):
            if not (yield from self._line()):
                return
        raise BrokenAnswerError("its trailer is too long")

    def _sized(self, left: int) -> Generator[bytes, None, None]:
        while left:
            yield from self._wait()
            piece = self._take(left)
            left -= len(piece)
            yield piece

    def _until_closed(self) -> Generator[bytes, None, None]:
        while self._buffer or not self._ended:
            yield self._take(len(self._buffer))

    def _line(self) -> Generator[bytes, None, bytes]:
        """The next line, without its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE:
                raise BrokenAnswerError("a line is too long")
            known = len(self._buffer)
            while len(self._buffer) == known:
                self._must_go_on()
                yield b""
        return self._take(end + 1)[:-1].removesuffix(b"\r")

    def _wait(self) -> Generator[bytes, None, None]:
        while not self._buffer:
            self._must_go_on()
            yield b""

    def _must_go_on(self) -> None:
        if self._ended:
            raise BrokenAnswerError("the connection was closed")

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def _number(text: bytes, base: int) -> int:
    """Digits alone: no sign, no blank, no underscore."""
    digits = b"0123456789abcdefABCDEF" if base == 16 else b"0123456789"
    if not text or len(text) > 18 or text.strip(digits):
        raise BrokenAnswerError(f"{text[:40]!r} is no length")
    return int(text, base)
