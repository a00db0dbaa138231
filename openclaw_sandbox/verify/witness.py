"""What this host's kernel says about a container's main process. No tool of the image takes part.

Everything is read from /proc and the cgroup tree. What may not be read (another user's process, hidden /proc)
is None: then only the sandbox's own word is left.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACES = ("pid", "net", "ipc", "uts", "mnt", "cgroup", "user")
_CGROUP = Path("/sys/fs/cgroup")
_STANDARD_DEVICES = frozenset({"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"})
_MAX_DEVICES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One line of a mount table."""

    target: str
    device: str  # "7:0"
    root: str
    options: frozenset[str]
    kind: str
    #: "shared": what is mounted below it appears on the other side too; "slave": what is mounted there, here.
    propagation: str
    super_options: Mapping[str, str]

    @property
    def writable(self) -> bool:
        """Whether the mount itself lets writes through."""
        return "ro" not in self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The cgroup's limits as the kernel holds them; the text of the file, None if there is no such file."""

    memory: str | None = None
    memory_swap: str | None = None
    pids: str | None = None
    cpu: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Facts about a container's main process. None: this user may not look."""

    pid: int
    status: Mapping[str, str] | None = None
    namespaces: Mapping[str, str] | None = None
    host_namespaces: Mapping[str, str]
    mounts: tuple[Mounted, ...] | None = None
    env_names: frozenset[str] | None = None
    ulimits: Mapping[str, str] | None = None  # "Max open files" -> hard limit
    interfaces: tuple[str, ...] | None = None
    routes: int | None = None
    label: str | None = None
    uid_map: str | None = None
    gid_map: str | None = None
    oom_score_adj: int | None = None
    devices: tuple[str, ...] | None = None
    cgroup: Limits


