"""TLS greetings as a real client writes them, without a socket; and by hand, with what no client says."""

from __future__ import annotations

import ssl


def real_hello(name: str | None) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake without a server")


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def name_extension(*names: bytes, kind: int = 0) -> bytes:
    """The extension server_name with these names."""
    entries = b"".join(bytes([kind]) + vector(2, name) for name in names)
    return b"\0\0" + vector(2, vector(2, entries))


def message(*extensions: bytes, tail: bytes = b"") -> bytes:
    """A handshake message ClientHello."""
    body = b"\3\3" + b"r" * 32 + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    body += vector(2, b"".join(extensions)) + tail
    return b"\1" + vector(3, body)


def records(content: bytes, piece: int = 1 << 14) -> bytes:
    """The message cut into TLS records of at most `piece` bytes."""
    cuts = [content[at : at + piece] for at in range(0, len(content), piece)]
    return b"".join(b"\x16\3\1" + vector(2, cut) for cut in cuts)


def hello(*extensions: bytes) -> bytes:
    """A greeting by hand."""
    return records(message(*extensions))
