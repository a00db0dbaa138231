"""What the daemon's own process may do: its hard resource limits bound those of every container it starts.

Only a process with CAP_SYS_RESOURCE may exceed them; a daemon in a restricted machine often lacks it, and
then refuses a container whose ulimit is higher than its own.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CAP_SYS_RESOURCE = 24

#: The ulimit's Docker name -> its line in /proc/PID/limits.
_LINES = {
    "core": "Max core file size",
    "cpu": "Max cpu time",
    "data": "Max data size",
    "fsize": "Max file size",
    "locks": "Max file locks",
    "memlock": "Max locked memory",
    "msgqueue": "Max msgqueue size",
    "nice": "Max nice priority",
    "nofile": "Max open files",
    "nproc": "Max processes",
    "rss": "Max resident set",
    "rtprio": "Max realtime priority",
    "rttime": "Max realtime timeout",
    "sigpending": "Max pending signals",
    "stack": "Max stack size",
}


def ulimit_ceilings(socket_path: str | None) -> Mapping[str, int]:
    """The hard limits that containers of the daemon behind this socket cannot exceed, by ulimit name.

    Empty where there are none, or where they cannot be known (another host, no permission, no /proc).
    """
    pid = daemon_pid(socket_path) if socket_path else 0
    if pid <= 1:  # 1: the socket was opened by an init system; its limits are not the daemon's
        return {}
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return {}
    return {} if _may_exceed(status) else parse_limits(limits)


def has_project_quota(folder: str) -> bool:
    """Whether a folder of this machine lies on xfs with project quotas: there overlay2 can bound a layer."""
    try:
        return parse_project_quota(Path("/proc/self/mountinfo").read_text(), folder)
    except OSError:
        return False


def parse_project_quota(mountinfo: str, folder: str) -> bool:
    """The same, from the text of /proc/PID/mountinfo: the last of the longest mount points above counts."""
    best, found = -1, False
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4]
        above = folder == point or folder.startswith(point.rstrip("/") + "/")
        if not above or len(point) < best:
            continue
        kind, _source, options = (*rest.split(), "", "", "")[:3]
        best = len(point)
        found = kind == "xfs" and bool({"prjquota", "pquota"} & set(options.split(",")))
    return found


def daemon_pid(socket_path: str) -> int:
    """The process that listens there, as the kernel knows it; 0 if it cannot be known."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(2)
            sock.connect(socket_path)
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return 0
    pid, _uid, _gid = struct.unpack("3i", credentials)
    return int(pid)


def _may_exceed(status: str) -> bool:
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)
    return True


def parse_limits(text: str) -> dict[str, int]:
    """The hard limits in /proc/PID/limits by ulimit name; unlimited ones are left out."""
    found = {}
    for line in text.splitlines():
        for name, words in _LINES.items():
            if line.startswith(f"{words} "):
                hard = line[len(words) :].split()[1]
                if hard.isdecimal():
                    found[name] = int(hard)
    return found
