"""Laws of the way out: never an exception, never an allow without a matching rule.

OPENCLAW_SANDBOX_FUZZ is the number of examples for each law, OPENCLAW_SANDBOX_EGRESS_MUTATIONS that of
mutated bytes; CI takes fewer than a soak.
"""

from __future__ import annotations

import contextlib
import os
import random
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_sandbox.egress.hello import Hello, NotTlsError, parse_hello
from openclaw_sandbox.egress.records import parse_line
from openclaw_sandbox.egress.request import Refusal, Target, read_request
from openclaw_sandbox.egress.settings import Settings, parse_greeting, parse_settings
from openclaw_sandbox.policy.addresses import parse_address, why_refused
from openclaw_sandbox.policy.egress import (
    DEFAULT_PORTS,
    EgressPolicy,
    EgressRule,
    decide,
    judge_addresses,
    normalize_host,
    parse_rule,
    policy_from,
    split_authority,
)
from tests.greetings import hello, message, name_extension, records

#: Of each of which hundreds cost what one example does.
MUTATIONS = int(os.environ.get("OPENCLAW_SANDBOX_EGRESS_MUTATIONS", "5000"))
FUZZ = settings(max_examples=int(os.environ.get("OPENCLAW_SANDBOX_FUZZ", "100")), deadline=None)

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses()
HOSTS = st.one_of(NAMES, ADDRESSES.map(str), st.text(max_size=40))
PORTS = st.one_of(st.sampled_from([22, 80, 443]), st.integers(-1, 70_000))
TRICKS = st.sampled_from(
    ["%2f", "%00", "\r\n", "@", "..", ".", "[", "]", ":", "\\", "/", "#", "?", " ", "*.", "xn--"]
)


def bracketed(place: str) -> str:
    return f"[{place}]" if ":" in place else place


@st.composite
def entries(draw: st.DrawFn) -> str:
    host = draw(
        st.one_of(NAMES, NAMES.map(lambda name: f"*.{name}"), st.ip_addresses(v=4).map(str), st.text())
    )
    ports = draw(st.lists(st.sampled_from(["22", "80", "443", "8443"]), max_size=2))
    return f"{host}:{','.join(ports)}" if ports else host


@st.composite
def policies(draw: st.DrawFn) -> EgressPolicy:
    def rules(*, deny: bool) -> tuple[EgressRule, ...]:
        found = []
        for entry in draw(st.lists(entries(), max_size=4)):
            try:
                found.append(parse_rule(entry, deny=deny))
            except ValueError:
                continue
        return tuple(found)

    return EgressPolicy(allow=rules(deny=False), deny=rules(deny=True), learn=draw(st.booleans()))


def matches(rule: EgressRule, host: str, port: int) -> bool:
    """What a rule means, said a second time and in another way."""
    ports = set(rule.ports) or set(DEFAULT_PORTS)
    if rule.subdomains:
        same = host.split(".")[-len(rule.host.split(".")) :] == rule.host.split(".") and host != rule.host
        return port in ports and same and parse_address(host) is None
    return port in ports and host == rule.host


@FUZZ
@given(policy=policies(), host=HOSTS, port=PORTS)
def test_nothing_is_allowed_without_a_rule(policy: EgressPolicy, host: str, port: int) -> None:
    decision = decide(policy, host, port)
    if not decision.allowed:
        return
    assert decision.rule is not None
    learned = policy.learn and port in DEFAULT_PORTS and parse_address(host) is None
    assert learned or any(matches(rule, host, port) for rule in policy.allow)
    assert normalize_host(host) == host


