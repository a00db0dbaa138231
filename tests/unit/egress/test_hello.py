"""The name in a TLS greeting."""

from __future__ import annotations

import pytest

from openclaw_sandbox.egress.hello import Hello, NotTlsError, looks_like_tls, parse_hello
from tests.greetings import hello, message, name_extension, real_hello, records, vector

ENCRYPTED = b"\xfe\x0d" + vector(2, b"secret")


def test_what_a_real_client_sends() -> None:
    assert parse_hello(real_hello("Api.Example.com")) == Hello(server_name="api.example.com")
    assert parse_hello(real_hello(None)) == Hello(server_name=None)


def test_it_is_complete_only_at_its_last_byte() -> None:
    data = real_hello("example.com")
    assert [parse_hello(data[:n]) for n in range(len(data))] == [None] * len(data)
    assert parse_hello(data + b"what follows") == Hello(server_name="example.com")


@pytest.mark.parametrize("piece", [1, 3, 7, 40])
def test_it_may_come_in_many_records(piece: int) -> None:
    assert parse_hello(records(message(name_extension(b"a.example")), piece)) == Hello(
        server_name="a.example"
    )


def test_a_hidden_greeting_is_seen() -> None:
    found = parse_hello(hello(name_extension(b"a.example"), ENCRYPTED))
    assert found == Hello(server_name="a.example", encrypted=True)


def test_no_extensions_at_all() -> None:
    body = b"\3\3" + b"r" * 32 + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    assert parse_hello(records(b"\1" + vector(3, body))) == Hello(server_name=None)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"GET / HTTP/1.1\r\n", "not TLS"),
        (b"\x16\2\1\0\1\1", "not TLS"),
        (b"SSH-2.0-x", "not TLS"),
        (b"\x16\3\1\0\0", "impossible size"),
        (b"\x16\3\1\xff\xff", "impossible size"),
        (records(b"\2" + vector(3, b"x" * 40)), "without a greeting"),
        (b"\x16\3\1\0\4\1\xff\xff\xff", "impossible size"),
        (records(message(name_extension(b"a.example"), name_extension(b"b.example"))), "twice"),
        (records(message(name_extension(b"a.example", b"b.example"))), "more than one name"),
        (records(message(name_extension(b"a.example", kind=1))), "more than one name"),
        (records(message(name_extension("ä.example".encode()))), "not ASCII"),
        (records(message(name_extension(b"a.example"), tail=b"x")), "behind it"),
        (records(message(b"\0\0" + vector(2, vector(2, b"")))), "cut off"),
        (records(b"\1" + vector(3, b"\3\3short")), "cut off"),
        (records(message(name_extension(b"a")))[:20] + b"\x17\3\3\0\1x", None),
    ],
)
def test_what_is_no_greeting(data: bytes, word: str | None) -> None:
    if word is None:
        assert parse_hello(data) is None
        return
    with pytest.raises(NotTlsError, match=word):
        parse_hello(data)


def test_another_record_in_the_middle() -> None:
    whole = message(name_extension(b"a.example"))
    data = records(whole[:10]) + b"\x17\3\3\0\1x"
    with pytest.raises(NotTlsError, match="not TLS"):
        parse_hello(data)


def test_the_first_byte_tells() -> None:
    assert looks_like_tls(b"\x16")
    assert not looks_like_tls(b"G")
    assert not looks_like_tls(b"")


def test_a_greeting_in_crumbs_is_given_up() -> None:
    """What is read anew with each byte must not be long."""
    crumbs = records(b"\1\0\x20\0" + bytes(600), 1)
    with pytest.raises(NotTlsError, match="too many records"):
        parse_hello(crumbs)
