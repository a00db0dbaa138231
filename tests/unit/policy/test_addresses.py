"""Which addresses no name may lead to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from openclaw_sandbox.policy.addresses import canonical, parse_address, unmapped, why_refused


@pytest.mark.parametrize(
    "text",
    [
        *(
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
        ),
        *("169.254.169.254", "169.254.1.1", "100.64.0.1", "100.127.255.255", "224.0.0.1", "255.255.255.255"),
        *("192.0.0.192", "198.18.0.1", "240.0.0.1", "168.63.129.16", "100.100.100.200"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "::127.0.0.1"),
        *("2001::1", "64:ff9b:1::1", "100::1"),
    ],
)
def test_refused(text: str) -> None:
    assert why_refused(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        *("1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255"),
        # Documentation networks: private mirrors use them, and `is_global` would refuse them.
        *("192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1"),
        *("2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"),
    ],
)
def test_not_refused(text: str) -> None:
    assert why_refused(ip_address(text)) == ""


def test_metadata_has_its_own_word() -> None:
    assert why_refused(ip_address("169.254.169.254")) == "cloud metadata"
    assert why_refused(ip_address("::ffff:169.254.169.254")) == "cloud metadata"
    assert why_refused(ip_address("fd00:ec2::254")) == "cloud metadata"


def test_the_hosts_own_addresses() -> None:
    own = frozenset({ip_address("203.0.113.5"), ip_address("2001:db8::5")})
    assert why_refused(ip_address("203.0.113.5"), own) == "an address of this host"
    assert why_refused(ip_address("::ffff:203.0.113.5"), own)
    assert why_refused(ip_address("2001:db8::5"), own)
    assert not why_refused(ip_address("203.0.113.6"), own)


@pytest.mark.parametrize("text", ["127.1", "0x7f.0.0.1", "2130706433", "010.0.0.1", "fe80::1%eth0", "", "a"])
def test_only_the_strict_spelling_is_an_address(text: str) -> None:
    assert parse_address(text) is None


def test_only_a_mapped_address_is_another_spelling() -> None:
    assert unmapped(ip_address("::ffff:192.0.2.1")) == ip_address("192.0.2.1")
    assert unmapped(ip_address("2002:c000:201::")) == ip_address("2002:c000:201::")


def test_canonical() -> None:
    assert canonical(ip_address("2002:c000:201::")) == ip_address("192.0.2.1")

    assert canonical(ip_address("::ffff:192.0.2.1")) == ip_address("192.0.2.1")
    assert canonical(ip_address("::1")) == ip_address("::1")
    assert canonical(ip_address("::")) == ip_address("::")
