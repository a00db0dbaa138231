"""The gateway's limits, SOCKS, tunnels to port 80, the host's own proxy: real sockets, no engine."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.egress.ends import Connection, Ends, connect
from openclaw_sandbox.egress.relay import Meter, relay
from openclaw_sandbox.egress.settings import HostProxy
from tests.integration.egress.bench import (
    HOST,
    QUICK,
    Bench,
    Web,
    echo,
    get,
    read_head,
    read_until,
    server,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_slow_client_is_given_up(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        started = asyncio.get_running_loop().time()

        async def drip() -> None:
            for byte in b"GET http://allowed.example/ HTTP/1.1\r\n" * 100:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.ensure_future(drip())
        answer = await read_until(reader, b"")
        dripping.cancel()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert asyncio.get_running_loop().time() - started < 5
        [record] = here.records
        assert "too long" in record.reason

    on_bench(test)


def test_more_connections_than_a_sandbox_gets(on_bench: Any) -> None:
    """1,000 at once: the gateway answers those it can, turns the others away, and serves the next one."""

    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            opened = await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", here.port) for _ in range(1000)),
                return_exceptions=True,
            )
            await asyncio.sleep(0.3)
            for item in opened:
                if isinstance(item, tuple):
                    item[1].transport.abort()
            await asyncio.sleep(0.5)
            answer = await here.send(get(port, extra="Connection: close\r\n"))
            assert answer.endswith(b"hello")
            assert any("too many" in record.reason for record in here.records)

    on_bench(test)


def socks(host: bytes, port: int, *, command: int = 1, kind: int = 3) -> bytes:
    place = bytes([len(host)]) + host if kind == 3 else host
    return b"\5\1\0" + bytes([5, command, 0, kind]) + place + port.to_bytes(2, "big")


def test_socks(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        async with here.allowed(echo) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(socks(HOST.encode(), port))
            assert (await reader.readexactly(12))[:4] == b"\5\0\5\0"
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()
            for request, code in (
                (socks(b"other.example", 443), 2),
                (socks(bytes([127, 0, 0, 1]), 22, kind=1), 2),
                (socks(b"\0" * 15 + b"\1", 80, kind=4), 2),
                (socks(HOST.encode(), 443, command=3), 7),  # UDP
                (socks(HOST.encode(), 443, command=2), 7),  # BIND
                (socks(b"a b", 443), 8),
                (socks(b"x", 443, kind=9), 8),
            ):
                answer = await here.send(request)
                assert answer[:2] == b"\5\0"
                assert answer[3] == code
            assert await here.send(b"\5\1\2") == b"\5\xff"
            assert [r.verdict for r in here.records] == ["allow", *["deny"] * 8]

    on_bench(test)


def test_http_inside_a_tunnel_to_port_80_is_still_decided(
    on_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openclaw_sandbox.egress import http, session

    async def test(here: Bench) -> None:
        web = Web()
        async with server(web.serve) as port:

            async def dial(*_: object) -> Ends:
                return await connect("127.0.0.1", port)

            monkeypatch.setattr(session, "dial", dial)
            monkeypatch.setattr(http, "dial", dial)
            here.allow(HOST)
            here.names[HOST] = ["203.0.113.9"]
            for host, status in ((HOST, b"200"), ("evil.example", b"400")):
                reader, writer, head = await here.connect(f"{HOST}:80")
                assert b" 200 " in head
                writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                assert (await read_until(reader, b"")).split()[1] == status
                writer.close()
            assert len(web.heads) == 1

    on_bench(test)


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(on_bench: Any) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async def test(here: Bench) -> None:
        async with here.allowed(broken) as port:
            answer = await here.send(get(port))
            assert b"ontent-Length: 100" in answer or b"ontent-length: 100" in answer
            assert "broke off" in here.records[0].error

    on_bench(test)


def test_the_hosts_proxy_is_used(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        heads: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await read_head(reader))
            if heads[-1].startswith(b"CONNECT evil"):
                writer.write(b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n")
            elif heads[-1].startswith(b"CONNECT"):
                writer.write(b"HTTP/1.1 200 yes\r\n\r\n")
                await echo(reader, writer)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            writer.close()

        async with server(proxy) as port:
            here.allow(HOST, f"{HOST}:8443", "evil.example:8443")
            url = f"http://user:pass@127.0.0.1:{port}"
            here.settings[0] = replace(here.settings[0], proxy=HostProxy(http=url, https=url))
            answer = await here.send(
                f"GET http://{HOST}/x HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.endswith(b"ok")
            assert heads[0].startswith(f"GET http://{HOST}/x HTTP/1.1\r\n".encode())
            assert b"roxy-authorization: Basic" in heads[0]
            reader, writer, head = await here.connect(f"{HOST}:8443")
            assert b" 200 " in head
            writer.write(b"ping")
            assert await read_until(reader, b"ping") == b"ping"
            writer.close()
            _, writer, head = await here.connect("evil.example:8443")
            writer.close()
            assert head.startswith(b"HTTP/1.1 502 ")
            here.names[HOST] = ["10.0.0.1"]
            _, writer, head = await here.connect(f"{HOST}:8443")
            writer.close()
            assert head.startswith(b"HTTP/1.1 403 ")

    on_bench(test)


def test_a_connection_by_tls_ends_as_a_whole(caplog: pytest.LogCaptureFixture) -> None:
    """TLS, as to a proxy of https://, has no half-closed connections: its end is no break."""

    async def send_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(bytes(3 << 20))
        await writer.drain()
        writer.close()

    async def main() -> None:
        over = asyncio.get_running_loop().create_future()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner, outer = (
                Ends(reader, writer),
                await connect("127.0.0.1", far, tls=_without_keys(server=False)),
            )
            try:
                over.set_result(await relay(inner, outer, Meter(), idle_s=3.0))
            finally:
                inner.close()
                outer.close()

        async with (
            server(send_much, tls=_without_keys(server=True)) as far,
            server(carry, kind=Connection) as near,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", near)
            writer.write(b"go\n")
            await asyncio.sleep(0.2)  # until the other end has said everything, and much of it waits here
            assert len(await read_until(reader, b"")) == 3 << 20
            await asyncio.wait_for(over, 5.0)
            writer.close()

    asyncio.run(main())
    assert caplog.records == []


def _without_keys(*, server: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    return context


def test_bandwidth_is_bounded(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web(body=b"x" * 600_000)
        async with here.allowed(web.serve) as port:
            started = asyncio.get_running_loop().time()
            answer = await here.send(get(port, extra="Connection: close\r\n"))
            assert len(answer) > 600_000
            assert asyncio.get_running_loop().time() - started > 0.2

    on_bench(test, replace(QUICK, bytes_per_s=1_000_000))


def test_without_a_gateway_the_client_hears_of_it(tmp_path: Path) -> None:
    from openclaw_sandbox.egress.forwarder import Forwarder

    async def main() -> None:
        forwarder = Forwarder("octest-box", tmp_path / "none.sock")
        async with server(forwarder.connected) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET http://a.example/ HTTP/1.1\r\n\r\n")
            answer = await read_until(reader, b"")
            writer.close()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"gateway is not running" in answer

    asyncio.run(main())
