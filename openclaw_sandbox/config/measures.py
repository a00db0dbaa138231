"""The forms in which people write amounts, times, names and paths in config.yml, and what they become.

Each function takes a value whose type the schema has checked, and raises ValueError with a message for the
user.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.problems import nearest, shortened
from openclaw_sandbox.config.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Docker refuses less: the container's first process would not fit.
MIN_MEMORY_BYTES = 6 << 20
#: No kernel counts further in the files that hold these limits.
_MAX_COUNT = 2**31 - 1
_MAX_CPU = 8191

_COUNT = re.compile(r"[+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")
_DURATION = re.compile(
    r"((?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})) ?(ms|s|sec|m|min|h|d)?", re.IGNORECASE
)
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_CPU_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
_CAPABILITY = re.compile(r"[A-Z][A-Z0-9_]*")
_SYSCALL = re.compile(r"[a-z_][a-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ULIMIT_UNLIMITED = ("unlimited", "infinity", "-1")
_ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"),
    *("rtprio", "rttime", "sigpending", "stack"),
)
_LOOPBACK = ("127.0.0.1", "localhost")


def size(value: Any) -> int:
    """Bytes, more than none."""
    count = size_bytes(_finite(value))
    if count <= 0:
        raise ValueError("a size must be more than 0")
    return count


def memory(value: Any) -> int:
    """Bytes that a container can start with."""
    count = size(value)
    if count < MIN_MEMORY_BYTES:
        raise ValueError(f"{shortened(str(value))} is too little memory to start a container: at least 6m")
    return count


def swap(value: Any) -> int:
    """Memory plus swap in bytes; -1 without a limit."""
    return -1 if str(value).strip().lower() in ("-1", "unlimited") else memory(value)


def rate(value: Any) -> int:
    """Bytes per second."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.lower().endswith(("/s", "ps")):
        text = text[:-2]
    return size(text)


def count(minimum: int, maximum: int = _MAX_COUNT) -> Callable[[Any], int]:
    """A whole number between two bounds."""

    def read(value: Any) -> int:
        text = str(value).strip()
        if not _COUNT.fullmatch(text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}, found {_shown(value)}")
        return int(text)

    return read


def processors(value: Any) -> float:
    """How many processors' worth of time."""
    text = str(value).strip()
    if not _NUMBER.fullmatch(text) or float(text) < 0.01:
        raise ValueError(f"expected a number of processors such as 0.5 or 2, found {_shown(value)}")
    return float(text)


def duration(value: Any) -> float:
    """Seconds, more than none."""
    matched = _DURATION.fullmatch(str(_finite(value)).strip())
    seconds = float(matched[1]) * _SECONDS[(matched[2] or "").lower()] if matched else 0
    if seconds <= 0:
        raise ValueError(f'expected seconds, or a time such as "90s" or "5m", found {_shown(value)}')
    return int(seconds) if seconds == int(seconds) else seconds


def check_time(value: Any) -> float:
    """Seconds of a health check; engines count in milliseconds."""
    seconds = duration(value)
    if seconds < 0.001:
        raise ValueError(f"expected at least a millisecond, found {_shown(value)}")
    return seconds


def cpu_set(value: Any) -> list[int]:
    """Numbers of processors, sorted: `0,2-3`, one number, or a list of either."""
    parts = value if isinstance(value, list) else str(value).split(",")
    found: set[int] = set()
    for part in parts:
        matched = _CPU_RANGE.fullmatch(str(part).strip())
        first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (1, 0)
        if not first <= last <= _MAX_CPU:
            raise ValueError(f'expected processors such as "0,1" or "0-3", found {_shown(part)}')
        found.update(range(first, last + 1))
    if not found:
        raise ValueError('expected processors such as "0,1" or "0-3", found none')
    return sorted(found)


def capability(value: str) -> str:
    """A capability's name in capitals, without `CAP_`."""
    name = value.strip().upper().removeprefix("CAP_")
    if not _CAPABILITY.fullmatch(name):
        raise ValueError(f"expected the name of a capability such as NET_ADMIN, found {_shown(value)}")
    return name


def syscall(value: str) -> str:
    """A system call's name."""
    name = value.strip().lower()
    if not _SYSCALL.fullmatch(name):
        raise ValueError(f"expected the name of a system call such as ptrace, found {_shown(value)}")
    return name


def name(value: str) -> str:
    """A plain name: of a runtime, of a key."""
    if not _NAME.fullmatch(value.strip()):
        raise ValueError(f"expected a name of letters, digits, _, . and -, found {_shown(value)}")
    return value.strip()


def text(value: str) -> str:
    """One line that is not blank."""
    if not value.strip() or not value.isprintable():
        raise ValueError(f"expected a text of one line, found {_shown(value)}")
    return value.strip()


