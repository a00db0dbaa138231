"""The gateway against hostile bytes: real sockets on the loopback, no engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.greetings import hello, name_extension, real_hello, vector
from tests.integration.egress.bench import (
    HOST,
    QUICK,
    Bench,
    Web,
    echo,
    get,
    listed,
    read_until,
    server,
)


def test_an_allowed_host_answers(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            answer = await here.send(
                get(port, "/x?secret=1", "Proxy-Authorization: Basic eA==\r\nConnection: close\r\n")
            )
            assert answer.endswith(b"hello")
            assert web.heads[0].startswith(b"GET /x?secret=1 HTTP/1.1\r\n")
            assert b"roxy-" not in web.heads[0]
        [record] = here.records
        assert (record.verdict, record.host, record.port, record.bytes_down) == ("allow", HOST, port, 5)
        assert record.rule == f"{HOST}:{port} (config.yml:7)"
        assert record.sandbox == "octest-box"
        assert "secret" not in "".join(here.lines)

    on_bench(test)


def test_another_host_is_denied_and_never_looked_up(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        answer = await here.send(b"GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"other.example is denied: no rule allows it" in answer
        _, writer, head = await here.connect("other.example:443")
        writer.close()
        assert head.startswith(b"HTTP/1.1 403 ")
        assert here.asked == []
        assert [(r.verdict, r.host, r.port) for r in here.records] == [
            ("deny", "other.example", 80),
            ("deny", "other.example", 443),
        ]

    on_bench(test)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (f"{HOST}:22", "port 22"),
        ("127.0.0.1:443", "address"),
        ("169.254.169.254:80", "address"),
        ("[fd00:ec2::254]:80", "address"),
        ("[2001:db8::1]:443", "address"),
        ("[::ffff:127.0.0.1]:443", "address"),
        (f"{HOST}%2f:443", "no host"),
        (f"{HOST}@evil.example:443", "no host"),
        ("2130706433:443", "no host"),
        ("0x7f.1:443", "no host"),
    ],
)
def test_connect_is_denied_with_one_record(place: str, reason: str, on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        here.allow(HOST)
        here.names[HOST] = ["203.0.113.9"]
        _, writer, head = await here.connect(place)
        writer.close()
        assert head.split()[1] in (b"403", b"400")
        [record] = here.records
        assert record.verdict == "deny"
        assert reason in record.reason

    on_bench(test)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::1", "192.168.1.1"]
)
def test_a_name_that_leads_inside(address: str, on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        here.allow(HOST)
        here.names[HOST] = [address]
        _, writer, head = await here.connect(f"{HOST}:443")
        writer.close()
        assert head.startswith(b"HTTP/1.1 403 ")
        [record] = here.records
        assert address in record.reason

    on_bench(test)


def test_a_name_that_changes_is_looked_up_once(on_bench: Any) -> None:
    """The address that was judged is the one that is dialled."""

    async def test(here: Bench) -> None:
        web = Web()
        async with server(web.serve) as port:
            here.allow(*listed(port))
            here.names[HOST] = ["127.0.0.1", "169.254.169.254"]
            answer = await here.send(get(port, extra="Connection: close\r\n"))
            assert answer.endswith(b"hello")
            assert here.asked == [HOST]
            answer = await here.send(get(port, extra="Connection: close\r\n"))
            assert b"403" in answer.split(b"\r\n")[0]

    on_bench(test)


def test_no_such_name(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        here.allow(HOST)
        _, writer, head = await here.connect(f"{HOST}:443")
        writer.close()
        assert head.startswith(b"HTTP/1.1 502 ")
        [record] = here.records
        assert record.verdict == "allow"
        assert "resolve" in record.error

    on_bench(test)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (real_hello("evil.example"), "TLS names evil.example"),
        (real_hello(None), "without the host's name"),
        (hello(name_extension(HOST.encode()), b"\xfe\x0d" + vector(2, b"x")), "hidden"),
        (b"SSH-2.0-client\r\n", "neither TLS nor HTTP"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "neither TLS nor HTTP"),
        (real_hello(HOST)[:40], "takes too long"),
    ],
    ids=["another name", "no name", "hidden name", "ssh", "plain http", "half a hello"],
)
def test_what_no_tunnel_carries(
    first: bytes, reason: str, on_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openclaw_sandbox.egress import session
    from openclaw_sandbox.egress.ends import Ends, connect

    async def test(here: Bench) -> None:
        got: list[bytes] = []

        async def remember(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append(await reader.read(100))
            writer.close()

        async with server(remember) as port:

            async def dial(*_: object) -> Ends:  # port 443 of the loopback is nobody's to take
                return await connect("127.0.0.1", port)

            monkeypatch.setattr(session, "dial", dial)
            here.allow(HOST)
            here.names[HOST] = ["203.0.113.9"]
            reader, writer, head = await here.connect(f"{HOST}:443")
            assert head.startswith(b"HTTP/1.1 200 ")
            writer.write(first)
            await read_until(reader, b"")
            writer.close()
            [record] = here.records
            assert record.verdict == "deny"
            assert reason in record.reason
            await asyncio.sleep(0.05)
            assert got in ([], [b""])

    on_bench(test)


def test_a_tunnel_with_the_right_name(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        async with here.allowed(echo) as port:
            reader, writer, head = await here.connect(f"{HOST}:{port}")
            assert head.startswith(b"HTTP/1.1 200 ")
            greeting = real_hello(HOST.upper())
            writer.write(greeting[:10])
            await asyncio.sleep(0.05)
            writer.write(greeting[10:] + b"more")
            assert await read_until(reader, b"more") == greeting + b"more"
            writer.write_eof()
            assert await read_until(reader, b"") == b""
            writer.close()
            await asyncio.sleep(0.05)
            [record] = here.records
            assert (record.bytes_up, record.bytes_down) == (len(greeting) + 4,) * 2

    on_bench(test)


def test_another_name_in_the_tunnel_of_a_free_port(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        async with here.allowed(echo) as port:
            reader, writer, _ = await here.connect(f"{HOST}:{port}")
            writer.write(real_hello("evil.example"))
            assert await read_until(reader, b"") == bytes([21, 3, 1, 0, 2, 2, 112])
            writer.close()
            assert here.records[-1].reason == f"TLS names evil.example, not {HOST}"

    on_bench(test)


def test_a_server_that_speaks_first(on_bench: Any) -> None:
    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        writer.write(await reader.readline())
        writer.close()

    async def test(here: Bench) -> None:
        async with here.allowed(banner) as port:
            reader, writer, _ = await here.connect(f"{HOST}:{port}")
            assert await read_until(reader, b"\n") == b"220 ready\r\n"
            writer.write(b"HELO\r\n")
            assert await read_until(reader, b"\n") == b"HELO\r\n"
            writer.close()

    on_bench(test)


def test_every_request_of_a_connection_is_decided(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web(chunked=True)
        async with here.allowed(web.serve) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(get(port, "/1") + get(port, "/2"))  # in one piece
            got = await read_until(reader, b"hello\r\n0\r\n\r\n")
            while got.count(b"hello") < 2:
                got += await read_until(reader, b"hello")
            assert web.connections == 1
            here.allow(HOST)
            writer.write(get(port, "/3"))
            assert b"403" in (await read_until(reader, b"denied")).split(b"\r\n")[0]
            writer.close()
            assert [head.split()[1] for head in web.heads] == [b"/1", b"/2"]
            assert [record.verdict for record in here.records] == ["allow", "allow", "deny"]

    on_bench(test)


def test_a_second_request_for_another_host_on_the_same_connection(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            other = b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"
            answer = await here.send(get(port) + other)
            assert answer.count(b"HTTP/1.1 ") == 2
            assert b"evil.example is denied" in answer
            assert len(web.heads) == 1

    on_bench(test)


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\n X: y\r\n",
        "Content-Length : 5\r\n",
        "X: a\rContent-Length: 5\r\n",
        "\0: 5\r\n",
        "Host: evil.example\r\n",
    ],
)
def test_smuggling(lengths: str, on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            head = f"POST http://{HOST}:{port}/ HTTP/1.1\r\nHost: {HOST}:{port}\r\n{lengths}\r\n"
            answer = await here.send(
                head.encode("latin-1") + b"5\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"
            )
            assert answer.split()[1] in (b"400", b"501")
            assert answer.count(b"HTTP/1.1 ") == 1
            assert web.heads == []
            [record] = here.records
            assert record.verdict == "deny"

    on_bench(test)


def test_crlf_in_a_url(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            for target in (
                f"http://{HOST}:{port}/x HTTP/1.1\r\nX-Evil: 1\r\nGET /",
                f"http://{HOST}:{port}/ /evil",
                f"http://{HOST}:{port}%0d%0a/",
            ):
                answer = await here.send(f"GET {target} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
                assert answer.split()[1] == b"400"
            assert web.heads == []

    on_bench(test)


def test_a_body_goes_up_and_too_large_a_one_does_not(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            head = f"POST http://{HOST}:{port}/ HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
            answer = await here.send(
                f"{head}Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n12345".encode()
            )
            assert answer.endswith(b"hello")
            assert here.records[0].bytes_up == 5
            answer = await here.send(f"{head}Content-Length: 3000\r\n\r\n{'x' * 3000}".encode())
            assert answer.startswith(b"HTTP/1.1 413 ")
            chunks = "".join(f"200\r\n{'x' * 512}\r\n" for _ in range(6))
            answer = await here.send(f"{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 413 ")
            answer = await here.send(f"{head}X: {'y' * 40_000}\r\n\r\n".encode())
            assert answer.split()[1] in (b"431", b"400")

    on_bench(test, replace(QUICK, request_bytes=2000))