#: Few words, so that entries and hosts often nearly meet.
WORDS = st.lists(st.sampled_from(["a", "b", "ab", "x-1", "co", "uk", "A"]), min_size=1, max_size=4).map(
    ".".join
)
PLACES = st.sampled_from(["10.0.0.1", "10.0.0.10", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1", "::1"])
ENDINGS = st.sampled_from(["", ":443", ":80,8443", ":22"])
SAID = st.one_of(
    st.builds("{}{}{}{}".format, st.sampled_from(["", "", "*."]), WORDS, st.sampled_from(["", "."]), ENDINGS),
    st.builds("{}{}".format, PLACES.map(bracketed), ENDINGS),
)
ASKED = st.one_of(st.builds("{}{}".format, WORDS, st.sampled_from(["", "."])), PLACES.map(bracketed))


def plain_reading(entry: str, host: str, port: int, *, deny: bool) -> bool:
    """Whether an entry of a list means a host, read from the texts alone and with nothing of the tool."""
    text = entry.lower()
    if text.startswith("["):
        place, _, rest = text[1:].partition("]")
        numbers = rest[1:]
    else:
        place, _, numbers = text.partition(":")
    ports = {int(number) for number in numbers.split(",") if number}
    if port not in (ports or ({port} if deny else {80, 443})):
        return False
    wanted, asked = place.removesuffix(".").split("."), host.lower().removesuffix(".").split(".")
    if (address := real_address(host)) is not None or real_address(place) is not None:
        return address is not None and address == real_address(place)
    if wanted[0] == "*":
        return len(asked) >= len(wanted) and asked[1 - len(wanted) :] == wanted[1:]
    return wanted == asked


def real_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def accepted(entries: list[str], *, deny: bool) -> dict[str, EgressRule]:
    found = {}
    for entry in entries:
        with contextlib.suppress(ValueError):  # too wide: then it is in no list
            found[entry] = parse_rule(entry, deny=deny)
    return found


@FUZZ
@given(
    allow=st.lists(SAID, max_size=4),
    deny=st.lists(SAID, max_size=2),
    host=ASKED,
    port=st.sampled_from([22, 80, 443, 8443]),
)
def test_the_lists_mean_what_they_say(allow: list[str], deny: list[str], host: str, port: int) -> None:
    """The decision against a second reading of the same texts, in both directions."""
    allowing, denying = accepted(allow, deny=False), accepted(deny, deny=True)
    policy = EgressPolicy(allow=tuple(allowing.values()), deny=tuple(denying.values()))
    meant = any(plain_reading(entry, host, port, deny=False) for entry in allowing)
    meant = meant and not any(plain_reading(entry, host, port, deny=True) for entry in denying)
    found = split_authority(f"{host}:{port}")
    assert found is not None
    assert decide(policy, *found).allowed is meant


@FUZZ
@given(policy=policies(), data=st.data(), port=PORTS)
def test_what_a_rule_names_is_allowed_unless_denied(policy: EgressPolicy, data: Any, port: int) -> None:
    if not policy.allow:
        return
    rule = data.draw(st.sampled_from(policy.allow))
    host = f"a.{rule.host}" if rule.subdomains else rule.host
    port = data.draw(st.sampled_from(rule.ports or DEFAULT_PORTS))
    denied = any(r.covers(host) and (not r.ports or port in r.ports) for r in policy.deny)
    if normalize_host(host) == host:
        assert decide(policy, host, port).allowed is not denied


@FUZZ
@given(policy=policies(), host=HOSTS, port=PORTS, entry=entries())
def test_one_more_denial_never_allows(policy: EgressPolicy, host: str, port: int, entry: str) -> None:
    try:
        rule = parse_rule(entry, deny=True)
    except ValueError:
        return
    stricter = EgressPolicy(allow=policy.allow, deny=(*policy.deny, rule), learn=policy.learn)
    assert decide(policy, host, port).allowed or not decide(stricter, host, port).allowed


@FUZZ
@given(policy=policies(), addresses=st.lists(ADDRESSES, max_size=3), port=PORTS)
def test_no_private_address_passes_unlisted(
    policy: EgressPolicy, addresses: list[IPv4Address | IPv6Address], port: int
) -> None:
    denied = judge_addresses(policy, addresses, port)
    listed = {rule.host for rule in policy.allow}
    bad = [a for a in addresses if why_refused(a) and str(a) not in listed]
    if any(not isinstance(a, IPv6Address) for a in bad):
        assert denied is not None


@FUZZ
@given(policies())
def test_documents_and_digests(policy: EgressPolicy) -> None:
    again = policy_from(policy.document())
    assert again == policy
    assert again.digest == policy.digest
    assert parse_settings(Settings(policy=policy).text()).policy == policy


@FUZZ
@given(st.one_of(HOSTS, st.lists(st.one_of(NAMES, TRICKS), max_size=6).map("".join)))
def test_a_host_has_one_spelling(text: str) -> None:
    host = normalize_host(text)
    if host is not None:
        assert normalize_host(host) == host
        assert host == host.lower()
        assert not set(host) & set(" /\\@%#?\r\n\0[]*")
    found = split_authority(text, default_port=443)
    if found is not None:
        assert normalize_host(found[0]) == found[0]
        assert 1 <= found[1] <= 65535


@FUZZ
@given(st.text(), st.booleans())
def test_an_entry_is_a_rule_or_a_sentence(text: str, deny: bool) -> None:
    try:
        rule = parse_rule(text, deny=deny)
    except ValueError as error:
        assert str(error)
    else:
        assert rule.host == "*" or normalize_host(rule.host) == rule.host


# ---- bytes


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


GREETINGS = st.builds(lambda name: hello(name_extension(name.encode())), NAMES)


@FUZZ
@given(st.one_of(st.binary(max_size=200), GREETINGS.flatmap(damaged)))
def test_any_bytes_are_a_greeting_or_not(data: bytes) -> None:
    try:
        found = parse_hello(data)
    except NotTlsError as error:
        assert str(error)
    else:
        assert found is None or isinstance(found, Hello)


@FUZZ
@given(NAMES, st.integers(1, 60), st.integers(0, 400))
def test_a_greeting_reads_the_same_however_it_is_cut(name: str, piece: int, end: int) -> None:
    data = records(message(name_extension(name.encode())), piece)
    assert parse_hello(data) == Hello(server_name=name)
    if end < len(data):
        assert parse_hello(data[:end]) is None


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(["GET", "POST", "CONNECT", "OPTIONS", "X"]))
    host = draw(st.lists(st.one_of(NAMES, TRICKS, st.ip_addresses().map(str)), max_size=4).map("".join))
    port = draw(st.sampled_from(["", ":80", ":443", ":0", ":x"]))
    form = draw(st.sampled_from(["{h}{p}", "http://{h}{p}/x", "https://{h}{p}/", "/x", "*", "http://{h}{p}"]))
    said = draw(st.one_of(st.just(host + port), NAMES))
    extra = draw(
        st.lists(
            st.sampled_from(
                [
                    "Content-Length: 1",
                    "Content-Length: 2",
                    "Transfer-Encoding: chunked",
                    "Host: b.c",
                    " x: y",
                    "a b: c",
                ]
            ),
            max_size=3,
        )
    )
    ending = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    lines = [f"{method} {form.format(h=host, p=port)} HTTP/1.1", f"Host: {said}", *extra, "", ""]
    return ending.join(lines).encode("utf-8", "replace")


def heads(data: bytes) -> list[h11.Request]:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=4096)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return []
    return [event] if isinstance(event, h11.Request) else []


