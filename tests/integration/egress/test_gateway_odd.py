"""Every way to spell a place that should not be reached: one denial each, and no complaint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.integration.egress.bench import HOST, Bench, read_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

#: The allowed host leads to the loopback here, so that even its right spellings are denied, after resolution.
PLACES = (
    *(f"{HOST}:{port}" for port in ("0", "65536", "00443x", "+443", "", "443:443")),
    *(f"user@{HOST}:443", f"{HOST}.:443", f"{HOST.upper()}:443", f"[{HOST}]:443", f"{HOST}%00:443"),
    *("[fe80::1%25eth0]:443", "[fe80::1%eth0]:443", "[::ffff:7f00:1]:443", "[64:ff9b::7f00:1]:443"),
    *("[2002:7f00:1::]:443", "[::1:443", "::1:443", "0177.0.0.1:443", "127.1:443", "017700000001:443"),
    *("xn--nxasmq6b:443", "a_b:443", f"{'a' * 254}:443", f"{'a.' * 127}a:443", "..:443", ".:443", ":443"),
    *("/", "*", f"http://{HOST}/", "127.0.0.1.xn--a:443"),
)
URLS = (
    *(f"https://{HOST}/", f"ftp://{HOST}/", f"http:/{HOST}/", f"http:///{HOST}/", f"//{HOST}/", "/", "*"),
    *(
        f"http://{HOST}@evil.example/",
        f"http://{HOST}\\@evil.example/",
        f"http://{HOST}%00/",
        f"HTTP://{HOST}:/",
    ),
)
SOCKS4 = (b"\4\1\0\x50\x7f\0\0\1\0", b"\4\1\0\x50\0\0\0\1u\0allowed.example\0")
SOCKS5 = (
    *(
        b"\5\0",
        b"\5\1\0\4\1\0\3\1a\0\x50",
        b"\5\1\0\5\1\0\3\0\0\x50",
        b"\5\1\0\5\1\0\3\xff" + b"a" * 255 + b"\0\x50",
    ),
    *(
        b"\5\1\0\5\1\0\3\x0fallowed\0example\0\x50",
        b"\5\1\0\5\1\0\4" + bytes(10) + b"\xff\xff\x7f\0\0\1\0\x50",
    ),
    b"\5\xff" + bytes(range(255)) + b"\5\1\0\1\x7f\0\0\1\0\x50",
)
OTHERS = (
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET http://x/ HTTP/9.9\r\n\r\n", b"\0\0\0", b"\r\n\r\n\r\n"),
    f"POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {'9' * 6000}\r\n\r\n".encode(),
    f"TRACE http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(),
)


def odd() -> Iterator[bytes]:
    yield from (f"CONNECT {place} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for place in PLACES)
    yield from (f"GET {url} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for url in URLS)
    yield from (*SOCKS4, *SOCKS5, *OTHERS)


def test_each_is_one_denial(on_bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def test(here: Bench) -> None:
        here.allow(HOST)
        here.names[HOST] = ["127.0.0.1"]
        for data in odd():
            before = len(here.records)
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(data)
            await read_until(reader, b"", 4.0)
            writer.close()
            assert [record.verdict for record in here.records[before:]] == ["deny"], data

    on_bench(test)
    assert caplog.records == []
