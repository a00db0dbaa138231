"""From which version on a known hole is closed, as data. Shipped, never fetched.

`fixed` names the first good release of each branch that got the fix. `only_if` says whom it concerns. `needs`
is what a process must reach inside a sandbox to use a hole of the kernel; the built-in profile refuses most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 11, 22)
STALE_AFTER_DAYS = 180


@dataclass(frozen=True, slots=True)
class Floor:
    """One hole. Versions are compared by their numbers."""

    cve: str
    fixed: tuple[str, ...]
    what: str
    only_if: str
    needs: str = ""


RUNC = (
    Floor("CVE-2019-5736", ("1.0.0",), "the host's runc binary can be overwritten", "root in a container"),
    Floor("CVE-2021-30465", ("1.0.0",), "a mount can land outside the root", "attackers start containers"),
    Floor("CVE-2022-29162", ("1.1.2",), "exec passes inheritable capabilities on", "exec --cap is used"),
    Floor("CVE-2023-27561", ("1.1.5",), "masks of /proc can be evaded", "attackers choose volumes"),
    Floor("CVE-2024-21626", ("1.1.12",), "a leaked descriptor leads to the host", "a foreign image runs"),
    Floor("CVE-2024-45310", ("1.1.14", "1.2.0"), "empty files on the host", "attackers share volumes"),
    Floor(
        "CVE-2025-31133",
        ("1.2.8", "1.3.3", "1.4.0"),
        "masked paths can be raced",
        "attackers start containers",
    ),
    Floor("CVE-2025-52565", ("1.2.8", "1.3.3", "1.4.0"), "/dev/console can be raced", "a terminal is given"),
    Floor(
        "CVE-2025-52881", ("1.2.8", "1.3.3", "1.4.0"), "writes to /proc can be led away", "mounts are shared"
    ),
    Floor(
        "CVE-2026-41579",
        ("1.3.6", "1.4.3", "1.5.0"),
        "a link in /dev misleads writes",
        "a foreign image runs",
    ),
)

CONTAINERD = (
    Floor(
        "CVE-2020-15257", ("1.3.9", "1.4.3"), "the shim's socket is reachable", "a container has host network"
    ),
    Floor("CVE-2022-23648", ("1.4.13", "1.5.10", "1.6.1"), "an image reads host files", "Kubernetes uses it"),
    Floor("CVE-2023-25173", ("1.5.18", "1.6.18"), "groups are set wrongly", "access depends on groups"),
    Floor(
        "CVE-2024-40635", ("1.6.38", "1.7.27", "2.0.4"), "a huge user number is root", "users are not numeric"
    ),
    Floor(
        "CVE-2024-25621",
        ("1.7.29", "2.0.7", "2.1.5", "2.2.0"),
        "wide folder modes",
        "the host has other users",
    ),
    Floor(
        "CVE-2026-53488",
        ("1.7.33", "2.0.10", "2.1.9", "2.2.5", "2.3.2"),
        "a label of an image runs a command",
        "Kubernetes or the restart monitor uses it",
    ),
)

DOCKER = (
    Floor("CVE-2019-14271", ("19.03.1",), "docker cp loads code of the container", "docker cp is used"),
    Floor("CVE-2021-41091", ("20.10.9",), "data folders are too open", "the host has other users"),
    Floor("CVE-2022-36109", ("20.10.18",), "groups are set wrongly", "access depends on groups"),
    Floor(
        "CVE-2024-24557",
        ("24.0.9", "25.0.2"),
        "the build cache can be poisoned",
        "the classic builder is used",
    ),
    Floor(
        "CVE-2024-29018",
        ("23.0.11", "25.0.5", "26.0.0"),
        "names leave internal networks",
        "a sandbox has an internal network and the host's resolver is on loopback",
    ),
    Floor(
        "CVE-2024-41110",
        ("23.0.15", "25.0.6", "26.1.5", "27.1.1"),
        "plugins can be evaded",
        "AuthZ plugins are used",
    ),
    Floor("CVE-2025-54410", ("25.0.13", "28.0.0"), "network isolation is lost", "firewalld reloads"),
    Floor("CVE-2026-34040", ("29.3.1",), "plugins can be evaded", "AuthZ plugins are used"),
    Floor("CVE-2026-41567", ("29.5.1",), "docker cp runs the container's programs", "docker cp is used"),
    Floor("CVE-2026-42306", ("29.5.1",), "docker cp can be misled", "docker cp is used with volumes"),
)

KERNEL = (
    Floor("CVE-2016-5195", ("4.4.26", "4.7.9", "4.8.3"), "write to read-only memory", "always", "nothing"),
    Floor(
        "CVE-2022-0185", ("5.4.173", "5.10.93", "5.15.16", "5.16.2"), "heap overflow", "namespaces", "userns"
    ),
    Floor(
        "CVE-2022-0847", ("5.10.102", "5.15.25", "5.16.11"), "write to read-only files", "always", "splice"
    ),
    Floor(
        "CVE-2022-0492",
        ("4.14.266", "4.19.229", "5.4.177", "5.10.97", "5.15.20", "5.16.6"),
        "escape by release_agent",
        "cgroup v1",
        "userns",
    ),
    Floor("CVE-2023-0386", ("5.15.91", "6.1.9"), "setuid through overlayfs", "namespaces", "userns"),
    Floor("CVE-2023-2598", ("6.3.2",), "memory beyond a buffer", "io_uring", "io_uring"),
    Floor(
        "CVE-2023-32233",
        ("4.14.315", "4.19.283", "5.4.243", "5.10.180", "5.15.111", "6.1.28", "6.2.15", "6.3.2"),
        "use after free in nf_tables",
        "namespaces",
        "userns",
    ),
    Floor(
        "CVE-2024-1086",
        ("4.19.307", "5.4.269", "5.10.210", "5.15.149", "6.1.76", "6.6.15", "6.7.3"),
        "use after free in nf_tables",
        "namespaces",
        "userns",
    ),
    Floor(
        "CVE-2026-31431",
        ("5.10.254", "5.15.204", "6.1.170", "6.6.137", "6.12.85", "6.18.22", "6.19.12", "7.0"),
        "write to read-only files",
        "AF_ALG sockets",
        "af_alg",
    ),
    Floor(
        "CVE-2026-43284",
        ("5.10.255", "5.15.206", "6.1.172", "6.6.138", "6.12.87", "6.18.28", "7.0.5"),
        "write to read-only files",
        "namespaces and IPsec",
        "userns",
    ),
    Floor(
        "CVE-2026-46300",
        ("5.10.257", "5.15.208", "6.1.174", "6.6.141", "6.12.91", "6.18.33", "7.0.10"),
        "write to read-only files",
        "IPsec and nf_tables",
        "userns",
    ),
)

#: What the built-in profile keeps a sandbox from.
REFUSED_BY_PROFILE = frozenset({"userns", "io_uring", "af_alg"})


def numbers(version: str) -> tuple[int, ...]:
    """The numbers at the front: "1.1.5+ds1-1" is (1, 1, 5); empty if there is none."""
    found = []
    for part in version.lstrip("v").split("."):
        digits = part[: next((i for i, c in enumerate(part) if not c.isdigit()), len(part))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)


def is_fixed(version: str, fixed: tuple[str, ...]) -> bool:
    """Whether a release holds the fix: its branch (the first two numbers) got it, or it is newer."""
    mine, early = _three(version), is_prerelease(version)
    floors = sorted(_three(floor) for floor in fixed)
    reached = [floor for floor in floors if mine > floor or (mine == floor and not early)]
    return floors[-1] in reached or any(mine[:2] == floor[:2] for floor in reached)


def _three(version: str) -> tuple[int, int, int]:
    padded = (*numbers(version), 0, 0, 0)
    return padded[0], padded[1], padded[2]


def is_prerelease(version: str) -> bool:
    """Such as 1.0.0-rc95: older than the release of its numbers."""
    return "-rc" in version or "~rc" in version or "-beta" in version
