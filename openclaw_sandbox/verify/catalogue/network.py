"""What leaves the network namespace."""

from __future__ import annotations

from openclaw_sandbox.verify.catalogue.rows import Rows
from openclaw_sandbox.verify.model import Category, Probe, Severity

_C, _H, _M, _L, _I = Severity
_net = Rows(Category.NETWORK)
_NET = "docker.network"

NETWORK: tuple[Probe, ...] = (
    _net("net.ifaces", _H, "list interfaces", "there is a network", "gates", fix=_NET),
    _net("net.attached", _H, "list the networks it is on", "a network nobody chose", "gates", fix=_NET),
    _net("net.ports", _H, "compare published ports", "others reach the sandbox", fix="ports"),
    _net("net.names", _L, "compare host names and resolvers", "names that lie", fix="docker.extraHosts"),
    _net("net.routes", _H, "list routes", "there is a network", "gates", fix=_NET),
    _net("net.tcp-egress", _C, "three TCP connects", "data can leave", "gates", "slow", fix=_NET),
    _net("net.udp-egress", _H, "an empty datagram", "data can leave", "gates", fix=_NET),
    _net("net.dns", _I, "resolve a name", "weak on its own", "slow"),
    _net("net.dns-udp53", _H, "ask each resolver", "a tunnel through DNS", "gates", "slow", fix=_NET),
    _net("net.metadata", _C, "connect to cloud metadata", "cloud credentials", "gates", "slow", fix=_NET),
    _net("net.host-gateway", _C, "connect to a host's listener", "host services", "gates", "slow", fix=_NET),
    _net("net.host-loopback", _C, "connect to the host's loopback", "host services", "gates", fix=_NET),
    _net("net.abstract-unix", _C, "connect to a host's abstract socket", "host services", "gates", fix=_NET),
    _net("net.raw", _H, "make raw sockets", "forged packets", "gates", fix="docker.capDrop"),
    _net("net.ping-sock", _I, "make an ICMP socket", "none"),
)
