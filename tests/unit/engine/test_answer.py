"""One HTTP answer from bytes; h11, which the gateway uses, is asked for a second opinion."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.engine.docker.answer import Answer, BrokenAnswerError


def read(*fed: bytes) -> tuple[int | None, bytes, bytes]:
    """Status, body and leftover of what comes in these pieces, after which the connection ends."""
    answer, body, waiting = Answer(), bytearray(), [*fed, b""]
    while (piece := answer.piece()) is not None:
        body += piece
        if not piece and (answer.status is None or waiting):
            answer.feed(waiting.pop(0) if waiting else b"")
    return answer.status, bytes(body), answer.leftover


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc", b"")),
        (b"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", (200, b"", b"")),
        (b"HTTP/1.0 404 Not Found\nContent-Length: 2\n\nno", (404, b"no", b"")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end", b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", b"")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
            (200, b"abc0123456789", b""),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx", (201, b"x", b"")),
        (b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x01\x00raw", (101, b"", b"\x01\x00raw")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", (200, b"x", b"")),
    ],
)
def test_answers(text: bytes, expected: tuple[int, bytes, bytes]) -> None:
    assert read(text) == expected
    assert read(*(bytes([byte]) for byte in text))[:2] == expected[:2]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n : nameless\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 300,
    ],
)
def test_what_is_no_answer(text: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        read(text)


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_end_in_an_answer_or_in_a_plain_refusal(fed: list[bytes]) -> None:
    try:
        read(*fed)
    except BrokenAnswerError:
        return


def according_to_h11(text: bytes) -> tuple[int, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "docker")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(text)
    connection.receive_data(b"")
    status, body = 0, b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
    return status, body


@given(
    status=st.integers(200, 599),
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=5),
    kind=st.sampled_from(["sized", "chunked", "closed"]),
    cuts=st.lists(st.integers(1, 60), max_size=20),
)
def test_it_reads_what_h11_reads(status: int, pieces: list[bytes], kind: str, cuts: list[int]) -> None:
    body = b"".join(pieces)
    head, sent = b"", body
    if kind == "sized":
        head = b"Content-Length: %d\r\n" % len(body)
    elif kind == "chunked":
        head = b"Transfer-Encoding: chunked\r\n"
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    if status in (204, 304):
        sent = b""
    text = b"HTTP/1.1 %d Whatever\r\nServer: x\r\n%s\r\n%s" % (status, head, sent)
    fed, at = [], 0
    for cut in cuts:
        fed.append(text[at : at + cut])
        at += cut
    assert read(*(piece for piece in [*fed, text[at:]] if piece))[:2] == according_to_h11(text)
