"""May this sandbox reach that host? Pure, standard library only: the gateway runs this very file.

Two questions, in this order. `decide` looks at the name and the port, before anything is resolved: a name
that no rule allows is never looked up. `judge_addresses` looks at what the name resolved to.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.addresses import Address, canonical, parse_address, unmapped, why_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Where a rule names no port.
DEFAULT_PORTS = (80, 443)
#: The forwarder listens here, on the sandbox's own loopback.
PROXY_PORT = 3128

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
#: IDNA 2003, which Python has, and IDNA 2008 read these differently: two names for one spelling.
_AMBIGUOUS = frozenset("ßς\u200c\u200d")
#: Second levels under which country registries sell names: `*.co.uk` is as wide as `*.com`.
_REGISTRY_WORDS = frozenset({"ac", "co", "com", "edu", "go", "gob", "gov", "mil", "ne", "net", "or", "org"})
#: Names that only ever lead to a host's own secrets.
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
)


class Verdict(enum.Enum):
    """What happens to a request."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """One entry of `allowed_hosts` or `denied_hosts`.

    `host` is a normalised name, an IP address in its canonical spelling, or "*" (denied_hosts only);
    `subdomains`: the entry was `*.host` and means every name below it, not the name itself.
    An empty `ports` means DEFAULT_PORTS in `allowed_hosts`, every port in `denied_hosts`.
    """

    text: str
    host: str
    subdomains: bool = False
    ports: tuple[int, ...] = ()
    origin: str = field(default="", compare=False)  # where it stands: "config.yml:12 sandbox.allowed_hosts.0"

    def covers(self, host: str) -> bool:
        """Whether the entry's host part means this normalised host."""
        if self.host == "*":
            return True
        if self.subdomains:
            return host.endswith(f".{self.host}") and parse_address(host) is None
        return host == self.host

    def means(self, other: EgressRule) -> bool:
        """Whether both decide alike in one list, however they are spelled."""
        return _plain(self) == _plain(other)

    @property
    def said(self) -> str:
        """The rule for a record: the entry and its place."""
        return f"{self.text} ({self.origin})" if self.origin else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """What a sandbox may reach. No rule means: nothing.

    `learn`: every public host on the default ports is allowed and recorded; `deny` and the refused addresses
    hold all the same.
    """

    allow: tuple[EgressRule, ...] = ()
    deny: tuple[EgressRule, ...] = ()
    learn: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of what is decided: equal digests decide equally, wherever the rules stand."""
        content = [
            sorted({_plain(r) for r in self.allow}),
            sorted({_plain(r) for r in self.deny}),
            self.learn,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        """For `policy_from`."""
        return {
            "allow": [_rule_document(rule) for rule in self.allow],
            "deny": [_rule_document(rule) for rule in self.deny],
            "learn": self.learn,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict, the rule that gave it (None: no rule did), and the reason in words."""

    verdict: Verdict
    reason: str
    rule: EgressRule | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may pass."""
        return self.verdict is Verdict.ALLOW


def _plain(rule: EgressRule) -> str:
    return f"{'*.' if rule.subdomains else ''}{rule.host} {','.join(map(str, sorted(set(rule.ports))))}"


def _rule_document(rule: EgressRule) -> dict[str, Any]:
    return {
        "text": rule.text,
        "host": rule.host,
        "subdomains": rule.subdomains,
        "ports": list(rule.ports),
        "origin": rule.origin,
    }


def policy_from(document: Mapping[str, Any]) -> EgressPolicy:
    """What `EgressPolicy.document` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    return EgressPolicy(
        allow=tuple(_rule_from(item) for item in document["allow"]),
        deny=tuple(_rule_from(item) for item in document["deny"]),
        learn=bool(document["learn"]),
    )


def _rule_from(item: Mapping[str, Any]) -> EgressRule:
    return EgressRule(
        text=str(item["text"]),
        host=str(item["host"]),
        subdomains=bool(item["subdomains"]),
        ports=tuple(int(port) for port in item["ports"]),
        origin=str(item["origin"]),
    )


