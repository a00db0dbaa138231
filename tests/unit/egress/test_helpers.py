"""The helpers' containers, their image, their network: what is decided about them."""

from __future__ import annotations

import ast
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.egress import image
from openclaw_sandbox.egress.host import host_proxy, parse_fib, parse_if_inet6
from openclaw_sandbox.egress.network import free_subnets, parse_routes
from openclaw_sandbox.egress.settings import (
    Caller,
    HostProxy,
    Limits,
    Settings,
    greeting,
    parse_greeting,
    parse_settings,
)
from openclaw_sandbox.egress.upstream import UnreachableError, proxy_for
from openclaw_sandbox.errors import EgressError
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(image.__file__).resolve().parent.parent

FIB = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
vpn0\t0000C70A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def imported(path: Path) -> Iterator[str]:
    """The modules that a file loads when it runs; what only type checkers read is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in guarded and node.module:
            yield node.module


def test_the_image_holds_all_that_its_modules_load() -> None:
    inside = {
        f"openclaw_sandbox/{name}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in image._INSIDE
    }
    for name in image._INSIDE:
        needed = {m for m in imported(PACKAGE / name) if m.startswith("openclaw_sandbox")}
        assert needed <= inside, f"{name} needs {needed - inside}"


def test_the_digest_is_stable_and_of_the_content() -> None:
    assert image.build_digest() == image.build_digest()
    assert image.build_digest().startswith("sha256:")
    assert "h11/__init__.py" in image._files()


def test_own_addresses() -> None:
    assert parse_fib(FIB) == {ip_address("127.0.0.1"), ip_address("192.0.2.2")}
    assert parse_fib("garbage") == frozenset()
    text = "fd000000000000000000000000000002 02 40 00 80 eth0\nnonsense\n"
    assert parse_if_inet6(text) == {ip_address("fd00::2")}


def test_routes_and_free_subnets() -> None:
    assert parse_routes(ROUTES) == [IPv4Network("172.17.0.0/16"), IPv4Network("10.199.0.0/16")]
    assert parse_routes("") == []
    candidates = [IPv4Network("10.199.213.0/24"), IPv4Network("10.200.213.0/24")]
    assert list(free_subnets(candidates, parse_routes(ROUTES))) == candidates[1:]


def test_settings_come_back() -> None:
    settings = Settings(
        policy=EgressPolicy(allow=(parse_rule("a.example:22", origin="f:1"),)),
        own_addresses=frozenset({ip_address("192.0.2.2"), ip_address("fd00::2")}),
        limits=Limits(connections=3),
        proxy=HostProxy(http="http://u:p@proxy.example:3128", exempt=("b.example",)),
    )
    assert parse_settings(settings.text()) == settings
    assert "u:p" not in repr(settings)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 2}', '{"format": 1}'])
def test_other_settings_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_settings(text)


def test_greetings() -> None:
    assert parse_greeting(greeting(Caller.CLIENT, "openclaw-sbx-a_1.b")) == (
        Caller.CLIENT,
        "openclaw-sbx-a_1.b",
    )
    for line in (b"", b"openclaw-egress/1 client \n", b"openclaw-egress/1 client a", b"GET / HTTP/1.1\r\n"):
        assert parse_greeting(line) is None


def test_the_hosts_proxy() -> None:
    env = {
        "https_proxy": "http://u:p%40@proxy.example:8080",
        "HTTP_PROXY": "proxy.example",
        "NO_PROXY": "b.c, .d.e",
    }
    settings = host_proxy(env)
    proxy = proxy_for(settings, "a.example", 443)
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.tls) == ("proxy.example", 8080, False)
    assert proxy.authorization == b"Basic dTpwQA=="
    plain = proxy_for(settings, "a.example", 80)
    assert plain is not None
    assert plain.port == 80
    for exempt in ("b.c", "x.b.c", "d.e", "x.d.e"):
        assert proxy_for(settings, exempt, 443) is None
    assert host_proxy({}) == HostProxy()
    assert proxy_for(host_proxy({"all_proxy": "http://p.example", "no_proxy": "*"}), "a.example", 443) is None


def test_http_on_another_port_takes_the_proxy_for_http() -> None:
    settings = host_proxy({"http_proxy": "http://plain.example:1", "https_proxy": "http://tls.example:2"})
    for port, plain, name in ((8080, True, "plain"), (8080, False, "tls"), (80, False, "plain")):
        proxy = proxy_for(settings, "a.example", port, plain=plain)
        assert proxy is not None
        assert proxy.host == f"{name}.example"


@pytest.mark.parametrize(
    ("entry", "host", "exempt"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3:8080", "10.1.2.3", True),
        ("2001:db8::/32", "2001:db8::7", True),
        ("[2001:db8::7]:443", "2001:db8::7", True),
        ("2001:db8::7", "2001:db8::8", False),
        (".2.3", "10.1.2.3", False),
        ("*.b.c", "a.b.c", True),
        ("b.c:443", "a.b.c", True),
        ("c", "abc", False),
    ],
)
def test_what_the_proxy_is_not_for(entry: str, host: str, exempt: bool) -> None:
    settings = host_proxy({"https_proxy": "http://p.example", "no_proxy": entry})
    assert (proxy_for(settings, host, 443) is None) is exempt


def test_a_proxy_that_no_gateway_reaches() -> None:
    with pytest.raises(EgressError, match="loopback"):
        host_proxy({"http_proxy": "http://127.0.0.1:3128"})


def test_a_proxy_of_another_kind() -> None:
    with pytest.raises(UnreachableError):
        proxy_for(HostProxy(https="socks5://p.example"), "a.example", 443)


def test_the_ca_file_of_an_https_proxy(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    assert host_proxy({"https_proxy": "https://p.example", "SSL_CERT_FILE": str(ca)}).ca == "PEM"
    assert host_proxy({"https_proxy": "http://p.example", "SSL_CERT_FILE": str(ca)}).ca == ""
    with pytest.raises(EgressError, match="cannot be read"):
        host_proxy({"https_proxy": "https://p.example", "SSL_CERT_FILE": str(tmp_path / "none")})
