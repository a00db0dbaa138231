"""The kernel's counters of one container, read on this host: what really happened, whatever the status says.

Works for cgroup v1 and v2, without root. A container's counters vanish with it, so a run samples them.
"""

from __future__ import annotations

from pathlib import Path

from openclaw_sandbox.dataclass import dataclass

_CGROUP = Path("/sys/fs/cgroup")
#: v1 marks "no limit" and absent values with numbers near 2**63.
_ABSURD = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Since the container's start; None where the kernel does not tell. Bytes and nanoseconds."""

    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    oom_kills: int | None = None
    forks_denied: int | None = None
    cpu_ns: int | None = None


class CounterReader:
    """Reads the counters of the container whose main process has this pid on the host."""

    def __init__(self, pid: int) -> None:
        self._folders = _folders(pid) if pid else {}

    def read(self) -> Counters | None:
        """The counters now; None if they cannot be read (any more)."""
        if not self._folders:
            return None
        unified = self._folders.get("")
        found = self._read_v2(unified) if unified is not None else self._read_v1()
        return found if found != Counters() else None

    def _read_v2(self, folder: Path) -> Counters:
        usec = _field(folder / "cpu.stat", "usage_usec")
        return Counters(
            memory_bytes=_number(folder / "memory.current"),
            memory_peak_bytes=_number(folder / "memory.peak"),
            oom_kills=_field(folder / "memory.events", "oom_kill"),
            forks_denied=_field(folder / "pids.events", "max"),
            cpu_ns=None if usec is None else usec * 1000,
        )

    def _read_v1(self) -> Counters:
        absent = Path("/nonexistent")
        memory = self._folders.get("memory", absent)
        return Counters(
            memory_bytes=_number(memory / "memory.usage_in_bytes"),
            memory_peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
            oom_kills=_field(memory / "memory.oom_control", "oom_kill"),
            forks_denied=_field(self._folders.get("pids", absent) / "pids.events", "max"),
            cpu_ns=_number(self._folders.get("cpuacct", absent) / "cpuacct.usage"),
        )


def _folders(pid: int) -> dict[str, Path]:
    """Controller -> folder; the key of v2's only hierarchy is empty, and absent where v1 controls."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = _CGROUP / controller / path.lstrip("/")
    if "memory" in found:
        found.pop("", None)
    return found


def member_pids(pid: int) -> list[int]:
    """The pids on this host of all processes in that process's container; none if they cannot be read."""
    folders = _folders(pid)
    folder = folders.get("pids") or folders.get("")
    try:
        return [] if folder is None else [int(word) for word in (folder / "cgroup.procs").read_text().split()]
    except (OSError, ValueError):
        return []


def _number(path: Path) -> int | None:
    try:
        value = int(path.read_text())
    except (OSError, ValueError):
        return None
    return value if value < _ABSURD else None


def _field(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        return None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one run used. `peak_is_exact`: False if an earlier peak was higher and we only sampled."""

    memory_peak_bytes: int | None = None
    peak_is_exact: bool = False
    cpu_ns: int | None = None
    oom_kills: int = 0
    forks_denied: int = 0


class Meter:
    """Samples a container's counters during a run; `usage` is the difference."""

    def __init__(self, pid: int) -> None:
        self._reader = CounterReader(pid)
        self._before = self._reader.read()
        self._last: Counters | None = None
        self._sampled_peak: int | None = None

    def sample(self) -> None:
        """Look once. Cheap: five small files."""
        found = self._reader.read()
        if found is None:
            return
        self._last = found
        if found.memory_bytes is not None:
            self._sampled_peak = max(self._sampled_peak or 0, found.memory_bytes)

    def usage(self) -> Usage:
        """What the run used, by the last look."""
        before, after = self._before, self._last
        if before is None or after is None:
            return Usage(memory_peak_bytes=self._sampled_peak)
        peak = after.memory_peak_bytes
        exact = peak is not None and peak > (before.memory_peak_bytes or 0)
        return Usage(
            memory_peak_bytes=peak if exact else self._sampled_peak,
            peak_is_exact=exact,
            cpu_ns=_grown(before.cpu_ns, after.cpu_ns),
            oom_kills=_grown(before.oom_kills, after.oom_kills) or 0,
            forks_denied=_grown(before.forks_denied, after.forks_denied) or 0,
        )


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)