# ---- names


def normalize_host(text: str) -> str | None:
    """A host as rules compare it: lower case, no trailing dot, an IP address in its one spelling.

    None: no such host can exist, or it can be read in two ways (`127.1`, `0x7f000001`, a zone, a percent
    sign): refused, never guessed. Names are ASCII here, as they come over the wire.
    """
    if not text.isascii():
        return None
    host = text.lower()
    if host.startswith("[") and host.endswith("]"):
        address = parse_address(host[1:-1])
        return str(unmapped(address)) if address is not None and address.version == 6 else None
    address = parse_address(host)
    if address is not None:
        return str(unmapped(address))
    host = host.removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return None if _NUMERIC.fullmatch(labels[-1]) else host


def split_authority(text: str, *, default_port: int | None = None) -> tuple[str, int] | None:
    """`host[:port]` with the host normalised; None if it is not exactly that."""
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, colon, port = text, "", ""
    if ":" in host and not host.startswith("["):
        return None
    if colon and not _PORT.fullmatch(port):
        return None
    number = int(port) if colon else default_port
    normal = normalize_host(host)
    if normal is None or number is None or not 1 <= number <= 65535:
        return None
    return normal, number


# ---- rules


def parse_rule(text: str, *, origin: str = "", deny: bool = False) -> EgressRule:
    """`host`, `*.suffix` or an IP address (IPv6 in brackets if a port follows), and perhaps `:port[,port]`.

    Raises:
        ValueError: it is no such entry, or it is too wide for `allowed_hosts`. The message is for the user.
    """
    entry = text.strip()
    host, ports = _split_ports(entry)
    if host == "*":
        if not deny:
            raise ValueError(f'"{entry}" allows every host; name the hosts, or take docker.network "bridge"')
        return EgressRule(text=entry, host="*", ports=ports, origin=origin)
    subdomains = host.startswith("*.")
    bare = host.removeprefix("*.")
    if "*" in bare:
        raise ValueError(f'"{entry}": a star stands alone before the first dot, as in *.example.com')
    normal = normalize_host(_ascii(bare, entry))
    if normal is None:
        raise ValueError(f'"{entry}" is no host name and no IP address{_mended(bare)}')
    if subdomains and parse_address(normal) is not None:
        raise ValueError(f'"{entry}": an IP address has no subdomains')
    if subdomains and not deny and _too_wide(normal):
        raise ValueError(f'"{entry}" is too wide: everybody can get a name under {normal}')
    return EgressRule(text=entry, host=normal, subdomains=subdomains, ports=ports, origin=origin)


def _split_ports(entry: str) -> tuple[str, tuple[int, ...]]:
    if entry.startswith("["):
        host, bracket, rest = entry.partition("]")
        host, ports = host + bracket, rest.removeprefix(":") if rest.startswith(":") else rest
        colon = ":" if rest else ""
    elif entry.count(":") > 1:  # an IPv6 address without brackets has no port
        host, colon, ports = entry, "", ""
    else:
        host, colon, ports = entry.partition(":")
    if not colon:
        return host, ()
    numbers = [part.strip() for part in ports.split(",")]
    if not all(_PORT.fullmatch(number) and 1 <= int(number) <= 65535 for number in numbers):
        raise ValueError(f'"{entry}": a port is a number from 1 to 65535, several are separated by commas')
    return host, tuple(int(number) for number in numbers)


def _ascii(host: str, entry: str) -> str:
    if host.isascii():
        return host
    if _AMBIGUOUS & set(host):
        raise ValueError(f'"{entry}" can be read in two ways; write the xn-- form that its owner uses')
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f'"{entry}" is no international host name') from None


def _mended(host: str) -> str:
    if "://" in host or "/" in host:
        return "; write the host alone, without scheme and path"
    if "@" in host:
        return "; write the host alone, without user"
    return ""


