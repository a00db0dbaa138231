"""What a gateway must know of the host: its own addresses, its proxy, its CA file."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.settings import HostProxy
from openclaw_sandbox.errors import EgressError
from openclaw_sandbox.policy.addresses import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Which variables name a CA file, in the order in which clients look.
_CA_VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_MAX_CA = 4 << 20
_LOOPBACK = re.compile(r"(?:https?://)?(?:[^@/]*@)?(?:127(?:\.\d+){3}|localhost|\[::1\])(?::\d+)?/?", re.I)


def own_addresses() -> frozenset[Address]:
    """Every address of this host's interfaces; empty parts where the kernel does not say."""
    return parse_fib(_text("/proc/net/fib_trie")) | parse_if_inet6(_text("/proc/net/if_inet6"))


def parse_fib(text: str) -> frozenset[Address]:
    """The local addresses in `/proc/net/fib_trie`."""
    found: set[Address] = set()
    address = ""
    for line in text.splitlines():
        if place := re.match(r"\s+\|-- ([0-9.]+)$", line):
            address = place[1]
        elif "/32 host LOCAL" in line and (parsed := parse_address(address)) is not None:
            found.add(parsed)
    return frozenset(found)


def parse_if_inet6(text: str) -> frozenset[Address]:
    """The addresses in `/proc/net/if_inet6`."""
    words = [line.split()[0] for line in text.splitlines() if line.strip()]
    return frozenset(
        ip_address(bytes.fromhex(word)) for word in words if re.fullmatch(r"[0-9a-fA-F]{32}", word)
    )


def host_proxy(env: Mapping[str, str]) -> HostProxy:
    """The proxy that the host's own programs use, by the usual variables (lower case first, as curl).

    Raises:
        EgressError: it listens on the host's loopback, where no gateway comes, or its CA file is unreadable.
    """
    general = _either(env, "all_proxy")
    http, https = _either(env, "http_proxy") or general, _either(env, "https_proxy") or general
    for url in (http, https):
        if _LOOPBACK.fullmatch(url):
            raise EgressError(
                "The proxy of this host listens on its loopback, where the egress gateway cannot reach it.",
                hint="Let it listen on an address of the network, or unset http_proxy and https_proxy.",
            )
    exempt = tuple(sorted({part.strip() for part in _either(env, "no_proxy").split(",") if part.strip()}))
    ca = _ca(env) if "https://" in f"{http} {https}".lower() else ""
    return HostProxy(http=http, https=https, exempt=exempt if http or https else (), ca=ca)


def _either(env: Mapping[str, str], name: str) -> str:
    return env.get(name) or env.get(name.upper()) or ""


def _ca(env: Mapping[str, str]) -> str:
    """The text of the CA file that the environment names; empty if it names none."""
    name = next((env[variable] for variable in _CA_VARIABLES if env.get(variable)), "")
    if not name:
        return ""
    try:
        text = Path(name).read_text(encoding="ascii", errors="ignore")
    except OSError as error:
        raise EgressError(
            f"The CA file {name} cannot be read: {error.strerror or error}.",
            hint=f"Correct {' or '.join(_CA_VARIABLES)}.",
        ) from None
    if len(text) > _MAX_CA:
        raise EgressError(
            f"The CA file {name} is larger than 4 MiB.", hint="Name one with fewer certificates."
        )
    return text


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