def host_text(value: str) -> str:
    """What may stand in a list of hosts; which hosts it means is judged by whoever asks the list."""
    if not value.strip() or any(char.isspace() or not char.isprintable() for char in value.strip()):
        raise ValueError(f"expected a host name or an address, found {_shown(value)}")
    return value.strip()


def container_path(value: str) -> str:
    """An absolute path that fits into a mount."""
    path = text(value)
    if not path.startswith("/") or ":" in path:
        raise ValueError(f'expected an absolute path without ":", found {_shown(value)}')
    return path


def host_path(home: str) -> Callable[[str], str]:
    """Reads an absolute path of this host; a leading `~` is `home`."""

    def read(value: str) -> str:
        path = text(value)
        if path == "~" or path.startswith("~/"):
            path = home + path[1:]
        return container_path(path)

    return read


def file_path(home: str) -> Callable[[str], str]:
    """Reads a profile's name or its path; a leading `~/` is `home`."""

    def read(value: str) -> str:
        path = text(value)
        return home + path[1:] if path.startswith("~/") else path

    return read


def ulimit_name(value: str) -> str:
    """A resource limit's name, as Docker knows it."""
    plain = value.strip().lower().removeprefix("rlimit_")
    if plain not in _ULIMITS:
        meant = nearest(plain, _ULIMITS)
        suggestion = f"; did you mean {meant}?" if meant else f": {', '.join(_ULIMITS)}"
        raise ValueError(f"{_shown(value)} is no resource limit{suggestion}")
    return plain


def ulimit(value: Any) -> Mapping[str, int]:
    """A soft and a hard value; -1 is unlimited. One number is both."""
    if isinstance(value, dict):
        given = [value[key] for key in ("soft", "hard") if key in value]
        soft, hard = value.get("soft", *given[-1:]), value.get("hard", *given[:1])
    else:
        parts = str(value).split(":")
        soft, hard = (parts[0], parts[-1]) if len(parts) < 3 else ("", "")
    pair = {"soft": _limit(soft, value), "hard": _limit(hard, value)}
    if pair["hard"] >= 0 and not 0 <= pair["soft"] <= pair["hard"]:
        raise ValueError(f"the soft limit is above the hard limit in {_shown(value)}")
    return pair


def _limit(part: Any, whole: Any) -> int:
    plain = str(part).strip().lower()
    if plain in _ULIMIT_UNLIMITED:
        return -1
    if not _COUNT.fullmatch(plain):
        raise ValueError(f'expected a limit such as 1024, "1024:2048" or "unlimited", found {_shown(whole)}')
    return int(plain)


def port(value: Any) -> Mapping[str, Any]:
    """A container port on this host's loopback: `8080`, `8080:80`, `127.0.0.1:8080:80/tcp`, or its parts.

    A host port of 0 takes a free one.
    """
    if isinstance(value, dict):
        value = f"{value.get('address', '127.0.0.1')}:{value.get('host', '')}:{value['container']}/" + str(
            value.get("protocol", "tcp")
        )
    found = _port_parts(str(value).strip())
    if found is None:
        raise ValueError(f'expected a port such as 8080 or "8080:80", found {_shown(value)}')
    address, host, container, protocol = found
    if address not in _LOOPBACK:
        raise ValueError(
            f"ports are published on 127.0.0.1 only, not on {shortened(address) or 'every address'}"
        )
    if not 1 <= container <= 65535 or host > 65535:
        raise ValueError(f"expected ports from 1 to 65535, found {_shown(value)}")
    return {"container": container, "host": host, "protocol": protocol}


def _port_parts(said: str) -> tuple[str, int, int, str] | None:
    """Address, host port (0: any), container port and protocol."""
    said, _, protocol = said.partition("/")
    ends = said.split(":")
    address = ":".join(ends[:-2]) if len(ends) > 2 else "127.0.0.1"
    host = ends[-2] if len(ends) > 1 else "0"
    numbers = [host or "0", ends[-1]]
    if protocol.lower() not in ("", "tcp", "udp", "sctp") or not all(map(_COUNT.fullmatch, numbers)):
        return None
    return address, int(numbers[0]), int(numbers[1]), protocol.lower() or "tcp"


def command(value: Any) -> list[str]:
    """A command as a list; one text is given to a shell."""
    words = ["sh", "-c", value] if isinstance(value, str) else list(value)
    if not words or not words[-1].strip() or any("\0" in word for word in words):
        raise ValueError("expected a command")
    return words


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"expected a finite number, found {value}")
    return value


def _shown(value: Any) -> str:
    return f'"{shortened(value)}"' if isinstance(value, str) else shortened(str(value))
