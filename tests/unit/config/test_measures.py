"""The forms in which people write things, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.config import measures

if TYPE_CHECKING:
    from collections.abc import Callable

MIB, GIB = 1 << 20, 1 << 30

HOST_PATH = measures.host_path("/h")


@pytest.mark.parametrize(
    ("read", "value", "result"),
    [
        (measures.size, "2gb", 2 * GIB),
        (measures.size, "2.5GB", 5 * GIB // 2),
        (measures.size, " 100m ", 100 * MIB),
        (measures.size, "1 GiB", GIB),
        (measures.size, 4096, 4096),
        (measures.memory, "6m", 6 * MIB),
        (measures.swap, "-1", -1),
        (measures.swap, -1, -1),
        (measures.swap, "unlimited", -1),
        (measures.swap, "1g", GIB),
        (measures.rate, "10mb", 10 * MIB),
        (measures.rate, "10MB/s", 10 * MIB),
        (measures.rate, "10mbps", 10 * MIB),
        (measures.rate, 1000, 1000),
        (measures.count(1), "1024", 1024),
        (measures.count(1), 1, 1),
        (measures.processors, "1", 1.0),
        (measures.processors, 0.5, 0.5),
        (measures.processors, " 1.5 ", 1.5),
        (measures.duration, 300, 300),
        (measures.duration, "300", 300),
        (measures.duration, 0.5, 0.5),
        (measures.duration, "5m", 300),
        (measures.duration, "1.5h", 5400),
        (measures.duration, "250ms", 0.25),
        (measures.duration, "90 sec", 90),
        (measures.duration, "1d", 86400),
        (measures.cpu_set, "0,1", [0, 1]),
        (measures.cpu_set, "3, 0-1", [0, 1, 3]),
        (measures.cpu_set, 2, [2]),
        (measures.cpu_set, [1, "0", "2-3"], [0, 1, 2, 3]),
        (measures.capability, "CAP_SYS_ADMIN", "SYS_ADMIN"),
        (measures.capability, " chown ", "CHOWN"),
        (measures.capability, "all", "ALL"),
        (measures.syscall, "PTRACE", "ptrace"),
        (measures.name, "kata-qemu.v2", "kata-qemu.v2"),
        (measures.text, " system_u:system_r:container_t:s0 ", "system_u:system_r:container_t:s0"),
        (measures.host_text, "*.example.com:443,8443", "*.example.com:443,8443"),
        (measures.container_path, "/data", "/data"),
        (HOST_PATH, "~/x", "/h/x"),
        (HOST_PATH, "~", "/h"),
        (HOST_PATH, "/x y", "/x y"),
        (measures.file_path("/h"), "~/s.json", "/h/s.json"),
        (measures.file_path("/h"), "docker-default", "docker-default"),
        (measures.ulimit_name, "RLIMIT_NOFILE", "nofile"),
        (measures.ulimit, 1024, {"soft": 1024, "hard": 1024}),
        (measures.ulimit, "1024:2048", {"soft": 1024, "hard": 2048}),
        (measures.ulimit, "unlimited", {"soft": -1, "hard": -1}),
        (measures.ulimit, "5:-1", {"soft": 5, "hard": -1}),
        (measures.ulimit, {"soft": 1, "hard": "2"}, {"soft": 1, "hard": 2}),
        (measures.ulimit, {"hard": 2}, {"soft": 2, "hard": 2}),
        (measures.ulimit, {"soft": 2}, {"soft": 2, "hard": 2}),
        (measures.port, 8080, {"container": 8080, "host": 0, "protocol": "tcp"}),
        (measures.port, "8080:80", {"container": 80, "host": 8080, "protocol": "tcp"}),
        (measures.port, "127.0.0.1:8080:80/UDP", {"container": 80, "host": 8080, "protocol": "udp"}),
        (measures.port, "localhost::80", {"container": 80, "host": 0, "protocol": "tcp"}),
        (measures.port, {"container": 80}, {"container": 80, "host": 0, "protocol": "tcp"}),
        (
            measures.port,
            {"container": "80", "host": 81, "protocol": "sctp", "address": "127.0.0.1"},
            {"container": 80, "host": 81, "protocol": "sctp"},
        ),
        (measures.command, "true && true", ["sh", "-c", "true && true"]),
        (measures.command, ["test", "-e", "/x"], ["test", "-e", "/x"]),
    ],
)
def test_read(read: Callable[[Any], Any], value: Any, result: Any) -> None:
    found = read(value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *(
            (measures.size, value)
            for value in ("", "x", "-1", 0, "0b", "1e9", float("nan"), float("inf"), "9" * 30)
        ),
        *((measures.memory, value) for value in ("5m", 1, "1kb")),
        *((measures.swap, value) for value in (-2, "1m")),
        *((measures.rate, value) for value in ("10mb/h", "/s", "ps")),
        *((measures.count(2, 9), value) for value in (1, 10, "1.5", "x", "", "-3", "9" * 40, "२")),
        *((measures.processors, value) for value in (0, "0.001", "x", "-1", "1e9", float("nan"), "1" * 12)),
        *((measures.duration, value) for value in (0, -5, "soon", "5 weeks", "1h30", float("inf"), "9" * 12)),
        *((measures.cpu_set, value) for value in ("", "a", "3-1", "0,,1", [], "9999", "-1", ["x"])),
        *((measures.capability, value) for value in ("", "CAP_", "CAP CHOWN", "CAP-X", "É")),
        *((measures.syscall, value) for value in ("", "a b", "ptrace;")),
        *((measures.name, value) for value in ("", "-x", "a b", "a/b", "../x")),
        *((measures.text, value) for value in ("", " ", "a\nb", "\x1b[0m")),
        *((measures.host_text, value) for value in ("", "a b", "a\tb")),
        *((measures.container_path, value) for value in ("", "x", "./x", "/a:b", "~/x", "/a\nb")),
        *((HOST_PATH, value) for value in ("x", "~x", "~/a:b")),
        *((measures.ulimit_name, value) for value in ("", "nofil", "x")),
        *(
            (measures.ulimit, value)
            for value in ("x", "5:3", "1:2:3", "", ":", -5, "-1:5", {"soft": 3, "hard": 2}, {})
        ),
        *(
            (measures.port, value)
            for value in (0, 65536, "80:", "a", "8080:80:90:1", "80/x", "1:99999", "99999:1", -1)
        ),
        *((measures.port, value) for value in ("0.0.0.0:80:80", ":80:80", "192.168.1.1:80:80", "[::]:80:80")),
        (measures.port, {"container": 80, "address": "0.0.0.0"}),
        *((measures.command, value) for value in ("", " ", [], ["a\0"])),
    ],
)
def test_refused(read: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        read(value)
    assert str(caught.value).isprintable()
