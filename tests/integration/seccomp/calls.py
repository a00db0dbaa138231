"""The raw system calls that the filter is asked about. They do no harm where they get through."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECCOMP = Path(__file__).resolve().parents[3] / "seccomp"
MACHINE = platform.machine()

#: No valid pointer, descriptor, process, flag or command: the kernel refuses it, but only after looking.
BAD = [-1] * 6

#: Where six times -1 would not tell a kernel's answer from a filter's.
ARGUMENTS = {
    "futex": [1, 1, 1, 0, 0, 0],  # an unaligned address; the operation -1 would give ENOSYS
    "modify_ldt": [0, 0, 0, 0, 0, 0],  # read nothing; the function -1 would give ENOSYS
}

#: vfork's child runs on its parent's stack, so it must not return: eax = 58; if in the child, exit(0).
VFORK = "b83a0000000f0585c07509b83c00000031ff0f05c3"

#: eax = getpid of the 32-bit table; int 0x80
INT80 = "b814000000cd80c3"

NEW = {
    "NEWNS": 0x00020000,
    "NEWCGROUP": 0x02000000,
    "NEWUTS": 0x04000000,
    "NEWIPC": 0x08000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
}
SIGCHLD = 17
HIGH = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One raw call, and whether our profile lets it through to the kernel."""

    id: str
    number: int = 0
    arguments: list[int]
    code: str = ""
    passes: bool
    refusal: str = "EPERM"

    def wire(self) -> dict[str, Any]:
        return {"id": self.id, "number": self.number, "arguments": self.arguments, "code": self.code}


def groups() -> dict[str, Any]:
    return tomllib.loads((SECCOMP / "syscalls.toml").read_text(encoding="utf-8"))


def numbers() -> dict[str, int]:
    """This machine's system calls."""
    column = ["x86_64", "aarch64"].index(MACHINE) + 1
    lines = [line.split() for line in (SECCOMP / "numbers.txt").read_text().splitlines() if line[:1] != "#"]
    return {fields[0]: int(fields[column]) for fields in lines if fields[column] != "-"}


def names(kind: str) -> list[str]:
    here = numbers()
    return [name for group in groups()[kind] for name in group["names"] if name in here]


def by_name() -> list[Call]:
    """Every system call that this architecture has and that is decided by its name alone."""
    table = numbers()
    decided = [("allow", True, ""), ("absent", False, "ENOSYS"), ("deny", False, "EPERM")]
    return [
        Call(
            id=name,
            number=table[name],
            arguments=ARGUMENTS.get(name, BAD),
            code=VFORK if name == "vfork" else "",
            passes=passes,
            refusal=refusal,
        )
        for kind, passes, refusal in decided
        for name in names(kind)
    ]


def by_argument() -> list[Call]:
    """The calls whose arguments are filtered: what must pass and what must not, also with high bits set."""
    table = numbers()
    rows: list[tuple[str, bool, list[int]]] = [
        ("socket AF_UNIX", True, [1, 1, 0]),
        ("socket AF_INET", True, [2, 1, 0]),
        ("socket AF_INET6", True, [10, 1, 0]),
        ("socket NETLINK_ROUTE", True, [16, 3, 0]),
        ("socket AF_UNIX, high bits", True, [HIGH | 1, 1, 0]),
        ("socket NETLINK_XFRM", False, [16, 3, 6]),
        ("socket NETLINK_XFRM, high bits", False, [16, 3, HIGH | 6]),
        ("socket NETLINK_AUDIT", False, [16, 3, 9]),
        ("socket NETLINK_NETFILTER", False, [16, 3, 12]),
        ("socket AF_PACKET", False, [17, 3, 0]),
        ("socket AF_ALG", False, [38, 5, 0]),
        ("socket AF_ALG, high bits", False, [HIGH | 38, 5, 0]),
        ("socket AF_VSOCK", False, [40, 1, 0]),
        ("socket AF_VSOCK, high bits", False, [HIGH | 40, 1, 0]),
        ("socket AF_UNSPEC", False, [0, 1, 0]),
        ("socketpair AF_UNIX", True, [1, 1, 0, -1]),
        ("socketpair AF_INET", False, [2, 1, 0, -1]),
        ("clone", True, [SIGCHLD, 0, 0, 0, 0]),
        *((f"clone {flag}", False, [SIGCHLD | value, 0, 0, 0, 0]) for flag, value in NEW.items()),
        *(
            (f"clone {flag}, high bits", False, [1 << 40 | SIGCHLD | value, 0, 0, 0, 0])
            for flag, value in NEW.items()
        ),
        ("personality ask", True, [0xFFFFFFFF]),
        ("personality ask, sign-extended", True, [-1]),
        ("personality normal", True, [0]),
        ("personality ADDR_NO_RANDOMIZE", False, [0x40000]),
        ("personality ADDR_NO_RANDOMIZE, high bits", False, [HIGH | 0x40000]),
        ("ioctl TCGETS", True, [-1, 0x5401]),
        ("ioctl TIOCGWINSZ", True, [-1, 0x5413]),
        ("ioctl FIONREAD", True, [-1, 0x541B]),
        ("ioctl TIOCGPTN, sign-extended", True, [-1, -0x7FFBABD0]),
        ("ioctl TIOCSTI", False, [-1, 0x5412]),
        ("ioctl TIOCSTI, high bits", False, [-1, HIGH | 0x5412]),
        ("ioctl TIOCLINUX", False, [-1, 0x541C]),
        ("ioctl TIOCSETD", False, [-1, 0x5423]),
        *_mknod_rows("mknodat", [-100, -1]),
        *(_mknod_rows("mknod", [-1]) if "mknod" in table else ()),
    ]
    return [
        Call(id=row, number=table[row.split()[0]], arguments=arguments, passes=passes)
        for row, passes, arguments in rows
    ]


def other_abis() -> list[Call]:
    """Ways to make a call by another table of numbers than the profile's. They end the process."""
    if MACHINE != "x86_64":
        return []
    return [
        Call(id="int 0x80", arguments=[], code=INT80, passes=False),
        Call(id="x32", number=0x40000000 | numbers()["getpid"], arguments=[], passes=False),
    ]


def _mknod_rows(name: str, before: list[int]) -> list[tuple[str, bool, list[int]]]:
    kinds = [("file", True, 0x8000), ("fifo", True, 0x1000), ("socket", True, 0xC000)]
    kinds += [("character device", False, 0x2000), ("block device", False, 0x6000)]
    return [
        *((f"{name} {kind}", passes, [*before, mode | 0o600, 0]) for kind, passes, mode in kinds),
        (f"{name} block device, high bits", False, [*before, HIGH | 0x6000 | 0o600, 0]),
    ]
