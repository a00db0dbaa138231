"""What a gateway is told: its policy, its limits, the host's own addresses and proxy. One JSON file."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_sandbox.policy.addresses import Address, parse_address
from openclaw_sandbox.policy.egress import EgressPolicy, policy_from

#: Inside the helpers. The settings are read-only for the gateway, the socket for the forwarders.
SETTINGS_FILE = "/etc/openclaw-egress/settings.json"
SOCKET_FILE = "/run/openclaw-egress/gateway.sock"

LOG_FILE = "/var/log/openclaw-egress/decisions.jsonl"
FORMAT = 1


class Caller(enum.Enum):
    """Who connects to a gateway. Only forwarders and this tool have its socket, so nobody can pretend."""

    CLIENT = "client"  # a connection from inside; the word behind it is the sandbox's name
    FORWARDER = "forwarder"  # says that it listens, for as long as it stays; the word is its ticket
    HEALTH = "health"  # wants one line of JSON; the word is ignored


_GREETING = re.compile(rb"openclaw-egress/1 (client|forwarder|health) ([A-Za-z0-9][A-Za-z0-9_.-]{0,254})\n")


def greeting(caller: Caller, word: str) -> bytes:
    """The first line of a connection to a gateway."""
    return f"openclaw-egress/1 {caller.value} {word}\n".encode()


def parse_greeting(line: bytes) -> tuple[Caller, str] | None:
    """Who calls, and the word; None for anything but a greeting."""
    found = _GREETING.fullmatch(line)
    return (Caller(found[1].decode()), found[2].decode()) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Per sandbox, except where it says otherwise. Sizes in bytes, times in seconds."""

    connections: int = 256
    bytes_per_s: int = 125_000_000  # both directions together
    header_bytes: int = 32 * 1024  # of one request
    request_bytes: int = 1 << 30  # the body of one request
    header_s: float = 10.0  # until a request's head, or a TLS greeting, is complete
    idle_s: float = 300.0  # without a byte in either direction
    resolve_s: float = 10.0
    connect_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProxy:
    """The host's own way out. URLs may hold passwords; `ca` is PEM text for an https:// proxy."""

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    exempt: tuple[str, ...] = ()
    ca: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a gateway decides by."""

    policy: EgressPolicy
    own_addresses: frozenset[Address] = frozenset()
    limits: Limits = field(default_factory=Limits)
    proxy: HostProxy = field(default_factory=HostProxy)

    def text(self) -> str:
        """For `parse_settings`. Equal settings give equal texts."""
        document = {
            "format": FORMAT,
            "policy": self.policy.document(),
            "ownAddresses": sorted(str(address) for address in self.own_addresses),
            "limits": asdict(self.limits),
            "proxy": {**asdict(self.proxy), "exempt": list(self.proxy.exempt)},
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def parse_settings(text: str) -> Settings:
    """What `Settings.text` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        document: dict[str, Any] = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"settings of format {document['format']}")
        proxy = document["proxy"]
        addresses = [parse_address(item) for item in document["ownAddresses"]]
        return Settings(
            policy=policy_from(document["policy"]),
            own_addresses=frozenset(address for address in addresses if address is not None),
            limits=Limits(**document["limits"]),
            proxy=HostProxy(**{**proxy, "exempt": tuple(proxy["exempt"])}),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the settings of a gateway: {error!r}") from None
