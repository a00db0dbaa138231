"""Which addresses a sandbox may never reach by a name. Pure, standard library only: the gateway runs it too.

The list is explicit. `ipaddress.is_global` must not decide: it refuses documentation networks that private
mirrors use, its answers differ between Python releases, and it says nothing of cloud metadata.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Checked first: these have a reason of their own, whatever network they lie in.
METADATA: frozenset[Address] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmark network"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "translation prefix"),
        ("100::/64", "discard prefix"),
        ("2001::/32", "Teredo"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")  # IPv4-compatible, long deprecated


def parse_address(text: str) -> Address | None:
    """An IP address in its one strict spelling, without brackets or zone; None if it is none."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped one is, else the address itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def canonical(address: Address) -> Address:
    """The IPv4 address to which an IPv6 one leads, by mapping or translation, else the address itself."""
    address = unmapped(address)
    if isinstance(address, IPv6Address):
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def why_refused(address: Address, own: frozenset[Address] = frozenset()) -> str:
    """Why no name may lead to this address; empty if it may. `own` are the host's own addresses."""
    plain = canonical(address)
    if plain in METADATA or address in METADATA:
        return "cloud metadata"
    for network, reason in REFUSED:
        if plain.version == network.version and plain in network:
            return reason
    return "an address of this host" if plain in own or address in own else ""
