"""From a name to a connection: looked up once, dialled as it was judged, or by the host's own proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import h11

from openclaw_sandbox.egress.ends import Ends, connect
from openclaw_sandbox.egress.request import authority_text
from openclaw_sandbox.policy.addresses import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.egress.settings import HostProxy, Limits

#: Look-ups block a thread each, of which one sandbox gets a few: names whose servers never answer (and a rule
#: `*.suffix` allows as many as one likes) must not take the others' look-ups away.
_RESOLVERS = 32
_LOOK_UPS = 4
_pool = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")


class LookUps:
    """One sandbox's look-ups. `running` are those whose thread is not free again, asked for still or not."""

    def __init__(self) -> None:
        self.running = 0
        self._turns = asyncio.Semaphore(_LOOK_UPS)

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the system's resolver says. Waits for its turn, which ends when its thread does.

        Raises:
            OSError: the name does not resolve.
        """
        await self._turns.acquire()
        self.running += 1
        asking = asyncio.get_running_loop().run_in_executor(_pool, _look_up, host, port)
        asking.add_done_callback(self._over)
        return await asyncio.shield(asking)

    def _over(self, _asked: asyncio.Future[list[str]]) -> None:
        self.running -= 1
        self._turns.release()


class UnreachableError(Exception):
    """The host is allowed, and no connection came about. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyServer:
    """The host's own proxy. `authorization` is a header's value, or empty."""

    host: str
    port: int
    tls: bool
    authorization: bytes
    ca: str


def proxy_for(settings: HostProxy, host: str, port: int, *, plain: bool = False) -> ProxyServer | None:
    """The proxy that the host's own programs would use for this one. `plain`: for http://, on any port.

    Raises:
        UnreachableError: its URL cannot be used.
    """
    url = settings.http if plain or port == 80 else settings.https
    if not url or any(_exempt(entry, host) for entry in settings.exempt):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(parts.scheme)
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        return ProxyServer(
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 80),
            tls=parts.scheme == "https",
            authorization=b"Basic " + base64.b64encode(secret.encode()) if parts.username else b"",
            ca=settings.ca,
        )
    except ValueError:
        raise UnreachableError("the host's proxy setting is no http:// or https:// URL") from None


def _exempt(entry: str, host: str) -> bool:
    """An entry of NO_PROXY: a star, a host, a suffix with or without its dot, an address, a network."""
    name = entry.strip().lower()
    address = parse_address(host)
    if name == "*":
        return True
    if address is not None:
        name = name if name.count(":") > 1 else name.partition(":")[0]
        with contextlib.suppress(ValueError):
            return address in ip_network(name.partition("]")[0].removeprefix("["), strict=False)
        return False
    name = name.partition(":")[0].removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


async def resolve(host: str, port: int, *, timeout_s: float, look_ups: LookUps) -> tuple[Address, ...]:
    """The addresses of a normalised host, in the system's order. One look-up; its answer is what counts.

    Raises:
        UnreachableError: there is no such name, or no answer in time.
    """
    literal = parse_address(host)
    if literal is not None:
        return (literal,)
    try:
        async with asyncio.timeout(timeout_s):
            found = await look_ups.addresses(host, port)
    except TimeoutError:
        raise UnreachableError("its name was not resolved in time") from None
    except OSError as error:
        raise UnreachableError(f"its name does not resolve ({error.strerror or error})") from None
    addresses = [parse_address(item.partition("%")[0]) for item in found]
    return tuple(dict.fromkeys(address for address in addresses if address is not None))


def _look_up(host: str, port: int) -> list[str]:
    # The dot keeps the resolver from trying the name below a search domain.
    entries = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


async def dial(addresses: Sequence[Address], port: int, limits: Limits) -> Ends:
    """The first of the addresses that answers.

    Raises:
        UnreachableError: none does.
    """
    problem = "it has no address"
    for address in addresses:
        try:
            async with asyncio.timeout(limits.connect_s):
                return await connect(str(address), port)
        except TimeoutError:
            problem = f"{address} does not answer"
        except OSError as error:
            problem = f"{address}: {error.strerror or error}"
    raise UnreachableError(problem)


async def dial_proxy(proxy: ProxyServer, limits: Limits) -> Ends:
    """A connection to the host's proxy.

    Raises:
        UnreachableError: it does not answer, or its certificate is not trusted.
    """
    context: ssl.SSLContext | None = None
    try:
        if proxy.tls:
            context = ssl.create_default_context(cadata=proxy.ca or None)
        async with asyncio.timeout(limits.connect_s):
            return await connect(proxy.host, proxy.port, tls=context)
    except TimeoutError:
        raise UnreachableError("the host's proxy does not answer") from None
    except OSError as error:  # ssl.SSLError is one
        raise UnreachableError(f"the host's proxy: {error.strerror or error}") from None


async def tunnel_through(proxy: ProxyServer, host: str, port: int, limits: Limits) -> Ends:
    """A connection to `host` by CONNECT through the host's proxy.

    Raises:
        UnreachableError: the proxy is not there, or refuses.
    """
    ends = await dial_proxy(proxy, limits)
    authority = authority_text(host, port) if port != 80 else f"{authority_text(host, port)}:80"
    headers = [(b"host", authority.encode())]
    if proxy.authorization:
        headers.append((b"proxy-authorization", proxy.authorization))
    connection = h11.Connection(h11.CLIENT)
    ends.writer.write(
        connection.send(h11.Request(method=b"CONNECT", target=authority.encode(), headers=headers)) or b""
    )
    connection.send(h11.EndOfMessage())
    try:
        async with asyncio.timeout(limits.connect_s):
            connection.receive_data(await ends.reader.readuntil(b"\r\n\r\n"))
        answer = connection.next_event()
    except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError, h11.RemoteProtocolError) as error:
        ends.abort()
        raise UnreachableError(f"the host's proxy broke off ({type(error).__name__})") from None
    if not isinstance(answer, h11.Response) or answer.status_code // 100 != 2:
        ends.abort()
        status = getattr(answer, "status_code", "?")
        raise UnreachableError(f"the host's proxy refuses it (status {status})")
    return ends
