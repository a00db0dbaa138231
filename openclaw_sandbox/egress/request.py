"""What an HTTP request to the gateway asks for. Pure: h11 has parsed it, this decides what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.egress import split_authority

if TYPE_CHECKING:
    from collections.abc import Iterable

    import h11

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

#: Between two neighbours only; what a `Connection` header names is added. RFC 9110, 7.6.1.
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization"),
        *(b"te", b"trailer", b"upgrade"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A request that can be decided. `path` is its target at the server; for CONNECT there is none."""

    host: str
    port: int
    path: bytes = b""
    connect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that is denied whatever the rules say. `host` is as far as it could be read."""

    status: int
    reason: str
    host: str = ""
    port: int = 0


def read_request(request: h11.Request, pinned: tuple[str, int] | None = None) -> Target | Refusal:
    """Where the request goes. `pinned`: inside a tunnel to this host and port, so nowhere else."""
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        return Refusal(status=400, reason="two lengths for one body")
    if request.method == b"CONNECT":
        if pinned is not None:
            return Refusal(status=400, reason="a tunnel inside a tunnel")
        return _read_connect(request.target, framed=_has_body(names))
    if request.method not in METHODS:
        return Refusal(status=405, reason="a method that no sandbox gets")
    return _read_absolute(request, pinned)


def _has_body(names: list[bytes]) -> bool:
    return b"transfer-encoding" in names or b"content-length" in names


def _read_connect(target: bytes, *, framed: bool) -> Target | Refusal:
    found = split_authority(target.decode("ascii", "replace"))
    if found is None:
        return Refusal(status=400, reason="CONNECT to something that is no host:port")
    if framed:
        return Refusal(status=400, reason="CONNECT with a body", host=found[0], port=found[1])
    return Target(host=found[0], port=found[1], connect=True)


def _read_absolute(request: h11.Request, pinned: tuple[str, int] | None) -> Target | Refusal:
    text = request.target.decode("latin-1")
    if pinned is not None and text.startswith("/"):
        authority: tuple[str, int] | None = pinned
        path = text
    else:
        scheme, separator, rest = text.partition("://")
        if not separator or scheme.lower() != "http":
            return Refusal(status=400, reason="neither CONNECT nor a request for http://host/")
        place, path = _split_path(rest)
        authority = split_authority(place, default_port=80)
    if authority is None:
        return Refusal(status=400, reason="a URL whose host cannot be read in one way")
    host, port = authority
    if pinned is not None and authority != pinned:
        return Refusal(status=403, reason="another host than the tunnel's", host=host, port=port)
    if any(character <= " " or character in '\x7f"<>\\^`{|}#' for character in path):
        return Refusal(status=400, reason="a URL with characters that no URL has", host=host, port=port)
    hosts = [value for name, value in request.headers if name == b"host"]
    if hosts:
        said = split_authority(hosts[0].decode("latin-1").strip(), default_port=port)
        if len(hosts) > 1 or said != authority:
            return Refusal(status=400, reason="a Host header that names somebody else", host=host, port=port)
    return Target(host=host, port=port, path=path.encode("latin-1"))


def _split_path(rest: str) -> tuple[str, str]:
    cut = min((index for index in (rest.find("/"), rest.find("?")) if index >= 0), default=len(rest))
    path = rest[cut:]
    return rest[:cut], path if path.startswith("/") else f"/{path}"


def end_to_end(
    headers: Iterable[tuple[bytes, bytes]], *, drop: Iterable[bytes] = ()
) -> list[tuple[bytes, bytes]]:
    """The headers that travel on: without those of this hop, and without `drop`."""
    listed = list(headers)
    named = {
        word.strip().lower() for name, value in listed if name == b"connection" for word in value.split(b",")
    }
    gone = _HOP_BY_HOP | named | set(drop)
    return [(name, value) for name, value in listed if name not in gone]


def authority_text(host: str, port: int) -> str:
    """`host[:port]` as a Host header has it."""
    name = f"[{host}]" if ":" in host else host
    return name if port == 80 else f"{name}:{port}"
