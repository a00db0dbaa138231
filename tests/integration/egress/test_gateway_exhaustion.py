"""Clients and servers that leave, stall, or say nothing: the gateway keeps nothing of theirs."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.egress import gateway, session, upstream
from openclaw_sandbox.egress.ends import Connection
from openclaw_sandbox.egress.forwarder import Forwarder
from tests.greetings import real_hello
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

    from openclaw_sandbox.egress.ends import Ends
    from openclaw_sandbox.egress.records import Record


def test_a_kept_connection_that_the_server_closed_is_replaced(on_bench: Any) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    async def test(here: Bench) -> None:
        async with here.allowed(once) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            for _ in range(3):
                writer.write(get(port))
                assert (await read_until(reader, b"hello", 1.0)).endswith(b"hello")
                await asyncio.sleep(0.05)
            writer.close()
            assert [record.error for record in here.records] == ["", "", ""]

    on_bench(test)


def test_what_may_count_twice_is_not_asked_twice(on_bench: Any) -> None:
    heads: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not heads:
            heads.append(await read_head(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        heads.append(await read_head(reader))
        writer.close()

    async def test(here: Bench) -> None:
        async with here.allowed(once) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(get(port))
            await read_until(reader, b"hello")
            writer.write(get(port, "/order").replace(b"GET", b"POST"))
            assert b" 502 " in await read_until(reader, b"\r\n")
            writer.close()
            assert [head.split()[0] for head in heads] == [b"GET", b"POST"]

    on_bench(test)


def test_who_asks_for_a_tunnel_and_leaves_keeps_none(on_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held = 0

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        held += 1
        await reader.read()
        held -= 1
        writer.close()

    async def slowly(*call: Any) -> Ends:
        await asyncio.sleep(0.1)
        return await upstream.dial(*call)

    async def test(here: Bench) -> None:
        async with here.allowed(hold) as port:
            monkeypatch.setattr(session, "dial", slowly)
            for _ in range(10):
                _, writer = await asyncio.open_connection("127.0.0.1", here.port)
                writer.write(f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                await asyncio.sleep(0.02)
                writer.transport.abort()
            await asyncio.sleep(0.5)
            assert held == 0

    on_bench(test)


def test_a_tunnel_without_a_word_does_not_become_a_free_one(on_bench: Any) -> None:
    """Once, after the idle time, everything passed: a greeting for another host too."""

    async def test(here: Bench) -> None:
        async with here.allowed(echo) as port:
            reader, writer, _ = await here.connect(f"{HOST}:{port}")
            await asyncio.sleep(0.7)
            writer.write(real_hello("evil.example"))
            assert await read_until(reader, b"") == b""
            writer.close()
            assert [(r.verdict, r.reason) for r in here.records] == [("deny", "a tunnel without a word")]

    on_bench(test, replace(QUICK, idle_s=0.4))


def test_a_quiet_kept_connection_ends_without_a_denial(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web()
        async with here.allowed(web.serve) as port:
            answer = await here.send(get(port))
            assert answer.endswith(b"hello")
            assert [record.verdict for record in here.records] == ["allow"]

    on_bench(test, replace(QUICK, idle_s=0.4))


def test_a_server_that_takes_nothing(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        stuck = asyncio.Event()

        async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stuck.wait()
            writer.close()

        async with here.allowed(stall) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(get(port, extra="Content-Length: 500000000\r\n").replace(b"GET", b"POST", 1))
            sending = asyncio.ensure_future(_send_much(writer))
            assert b" 502 " in await read_until(reader, b"\r\n")
            sending.cancel()
            writer.transport.abort()
            stuck.set()
            assert (await _ended(here)).error.startswith("broke off")

    on_bench(test, replace(QUICK, idle_s=0.5))


def test_a_client_that_takes_nothing(on_bench: Any) -> None:
    async def test(here: Bench) -> None:
        web = Web(body=bytes(8 << 20))
        async with here.allowed(web.serve) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1024)
            writer.write(get(port))
            assert 0 < ((await _ended(here)).bytes_down or 0) < 8 << 20
            writer.transport.abort()

    on_bench(test, replace(QUICK, idle_s=1.0))


def test_all_sandboxes_together_get_what_the_gateway_can_hold(
    on_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(here: Bench) -> None:
        quiet = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert b" 503 " in await here.send(b"GET http://a.example/ HTTP/1.1\r\n\r\n")
        for _, writer in quiet:
            writer.close()
        await asyncio.sleep(0.1)
        assert b" 403 " in await here.send(b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")

    monkeypatch.setattr(gateway, "_MOST", 5)
    on_bench(test)


def test_names_that_never_resolve_do_not_take_the_others_look_ups(
    on_bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    over = threading.Event()

    def look_up(host: str, _port: int) -> list[str]:
        if host.startswith("slow"):
            over.wait(20)
            raise OSError("no answer")
        return ["10.0.0.1"]

    async def test(here: Bench) -> None:
        monkeypatch.setattr(upstream, "_look_up", look_up)
        here.allow("*.example.test", HOST)
        slow = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(18)]
        for number, (_, writer) in enumerate(slow):
            writer.write(f"CONNECT slow{number}.example.test:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.sleep(0.2)
        other = Forwarder("octest-other", tmp_path / "gateway.sock")
        async with server(other.connected, kind=Connection) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b"10.0.0.1 (private)" in await read_until(reader, b"private)", 1.0)
            writer.close()
        over.set()
        for _, writer in slow:
            writer.transport.abort()

    try:
        on_bench(test, replace(QUICK, resolve_s=0.5))
    finally:
        over.set()


def test_who_comes_again_and_again_gets_no_more_look_ups(
    on_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account is kept while a look-up of it runs, even if nobody waits for that one any more."""
    over, asked = threading.Event(), []

    def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        over.wait(20)
        raise OSError("no answer")

    async def test(here: Bench) -> None:
        monkeypatch.setattr(upstream, "_look_up", look_up)
        here.allow("*.example.test")
        for number in range(3):
            requests = (
                f"CONNECT slow{number}-{one}.example.test:443 HTTP/1.1\r\nHost: x\r\n\r\n" for one in range(3)
            )
            answers = await asyncio.gather(*(here.send(request.encode()) for request in requests))
            assert all(b"was not resolved in time" in answer for answer in answers)
        assert len(asked) == 4

    try:
        on_bench(test, replace(QUICK, resolve_s=0.2))
    finally:
        over.set()


async def _ended(here: Bench) -> Record:
    """The one record, once its end is written down too."""
    while not here.records or here.records[0].bytes_down is None:
        await asyncio.sleep(0.05)
    [record] = here.records
    return record


async def _send_much(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(1 << 18))
        await writer.drain()
