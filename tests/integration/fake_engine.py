"""An engine at a real unix socket that does what it is told: mostly wrong."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: What a fault does with an open connection; it may read the request or not.
Fault = "Callable[[socket.socket], None]"


def reply(status: int, body: object = None, *, raw: bytes | None = None) -> bytes:
    """A whole answer; `raw` is a body that is no JSON."""
    content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(content),
        content,
    )


def frame(stream: int, data: bytes) -> bytes:
    """A frame of a multiplexed stream: 1 is stdout, 2 is stderr."""
    return struct.pack(">B3xI", stream, len(data)) + data


def read_request(connection: socket.socket) -> tuple[str, str, Any]:
    """Method, path without query, and the JSON body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
    return method, path.partition("?")[0], json.loads(body) if body else None


@contextlib.contextmanager
def serving(path: Path, handle: Callable[[socket.socket], None]) -> Iterator[None]:
    """Listen at `path`; each connection is handled in a thread of its own and then closed."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    path.chmod(0o666)
    over = threading.Event()

    def serve_one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            handle(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


# ---- faults


def answer(data: bytes) -> Callable[[socket.socket], None]:
    """Whatever is asked, these bytes, and the end."""

    def fault(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)

    return fault


def reset(_: socket.socket) -> None:
    """The request is never read: the kernel resets the connection."""
    time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    """Take the request, say nothing, keep the line open until the other side gives up."""
    while connection.recv(65536):
        pass


def drip(connection: socket.socket) -> None:
    """An answer that never ends and never pauses for long."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(600):
        connection.sendall(b" ")
        time.sleep(0.05)


# ---- an engine that works until it is told otherwise


IMAGE = {"Id": "sha256:" + "1" * 64, "Architecture": "amd64", "Config": {"Labels": {}}, "Size": 1}
CONTAINER = "c" * 64


@dataclass
class Scripted:
    """A small engine: `overrides` maps "METHOD /path" patterns to what answers instead."""

    overrides: dict[str, Callable[[socket.socket], None] | bytes] = field(default_factory=dict)
    stream: Callable[[socket.socket], None] = lambda connection: connection.sendall(frame(1, b"hello\n"))
    calls: list[str] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    running: bool = False
    exit_code: int = 0

    def __call__(self, connection: socket.socket) -> None:
        method, path, body = read_request(connection)
        call = f"{method} {path}"
        self.calls.append(call)
        for pattern, response in self.overrides.items():
            if re.fullmatch(pattern, call):
                if callable(response):
                    response(connection)
                else:
                    connection.sendall(response)
                return
        self._work(call, body, connection)

    def _work(self, call: str, body: Any, connection: socket.socket) -> None:
        for pattern, act in (
            (r"GET /images/.*/json", self._image),
            (r"POST /containers/create", self._create),
            (rf"POST /containers/{CONTAINER}/start", self._start),
            (rf"DELETE /containers/{CONTAINER}", self._remove),
            (r"POST /containers/[^/]*/exec", lambda _: reply(201, {"Id": "e" * 64})),
            (r"POST /containers/[^/]*/kill", lambda _: reply(204)),
            (r"GET /exec/.*/json", lambda _: reply(200, self._exec())),
            (r"GET /containers/json", lambda _: reply(200, [])),
            (r"GET /containers/.*/json", lambda _: self._inspect()),
            (r"GET /version", lambda _: reply(200, {"Version": "20.10.24", "ApiVersion": "1.41"})),
            (r"GET /info", lambda _: reply(200, INFO)),
        ):
            if re.fullmatch(pattern, call):
                connection.sendall(act(body))
                return
        if re.fullmatch(r"POST /exec/.*/start|POST /containers/.*/attach", call):
            connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            self.stream(connection)
            return
        connection.sendall(reply(404, {"message": f"page not found: {call}"}))

    def _image(self, _: Any) -> bytes:
        return reply(200, IMAGE)

    def _create(self, body: Any) -> bytes:
        self.created = body
        return reply(201, {"Id": CONTAINER, "Warnings": []})

    def _start(self, _: Any) -> bytes:
        self.running = True
        return reply(204)

    def _remove(self, _: Any) -> bytes:
        self.created, self.running = {}, False
        return reply(204)

    def _exec(self) -> dict[str, Any]:
        return {"Running": False, "ExitCode": self.exit_code, "Pid": 4711}

    def _inspect(self) -> bytes:
        if not self.created:
            return reply(404, {"message": "No such container"})
        return reply(
            200,
            {
                "Id": CONTAINER,
                "Name": "/sandbox",
                "Image": IMAGE["Id"],
                "Created": "2026-01-01T00:00:00Z",
                "State": {"Status": "running" if self.running else "created", "Pid": 0},
                "Config": {"Image": self.created["Image"], "Labels": self.created["Labels"]},
                "HostConfig": {},
                "Mounts": [],
            },
        )


INFO = {
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "Driver": "overlay2",
    "NCPU": 2,
    "MemTotal": 8 << 30,
    "SecurityOptions": ["name=seccomp,profile=default"],
    "Runtimes": {"runc": {}},
    "DefaultRuntime": "runc",
    **dict.fromkeys(["MemoryLimit", "SwapLimit", "PidsLimit", "CpuCfsQuota", "CPUShares", "CPUSet"], True),
}