def look(pid: int) -> Witness:
    """Everything that can be seen of a process of this host. Never raises."""
    folder = Path(f"/proc/{pid}")
    status = _text(folder / "status")
    return Witness(
        pid=pid,
        status=parse_status(status) if status else None,
        namespaces=_namespaces(folder),
        host_namespaces=_namespaces(Path("/proc/self")) or {},
        mounts=_mounts(folder),
        env_names=_env_names(folder),
        ulimits=_ulimits(folder),
        interfaces=_interfaces(folder),
        routes=_routes(folder),
        label=_text(folder / "attr/current"),
        uid_map=_text(folder / "uid_map"),
        gid_map=_text(folder / "gid_map"),
        oom_score_adj=_number(folder / "oom_score_adj"),
        devices=_devices(folder / "root/dev"),
        cgroup=_limits(folder),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def parse_status(text: str) -> dict[str, str]:
    """/proc/PID/status as a mapping."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.lstrip("-").isdecimal() else None


def inner_id(text: str, ids: str | None) -> str:
    """A user or group as the container knows it, by its map: lines of inside, outside, count."""
    for line in (ids or "").splitlines():
        inside, outside, count = (int(field) for field in line.split())
        if outside <= int(text) < outside + count:
            return str(int(text) - outside + inside)
    return text


def _namespaces(folder: Path) -> dict[str, str] | None:
    try:
        return {name: str((folder / "ns" / name).readlink()) for name in NAMESPACES}
    except OSError:
        return None


def _mounts(folder: Path) -> tuple[Mounted, ...] | None:
    text = _text(folder / "mountinfo")
    return parse_mountinfo(text) if text else None


def parse_mountinfo(text: str) -> tuple[Mounted, ...]:
    """/proc/PID/mountinfo; a later mount on the same target hides the earlier one."""
    found: dict[str, Mounted] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, behind = left.split(), right.split()
        if len(fields) < 6 or not behind:
            continue
        target = _unescape(fields[4])
        found[target] = Mounted(
            target=target,
            device=fields[2],
            root=_unescape(fields[3]),
            options=frozenset(fields[5].split(",")),
            kind=behind[0],
            propagation=_propagation(fields[6:]),
            super_options=dict(_pair(part) for part in behind[-1].split(",")),
        )
    return tuple(found.values())


def _propagation(fields: list[str]) -> str:
    for mark, word in (("shared:", "shared"), ("master:", "slave")):
        if any(field.startswith(mark) for field in fields):
            return word
    return ""


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _unescape(text: str) -> str:
    """The kernel writes space, tab, newline and backslash in octal."""
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escape, character)
    return text


def _env_names(folder: Path) -> frozenset[str] | None:
    text = _text(folder / "environ")
    if text is None:
        return None
    return frozenset(entry.partition("=")[0] for entry in text.split("\0") if entry)


def _ulimits(folder: Path) -> dict[str, str] | None:
    text = _text(folder / "limits")
    return parse_limits(text) if text else None


def parse_limits(text: str) -> dict[str, str]:
    """/proc/PID/limits: the name and the hard limit."""
    found = {}
    for line in text.splitlines()[1:]:
        name, rest = line[:26].strip(), line[26:].split()
        if len(rest) >= 2:
            found[name] = rest[1]
    return found


def _interfaces(folder: Path) -> tuple[str, ...] | None:
    text = _text(folder / "net/dev")
    if text is None:
        return None
    names = (line.partition(":")[0].strip() for line in text.splitlines()[2:])
    return tuple(name for name in names if name and name != "lo")


def _routes(folder: Path) -> int | None:
    text = _text(folder / "net/route")
    return None if text is None else max(0, len(text.splitlines()) - 1)


def _devices(folder: Path) -> tuple[str, ...] | None:
    """Device nodes beyond the standard ones. Links are never followed: the tree belongs to the sandbox."""
    try:
        entries = sorted(os.listdir(folder))[:_MAX_DEVICES]  # noqa: PTH208  names only
        return tuple(f"/dev/{n}" for n in entries if n not in _STANDARD_DEVICES and _is_device(folder / n))
    except OSError:
        return None


def _is_device(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISBLK(mode) or stat.S_ISCHR(mode)


def _limits(folder: Path) -> Limits:
    folders = {}
    for line in (_text(folder / "cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            folders[name or number] = path.lstrip("/")
    if "memory" in folders or "pids" in folders:
        return Limits(
            memory=_value("memory", folders, "memory.limit_in_bytes"),
            memory_swap=_value("memory", folders, "memory.memsw.limit_in_bytes"),
            pids=_value("pids", folders, "pids.max"),
            cpu=_quota(folders),
        )
    unified = _CGROUP / folders.get("0", "nonexistent")
    return Limits(
        memory=_stripped(unified / "memory.max"),
        memory_swap=_stripped(unified / "memory.swap.max"),
        pids=_stripped(unified / "pids.max"),
        cpu=_stripped(unified / "cpu.max"),
    )


def _quota(folders: Mapping[str, str]) -> str | None:
    """As v2 writes it: microseconds, and the period that they are of."""
    quota, period = (_value("cpu", folders, f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return None if quota is None or period is None else f"{quota} {period}"


def _value(controller: str, folders: Mapping[str, str], name: str) -> str | None:
    return _stripped(_CGROUP / controller / folders.get(controller, "nonexistent") / name)


def _stripped(path: Path) -> str | None:
    text = _text(path)
    return None if text is None else text.strip()


def kernel_calls() -> frozenset[str] | None:
    """Names of the system calls that this kernel really has; None if it does not tell.

    A call that is only declared is a weak symbol.
    """
    text = _text(Path("/proc/kallsyms"))
    if not text:
        return None
    found = set()
    for line in text.splitlines():
        _, _, rest = line.partition(" ")
        if rest.startswith("T __") and "_sys_" in rest[:14]:
            found.add(rest.partition("_sys_")[2].partition("\t")[0])
    return frozenset(found) or None


def available_memory_bytes() -> int:
    """What this host can give away without swapping; 0 if it does not say."""
    for line in (_text(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
