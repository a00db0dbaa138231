"""What a request to the gateway asks for."""

from __future__ import annotations

from typing import Any

import h11
import pytest

from openclaw_sandbox.egress.request import Refusal, Target, authority_text, end_to_end, read_request


def parsed(text: str) -> h11.Request:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(text.replace("\n", "\r\n").encode("latin-1"))
    event: Any = connection.next_event()
    assert isinstance(event, h11.Request)
    return event


def read(text: str, pinned: tuple[str, int] | None = None) -> Target | Refusal:
    return read_request(parsed(text), pinned)


def test_connect() -> None:
    found = read("CONNECT Example.com:443 HTTP/1.1\nHost: example.com:443\n\n")
    assert found == Target(host="example.com", port=443, connect=True)


@pytest.mark.parametrize(
    "target",
    ["example.com", "example.com:", ":443", "http://a:443", "a@b:443", "a%2fb:443", "[::1:443", "*:443"],
)
def test_connect_to_nothing_that_is_a_host(target: str) -> None:
    found = read(f"CONNECT {target} HTTP/1.1\nHost: x\n\n")
    assert isinstance(found, Refusal)
    assert found.status == 400


def test_connect_with_a_body() -> None:
    found = read("CONNECT a.example:443 HTTP/1.1\nHost: a\nContent-Length: 4\n\nbody")
    assert isinstance(found, Refusal)
    assert (found.host, found.port) == ("a.example", 443)


@pytest.mark.parametrize(
    ("target", "host", "port", "path"),
    [
        ("http://a.example/x?y=1", "a.example", 80, b"/x?y=1"),
        ("HTTP://A.example", "a.example", 80, b"/"),
        ("http://a.example:8080/", "a.example", 8080, b"/"),
        ("http://a.example?q", "a.example", 80, b"/?q"),
        ("http://[2001:db8::1]:81/", "2001:db8::1", 81, b"/"),
        ("http://a.example/..%2f..%2fetc", "a.example", 80, b"/..%2f..%2fetc"),  # the server's own affair
    ],
)
def test_absolute(target: str, host: str, port: int, path: bytes) -> None:
    name = target.partition("://")[2].partition("/")[0].partition("?")[0]
    found = read(f"GET {target} HTTP/1.1\nHost: {name}\n\n")
    assert found == Target(host=host, port=port, path=path)


@pytest.mark.parametrize(
    "target",
    [
        *("/", "*", "https://a.example/", "ftp://a.example/", "a.example/", "http:///x", "http://"),
        *("http://u@a.example/", "http://u:p@a.example/", "http://a.example%2f@evil.example/"),
        *("http://a.example..%2f/", "http://a.example%0d%0a/", "http://a.example:99999/", "http://127.1/"),
        *(
            "http://a.example\\@evil.example/",
            "http://a.example/#x",
            "http://a.example/\\x",
            "http://a.example/|",
        ),
        *(
            "http://0x7f000001/",
            "http://a.example:80:80/",
            "http://[fe80::1%25eth0]/",
            "http://a.ex\xe4mple/",
        ),
    ],
)
def test_urls_that_are_refused(target: str) -> None:
    try:
        found = read(f"GET {target} HTTP/1.1\nHost: a.example\n\n")
    except h11.RemoteProtocolError:
        return  # the parser refuses it before anybody has to judge it
    assert isinstance(found, Refusal)


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "get", "X"])
def test_methods(method: str) -> None:
    found = read(f"{method} http://a.example/ HTTP/1.1\nHost: a.example\n\n")
    assert isinstance(found, Refusal)
    assert found.status == 405


def test_the_host_header_must_agree() -> None:
    assert isinstance(read("GET http://a.example/ HTTP/1.1\nHost: b.example\n\n"), Refusal)
    assert isinstance(read("GET http://a.example/ HTTP/1.1\nHost: a.example:81\n\n"), Refusal)
    assert isinstance(read("GET http://a.example/ HTTP/1.1\nHost: A.Example.\n\n"), Target)
    assert isinstance(read("GET http://a.example/ HTTP/1.0\n\n"), Target)


def test_two_lengths() -> None:
    text = (
        "POST http://a.example/ HTTP/1.1\nHost: a.example\nContent-Length: 3\nTransfer-Encoding: chunked\n\n"
    )
    found = read(text)
    assert isinstance(found, Refusal)
    assert "two lengths" in found.reason


def test_inside_a_tunnel_only_its_own_host() -> None:
    pinned = ("a.example", 80)
    assert read("GET /x HTTP/1.1\nHost: a.example\n\n", pinned) == Target(
        host="a.example", port=80, path=b"/x"
    )
    assert isinstance(read("GET http://a.example/x HTTP/1.1\nHost: a.example\n\n", pinned), Target)
    for text in (
        "GET /x HTTP/1.1\nHost: b.example\n\n",
        "GET http://b.example/x HTTP/1.1\nHost: b.example\n\n",
        "CONNECT b.example:443 HTTP/1.1\nHost: b.example\n\n",
        "GET http://a.example:81/x HTTP/1.1\nHost: a.example:81\n\n",
    ):
        assert isinstance(read(text, pinned), Refusal)


def test_headers_of_this_hop_stay_here() -> None:
    given = [
        *((b"connection", b"close, X-Mine"), (b"x-mine", b"1"), (b"keep-alive", b"5"), (b"te", b"trailers")),
        *((b"proxy-authorization", b"secret"), (b"upgrade", b"h2c"), (b"accept", b"*/*"), (b"host", b"a")),
    ]
    assert end_to_end(given, drop=(b"host",)) == [(b"accept", b"*/*")]


def test_authority_text() -> None:
    assert authority_text("a.example", 80) == "a.example"
    assert authority_text("::1", 81) == "[::1]:81"
