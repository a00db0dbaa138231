"""The name in a TLS greeting. Pure: bytes in, a verdict out; only `NotTlsError` is ever raised."""

from __future__ import annotations

from dataclasses import dataclass

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ENCRYPTED_HELLO = 0, 0xFE0D
#: A greeting with post-quantum keys takes 2 KiB.
MAX_HELLO = 64 * 1024
_MAX_RECORD = (1 << 14) + 256
#: A greeting is one record, or two. It is read anew with each piece that comes: a thousand tiny records, sent
#: byte by byte, would keep the gateway from everybody else.
_MAX_RECORDS = 256


class NotTlsError(ValueError):
    """What came is no well-formed TLS greeting. The message says why, for a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A complete greeting. `server_name` is lower case, as it stands there; None if it names nobody.

    `encrypted`: a second, hidden greeting is inside, which may name somebody else.
    """

    server_name: str | None
    encrypted: bool = False


def looks_like_tls(data: bytes) -> bool:
    """Whether the first byte opens a TLS handshake. False for no data."""
    return data[:1] == bytes([_HANDSHAKE])


def parse_hello(data: bytes) -> Hello | None:
    """The greeting at the start of a client's bytes; None while it is incomplete.

    Raises:
        NotTlsError: it never will be one.
    """
    message = _message(data)
    return None if message is None else _parse_body(message)


def _message(data: bytes) -> bytes | None:
    """The handshake message, put together from its records; None while bytes are missing."""
    gathered, position = bytearray(), 0
    for _ in range(_MAX_RECORDS):
        head = data[position : position + 5]
        if head[:1] not in (b"", bytes([_HANDSHAKE])):
            raise NotTlsError("not TLS")
        if len(head) >= 2 and head[1] != 3:
            raise NotTlsError("not TLS")
        if len(head) < 5:
            return None
        length = int.from_bytes(head[3:5], "big")
        if not 0 < length <= _MAX_RECORD:
            raise NotTlsError("a TLS record of impossible size")
        gathered += data[position + 5 : position + 5 + length]
        wanted = _wanted(gathered)
        if wanted is not None and len(gathered) >= wanted:
            return bytes(gathered[4:wanted])
        position += 5 + length
        if position > len(data):
            return None
    raise NotTlsError("a TLS greeting in too many records")


def _wanted(gathered: bytearray) -> int | None:
    """How long the message is with its head; None before that is known."""
    if gathered and gathered[0] != _CLIENT_HELLO:
        raise NotTlsError("TLS without a greeting")
    if len(gathered) < 4:
        return None
    wanted = 4 + int.from_bytes(gathered[1:4], "big")
    if wanted > MAX_HELLO:
        raise NotTlsError("a TLS greeting of impossible size")
    return wanted


class _Reader:
    """Takes pieces off; raises NotTlsError where a length points past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise NotTlsError("a TLS greeting that is cut off")
        self._at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)


def _parse_body(message: bytes) -> Hello:
    reader = _Reader(message)
    reader.take(2 + 32)  # version, random
    reader.vector(1)  # session id
    reader.vector(2)  # ciphers
    reader.vector(1)  # compression
    extensions = _Reader(b"" if reader.empty else reader.vector(2))
    if not reader.empty:
        raise NotTlsError("a TLS greeting with something behind it")
    found: dict[int, bytes] = {}
    while not extensions.empty:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in found:
            raise NotTlsError("a TLS greeting that says the same thing twice")
        found[kind] = content
    name = _server_name(found[_SERVER_NAME]) if _SERVER_NAME in found else None
    return Hello(server_name=name, encrypted=_ENCRYPTED_HELLO in found)


def _server_name(content: bytes) -> str:
    outer = _Reader(content)
    names = _Reader(outer.vector(2))
    kind, name = names.number(1), names.vector(2)
    if kind != 0 or not names.empty or not outer.empty:
        raise NotTlsError("a TLS greeting with more than one name")
    try:
        return name.decode("ascii").lower()
    except UnicodeDecodeError:
        raise NotTlsError("a TLS greeting with a name that is not ASCII") from None