def _too_wide(suffix: str) -> bool:
    labels = suffix.split(".")
    if len(labels) == 1:
        return True
    return len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRY_WORDS


# ---- decisions


def decide(policy: EgressPolicy, host: str, port: int) -> Decision:
    """By name and port. `host` is a normalised one; anything else is denied. Deny beats allow."""
    if normalize_host(host) != host:
        return Decision(verdict=Verdict.DENY, reason="not a host name")
    for rule in policy.deny:
        if rule.covers(host) and (not rule.ports or port in rule.ports):
            return Decision(verdict=Verdict.DENY, reason="denied_hosts names it", rule=rule)
    near: EgressRule | None = None
    for rule in policy.allow:
        if rule.covers(host):
            if port in (rule.ports or DEFAULT_PORTS):
                return Decision(verdict=Verdict.ALLOW, reason="allowed_hosts names it", rule=rule)
            near = rule
    if policy.learn and port in DEFAULT_PORTS and parse_address(host) is None:
        return _learn(host)
    if near is not None:
        return Decision(verdict=Verdict.DENY, reason=f"port {port} is not in its rule", rule=near)
    if parse_address(host) is not None:
        return Decision(verdict=Verdict.DENY, reason="an address that no rule lists")
    return Decision(verdict=Verdict.DENY, reason="no rule allows it")


def _learn(host: str) -> Decision:
    # By name too: with a proxy of the host's in between, nobody here sees where the name leads.
    if reason := why_never(host):
        return Decision(verdict=Verdict.DENY, reason=f"{reason}: not even while learning")
    return Decision(verdict=Verdict.ALLOW, reason="learning", rule=_LEARNED)


#: Stands for "learning" where a rule is needed, so that nothing is ever allowed without one.
_LEARNED = EgressRule(text="(learning)", host="*", ports=DEFAULT_PORTS)


def judge_addresses(
    policy: EgressPolicy, addresses: Iterable[Address], port: int, *, own: frozenset[Address] = frozenset()
) -> Decision | None:
    """A denial if one of a name's addresses may not be reached; None if all may.

    One bad address denies the name: honest names do not mix public and private ones.
    """
    for address in addresses:
        plain = str(unmapped(address))
        for rule in policy.deny:
            if rule.host in (plain, str(canonical(address))) and (not rule.ports or port in rule.ports):
                return Decision(
                    verdict=Verdict.DENY, reason=f"it resolves to {plain}, which is denied", rule=rule
                )
        reason = why_refused(address, own)
        if reason and not _listed(policy, plain, port):
            return Decision(verdict=Verdict.DENY, reason=f"it resolves to {plain} ({reason})")
    return None


def _listed(policy: EgressPolicy, address: str, port: int) -> bool:
    return any(
        rule.host == address and not rule.subdomains and port in (rule.ports or DEFAULT_PORTS)
        for rule in policy.allow
    )


def explicit_port(rule: EgressRule | None, port: int) -> bool:
    """Whether a rule names this port itself: only then may what flows be neither TLS nor HTTP."""
    return rule is not None and port in rule.ports and port not in DEFAULT_PORTS


def why_never(host: str) -> str:
    """Why a host belongs in no list at all; empty if it may. For `egress learn` and `egress allow`."""
    address = parse_address(host)
    if address is not None:
        return why_refused(address)
    if host in _METADATA_NAMES:
        return "cloud metadata"
    if "." not in host or host.endswith(
        (".internal", ".local", ".localhost", ".localdomain", ".lan", ".home.arpa")
    ):
        return "a name of the local network"
    return ""


def proxy_environment() -> dict[str, str]:
    """The variables of a sandbox that has a forwarder, in both spellings.

    ALL_PROXY names the HTTP proxy too: clients that find `socks5h://` there and lack a SOCKS library fail
    before their first request. The loopback stays direct: it holds nothing but the sandbox's own.
    """
    url = f"http://127.0.0.1:{PROXY_PORT}"
    upper = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {**upper, **{name.lower(): value for name, value in upper.items()}}
