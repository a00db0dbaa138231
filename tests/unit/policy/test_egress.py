"""The decision: names, rules, ports, addresses."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from openclaw_sandbox.policy.egress import (
    EgressPolicy,
    decide,
    explicit_port,
    judge_addresses,
    normalize_host,
    parse_rule,
    policy_from,
    proxy_environment,
    split_authority,
    why_never,
)


def policy(*allow: str, deny: tuple[str, ...] = (), learn: bool = False) -> EgressPolicy:
    return EgressPolicy(
        allow=tuple(parse_rule(text, origin=f"config.yml:{n}") for n, text in enumerate(allow, 1)),
        deny=tuple(parse_rule(text, deny=True) for text in deny),
        learn=learn,
    )


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8:0::1", "2001:db8::1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ],
)
def test_normal_hosts(text: str, normal: str) -> None:
    assert normalize_host(text) == normal
    assert normalize_host(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "a..b",
            ".a",
            "a.",
            "example.com..",
            "-a.b",
            "a-.b",
            "a b",
            "a/b",
            "a@b",
            "a\r\nb",
            "a\0b",
        ),
        *(
            "127.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "1.2.3.4.",
            "a.1",
            "a.0x1",
            "1.2.3.4.5",
            "256.1.1.1",
        ),
        *(
            "[127.0.0.1]",
            "[::1",
            "::1]",
            "[fe80::1%25eth0]",
            "fe80::1%eth0",
            "bücher.example",
            "a%2fb",
            "a" * 64,
        ),
        *(".".join(["a" * 60] * 5), "exa\u3002mple", "example.com\u2024", "*", "*.example.com"),
    ],
)
def test_hosts_that_are_refused(text: str) -> None:
    expected = "a" if text == "a." else None
    assert normalize_host(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com:443", ("example.com", 443)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", 8)),
        ("example.com", ("example.com", 8)),
        ("example.com:", None),
        ("example.com:0", None),
        ("example.com:65536", None),
        ("example.com:+80", None),
        ("example.com:80:80", None),
        ("::1:80", None),
        ("user@example.com:80", None),
        ("example.com:\uff18\uff10", None),
    ],
)
def test_authorities(text: str, expected: tuple[str, int] | None) -> None:
    assert split_authority(text, default_port=8) == expected


def test_a_port_must_be_said_where_none_is_usual() -> None:
    assert split_authority("example.com") is None


@pytest.mark.parametrize(
    ("text", "host", "subdomains", "ports"),
    [
        ("api.example.com", "api.example.com", False, ()),
        (" API.example.com. ", "api.example.com", False, ()),
        ("*.example.com", "example.com", True, ()),
        ("*.example.com:8443", "example.com", True, (8443,)),
        ("example.com:22,443", "example.com", False, (22, 443)),
        ("10.0.0.5:8080", "10.0.0.5", False, (8080,)),
        ("[2001:db8::1]:443", "2001:db8::1", False, (443,)),
        ("2001:db8::1", "2001:db8::1", False, ()),
        ("bücher.example", "xn--bcher-kva.example", False, ()),
    ],
)
def test_rules(text: str, host: str, subdomains: bool, ports: tuple[int, ...]) -> None:
    rule = parse_rule(text)
    assert (rule.host, rule.subdomains, rule.ports) == (host, subdomains, ports)
    assert rule.text == text.strip()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("*", "every host"),
        ("*:443", "every host"),
        ("*.com", "too wide"),
        ("*.co.uk", "too wide"),
        ("*.*.example.com", "star"),
        ("a*.example.com", "star"),
        ("https://example.com", "port"),
        ("https:", "port"),
        ("example.com/path", "without scheme and path"),
        ("user@example.com", "without user"),
        ("example.com:http", "port"),
        ("example.com:0", "port"),
        ("example.com:70000", "port"),
        ("[::1]x", "port"),
        ("straße.example", "two ways"),
        ("*.10.0.0.1", "no subdomains"),
        ("127.1", "no host name"),
        ("", "no host name"),
        ("a..b", "no host name"),
        ("ü" * 70 + ".example", "international"),
    ],
)
def test_rules_that_are_refused(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_rule(text)


def test_denied_hosts_may_be_as_wide_as_one_likes() -> None:
    assert parse_rule("*.com", deny=True).subdomains
    assert not decide(policy("example.com", deny=("*",)), "example.com", 443).allowed


def test_no_rule_denies() -> None:
    decision = decide(EgressPolicy(), "example.com", 443)
    assert not decision.allowed
    assert decision.rule is None


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("example.com", 443, True),
        ("example.com", 80, True),
        ("example.com", 22, False),
        ("www.example.com", 443, False),
        ("a.wild.example", 443, True),
        ("a.b.wild.example", 443, True),
        ("wild.example", 443, False),
        ("xwild.example", 443, False),
        ("ssh.example", 22, True),
        ("ssh.example", 443, False),
        ("192.0.2.9", 443, True),
        ("192.0.2.10", 443, False),
        ("Example.com", 443, False),  # not normalised: never guessed
        ("example.com.", 443, False),
    ],
)
def test_allow(host: str, port: int, allowed: bool) -> None:
    rules = policy("example.com", "*.wild.example", "ssh.example:22", "192.0.2.9")
    assert decide(rules, host, port).allowed is allowed


def test_the_reason_names_the_rule_whose_port_is_missing() -> None:
    decision = decide(policy("example.com"), "example.com", 22)
    assert decision.rule is not None
    assert "22" in decision.reason
    assert decision.rule.said == "example.com (config.yml:1)"


def test_deny_beats_allow() -> None:
    rules = policy("*.example.com", deny=("bad.example.com", "ports.example.com:80"))
    assert not decide(rules, "bad.example.com", 443).allowed
    assert not decide(rules, "ports.example.com", 80).allowed
    assert decide(rules, "ports.example.com", 443).allowed


def test_learning_allows_names_on_the_usual_ports_only() -> None:
    rules = policy(deny=("bad.example",), learn=True)
    assert decide(rules, "any.example", 443).rule is not None
    assert not decide(rules, "any.example", 22).allowed
    assert not decide(rules, "192.0.2.1", 443).allowed
    assert not decide(rules, "localhost", 80).allowed
    assert not decide(rules, "bad.example", 443).allowed
    for name in ("metadata.google.internal", "printer.local", "router.lan", "a.corp.internal"):
        assert "not even while learning" in decide(rules, name, 80).reason


def test_one_bad_address_denies_the_name() -> None:
    good, bad = ip_address("192.0.2.1"), ip_address("127.0.0.1")
    rules = policy("example.com")
    assert judge_addresses(rules, [good], 443) is None
    denied = judge_addresses(rules, [good, bad], 443)
    assert denied is not None
    assert "127.0.0.1" in denied.reason


def test_an_address_that_is_listed_may_be_private() -> None:
    rules = policy("db.example:5432", "10.0.0.5:5432")
    address = [ip_address("10.0.0.5")]
    assert judge_addresses(rules, address, 5432) is None
    assert judge_addresses(rules, address, 443) is not None
    assert judge_addresses(rules, [ip_address("::ffff:10.0.0.5")], 5432) is None


def test_an_address_that_is_denied_is_denied_by_every_name() -> None:
    rules = policy("example.com", deny=("192.0.2.1",))
    decision = judge_addresses(rules, [ip_address("192.0.2.1")], 443)
    assert decision is not None
    assert decision.rule is not None


def test_listing_an_address_does_not_list_what_is_translated_to_it() -> None:
    rules = policy("db.example:5432", "10.0.0.5:5432")
    assert judge_addresses(rules, [ip_address("2002:a00:5::")], 5432) is not None
    assert judge_addresses(policy(deny=("10.0.0.5",)), [ip_address("2002:a00:5::")], 5432) is not None


def test_the_hosts_own_address_is_refused() -> None:
    own = frozenset({ip_address("192.0.2.2")})
    assert judge_addresses(policy("example.com"), [ip_address("192.0.2.2")], 443, own=own) is not None


def test_only_a_port_that_a_rule_names_is_free() -> None:
    assert explicit_port(parse_rule("example.com:22"), 22)
    assert not explicit_port(parse_rule("example.com:22"), 23)
    assert not explicit_port(parse_rule("example.com:443"), 443)
    assert not explicit_port(parse_rule("example.com"), 443)
    assert not explicit_port(None, 22)


def test_the_digest_is_of_what_is_decided() -> None:
    one = policy("a.example", "b.example:22", deny=("c.example",))
    other = EgressPolicy(
        allow=(parse_rule("b.example:22", origin="elsewhere"), parse_rule("A.example")),
        deny=(parse_rule("c.example", deny=True),),
    )
    assert one.digest == other.digest
    assert one.digest != policy("a.example").digest
    assert policy().digest != policy(learn=True).digest
    assert policy("*.example.com").digest != policy("example.com").digest


def test_documents_come_back() -> None:
    one = policy("a.example:1,2", "*.b.example", deny=("*",), learn=True)
    assert policy_from(one.document()) == one


@pytest.mark.parametrize(
    ("host", "never"),
    [
        ("169.254.169.254", True),
        ("metadata.google.internal", True),
        ("printer.local", True),
        ("intranet", True),
        ("example.com", False),
        ("192.0.2.1", False),
    ],
)
def test_what_no_list_should_hold(host: str, never: bool) -> None:
    assert bool(why_never(host)) is never


def test_both_spellings_of_the_variables() -> None:
    variables = proxy_environment()
    assert variables["HTTPS_PROXY"] == variables["https_proxy"] == "http://127.0.0.1:3128"
    assert set(variables) == {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
