"""What leaves the network namespace. Connections are opened and closed; nothing is sent but one DNS question
to the sandbox's own resolver and one empty datagram."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from typing import Dict, List, Sequence, Tuple

from openclaw_sandbox.verify.inside.kit import (
    FACTS,
    Answer,
    absent,
    blocked,
    error_name,
    found,
    is_open,
    probe,
    text_of,
)

_PATIENCE_S = 2.0
Target = Tuple[str, int]


def _connect_all(targets: Sequence[Target]) -> Dict[Target, str]:
    """All at once. OK, TIMEOUT, or the error's name."""
    results: Dict[Target, str] = {}
    waiting: Dict[socket.socket, Target] = {}
    for target in targets:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        code = sock.connect_ex(target)
        if code == errno.EINPROGRESS:
            waiting[sock] = target
        else:
            results[target] = error_name(code) if code else "OK"
            sock.close()
    deadline = time.monotonic() + _PATIENCE_S
    while waiting and time.monotonic() < deadline:
        ready = select.select([], list(waiting), [], max(0.0, deadline - time.monotonic()))[1]
        for sock in ready:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            results[waiting.pop(sock)] = error_name(code) if code else "OK"
            sock.close()
    for sock, target in waiting.items():
        results[target] = "TIMEOUT"
        sock.close()
    return results


def _told(results: Dict[Target, str]) -> str:
    return " ".join("%s:%d=%s" % (host, port, what) for (host, port), what in sorted(results.items()))


def _leaves(targets: Sequence[Target]) -> Answer:
    """A time-out means that packets left and nobody answered: that is open too."""
    results = _connect_all(targets)
    through = [what for what in results.values() if what in ("OK", "ECONNREFUSED", "TIMEOUT", "EHOSTUNREACH")]
    return is_open("packets leave: " + _told(results)) if through else blocked(_told(results))


@probe("net.ifaces")
def interfaces() -> Answer:
    lines = text_of("/proc/net/dev").splitlines()[2:]
    names = [line.partition(":")[0].strip() for line in lines]
    return found([name for name in names if name and name != "lo"], "only lo")


@probe("net.routes")
def routes() -> Answer:
    lines = [line.split() for line in text_of("/proc/net/route").splitlines()[1:]]
    return found(["%s/%s" % (_ipv4(f[1]), f[0]) for f in lines if len(f) > 3], "no IPv4 route")


def _ipv4(text: str) -> str:
    return socket.inet_ntoa(struct.pack("<I", int(text, 16)))


@probe("net.tcp-egress")
def tcp_egress() -> Answer:
    return _leaves([("1.1.1.1", 443), ("8.8.8.8", 53), ("93.184.216.34", 80)])


@probe("net.metadata")
def metadata() -> Answer:
    """Connect only: nothing is asked."""
    return _leaves([(host, 80) for host in ("169.254.169.254", "168.63.129.16", "100.100.100.200")])


@probe("net.udp-egress")
def udp_egress() -> Answer:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        code = sock.connect_ex(("8.8.8.8", 9))
        if code:
            return blocked("no route: %s" % error_name(code))
        try:
            sock.send(b"")
        except OSError as error:
            return blocked("send: %s" % error_name(error.errno or 0))
    return is_open("an empty datagram left")


@probe("net.dns")
def names() -> Answer:
    """Weak on its own: a resolver that answers with an error looks like none."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            socket.getaddrinfo("example.com", 80)
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + 3
    done, code = os.waitpid(pid, os.WNOHANG)
    while not done and time.monotonic() < deadline:
        time.sleep(0.02)
        done, code = os.waitpid(pid, os.WNOHANG)
    if not done:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return is_open("a name was resolved") if done and code == 0 else blocked("no name was resolved")


@probe("net.dns-udp53")
def resolvers() -> Answer:
    """Whether any resolver of /etc/resolv.conf answers at all."""
    answers: List[str] = []
    question = struct.pack(">6H", 0x4F43, 0x0100, 1, 0, 0, 0) + b"\7example\3com\0" + struct.pack(">2H", 1, 1)
    servers = [
        line.split()[1] for line in text_of("/etc/resolv.conf").splitlines() if line.startswith("nameserver ")
    ]
    v4 = [server for server in servers if ":" not in server][:3]
    if not v4:
        return blocked("no resolver is configured")
    for server in v4:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((server, 53))
                sock.send(question)
                if select.select([sock], [], [], _PATIENCE_S / len(v4))[0]:
                    sock.recv(512)
                    answers.append(server)
            except OSError:
                continue
    return found(answers, "%d resolvers, no answer" % len(v4))


@probe("net.host-gateway")
def host_services() -> Answer:
    """The listener that the host opened for this; it confirms what it accepted."""
    gateways = [
        _ipv4(f[2])
        for f in (line.split() for line in text_of("/proc/net/route").splitlines()[1:])
        if len(f) > 2 and f[2] != "00000000"
    ]
    hosts = sorted({*gateways, *FACTS["host_ips"]})
    if not hosts:
        return blocked("there is no way to any address of the host")
    results = _connect_all([(host, FACTS["port"]) for host in hosts])
    through = [host for (host, _), what in results.items() if what == "OK"]
    return found(through, _told(results)[:300])


@probe("net.host-loopback")
def host_loopback() -> Answer:
    result = _connect_all([("127.0.0.1", FACTS["loopback_port"])])
    return is_open("the host's loopback answers") if "OK" in result.values() else blocked(_told(result))


@probe("net.abstract-unix")
def abstract_socket() -> Answer:
    if not FACTS["abstract"]:
        return absent("the host could not open an abstract socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PATIENCE_S)
        try:
            sock.connect("\0" + FACTS["abstract"])
        except OSError as error:
            return blocked("connect: %s" % error_name(error.errno or 0))
    return is_open("connected to the host's abstract socket")