@FUZZ
@given(st.one_of(st.binary(max_size=300), requests(), requests().flatmap(damaged)), st.booleans())
def test_any_request_has_one_target_or_is_refused(data: bytes, inside: bool) -> None:
    pinned = ("a.example", 80) if inside else None
    for request in heads(data):
        found = read_request(request, pinned)
        if isinstance(found, Refusal):
            assert found.reason
            continue
        assert isinstance(found, Target)
        assert normalize_host(found.host) == found.host
        assert pinned is None or (found.host, found.port) == pinned
        said = [value for name, value in request.headers if name == b"host"]
        if not found.connect and said:
            assert split_authority(said[0].decode("latin-1").strip(), default_port=found.port) == (
                found.host,
                found.port,
            )


SEEDS = (
    hello(name_extension(b"a.example")),
    b"GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx",
    b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
    b"POST http://b.example:80/ HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)
SPICE = (
    b"\r\n",
    b"\0",
    b"%2f",
    b"%0d%0a",
    b"@",
    b":",
    b"[",
    b"..",
    b"\xff",
    b"http://",
    b"b.example",
    b" ",
    b"\n",
)


def test_mutations_of_good_bytes() -> None:
    """Cheaper by the piece than Hypothesis: whatever parses names an allowed host, or is denied."""
    dice = random.Random(6)
    rules = EgressPolicy(allow=(parse_rule("a.example"),))
    for _ in range(MUTATIONS):
        data = bytearray(dice.choice(SEEDS))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data) + 1)
            data[at : at + dice.randint(0, 2)] = dice.choice(
                (dice.choice(SPICE), bytes([dice.randrange(256)]))
            )
        with contextlib.suppress(NotTlsError):
            parse_hello(bytes(data))
        for request in heads(bytes(data)):
            found = read_request(request)
            if isinstance(found, Target) and decide(rules, found.host, found.port).allowed:
                assert (found.host, found.port) in (("a.example", 80), ("a.example", 443))
                assert b"a.example" in bytes(data).lower()


@FUZZ
@given(st.binary(max_size=300))
def test_any_first_line_is_a_greeting_or_none(data: bytes) -> None:
    found = parse_greeting(data)
    assert found is None or data.endswith(b"\n")


@FUZZ
@given(st.text(max_size=300))
def test_any_line_is_a_record_or_none(text: str) -> None:
    parse_line(text)


@FUZZ
@given(st.text(max_size=300))
def test_other_settings_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_settings(text)
