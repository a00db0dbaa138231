"""System calls with arguments for which the kernel answers one error before and another after the permission.

Nothing takes effect: sizes are zero, descriptors are -1, names do not exist, flags are invalid.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import time
from typing import Dict, List, Tuple

from openclaw_sandbox.verify.inside.kit import (
    Answer,
    Argument,
    absent,
    blocked,
    call,
    error_name,
    found,
    in_child,
    is_open,
    judge_call,
    probe,
    raw_call,
    text_of,
)

_NOWHERE = b"/nonexistent-probe"
_NEWUSER, _NEWNS, _NEWNET, _NEWUTS = 0x10000000, 0x00020000, 0x40000000, 0x04000000
_HIGH = 1 << 32  # a filter that compares 64 bits misses it, the kernel drops it
_SIGCHLD = 17
_THIS_PROCESS_KEYRING = -3
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_X32 = 0x40000000

#: Probe -> the call, its arguments, and the errors that mean "the right was there".
CALLS: Dict[str, Tuple[str, Tuple[Argument, ...], Tuple[str, ...]]] = {
    "sc.mount": ("mount", (b"none", b"/tmp", b"nosuchfs", 0, 0), ("ENODEV",)),
    "sc.umount": ("umount2", (b"/etc", 0), ("EINVAL",)),
    "sc.move_mount": ("move_mount", (-1, b"", -1, b"", 0), ("EBADF", "ENOENT", "EINVAL")),
    "sc.mount_setattr": ("mount_setattr", (-100, b"/", 0xFFFF0000, b"\0" * 32, 32), ("EINVAL",)),
    "sc.pivot_root": ("pivot_root", (_NOWHERE, _NOWHERE), ("ENOENT",)),
    "sc.chroot": ("chroot", (b"/",), ()),
    "sc.unshare-user": ("unshare", (_NEWUSER,), ()),
    "sc.unshare-user-mnt": ("unshare", (_NEWUSER | _NEWNS,), ()),
    "sc.unshare-net": ("unshare", (_NEWNET,), ()),
    "sc.unshare-mnt": ("unshare", (_NEWNS,), ()),
    "sc.fsopen": ("fsopen", (b"tmpfs", 0), ("ENODEV",)),
    "sc.open_tree": ("open_tree", (-100, b"/", 1), ("EINVAL",)),
    "sc.pidfd_getfd": ("pidfd_getfd", (-1, 0, 0), ("EBADF",)),
    "sc.process_madvise": ("process_madvise", (-1, 0, 0, 0, 0), ("EBADF", "EINVAL")),
    "sc.keyctl": ("keyctl", (0, _THIS_PROCESS_KEYRING, 0), ("ENOKEY",)),
    "sc.add_key": ("add_key", (b"user", b"probe", b"", 0, _THIS_PROCESS_KEYRING), ("EINVAL", "ENOKEY")),
    "sc.request_key": ("request_key", (b"user", b"probe", 0, _THIS_PROCESS_KEYRING), ("ENOKEY",)),
    "sc.bpf": ("bpf", (0, 0, 1 << 20), ("E2BIG", "EFAULT", "EINVAL")),
    "sc.perf_event_open": ("perf_event_open", (0, 0, -1, -1, 0), ("EFAULT", "EINVAL", "E2BIG")),
    "sc.userfaultfd": ("userfaultfd", (0x40000001,), ("EINVAL",)),
    "sc.io_uring_setup": ("io_uring_setup", (1, 0), ("EFAULT", "EINVAL")),
    "sc.io_uring_enter": ("io_uring_enter", (-1, 0, 0, 0, 0, 0), ("EBADF", "EINVAL")),
    "sc.aio": ("io_setup", (1, 0), ("EFAULT", "EINVAL")),
    "sc.kexec_load": ("kexec_load", (0, 0, 0, 0xFFF0), ("EINVAL",)),
    "sc.kexec_file_load": ("kexec_file_load", (-1, -1, 0, b"", 0xFFFFFF00), ("EINVAL", "EBADF")),
    "sc.reboot": ("reboot", (0, 0, 0, 0), ("EINVAL",)),
    "sc.init_module": ("init_module", (0, 0, b""), ("ENOEXEC", "EFAULT", "EINVAL")),
    "sc.finit_module": ("finit_module", (-1, b"", 0), ("EBADF", "ENOEXEC")),
    "sc.delete_module": ("delete_module", (b"probe_no_such", 0x800), ("ENOENT",)),
    "sc.settimeofday": ("settimeofday", (0, struct.pack("ii", 10000, 0)), ("EINVAL",)),
    "sc.clock_settime": ("clock_settime", (0, struct.pack("qq", 0, -1)), ("EINVAL",)),
    "sc.syslog": ("syslog", (10, 0, 0), ()),
    "sc.swapon": ("swapon", (_NOWHERE, 0), ("ENOENT",)),
    "sc.acct": ("acct", (_NOWHERE,), ("ENOENT",)),
    "sc.sethostname": ("sethostname", (b"x", -1), ("EINVAL",)),
    "sc.quotactl": ("quotactl", (0x800007 << 8, _NOWHERE, 0, 0), ("ENOENT", "ENODEV", "EINVAL")),
    "sc.iopl": ("iopl", (0,), ()),
    "sc.ioperm": ("ioperm", (0x80, 1, 1), ()),
    "sc.modify_ldt": ("modify_ldt", (0, b"\0" * 16, 16), ()),
    "sc.fanotify_init": ("fanotify_init", (0, 0), ("EINVAL",)),
    "sc.landlock": ("landlock_create_ruleset", (0, 0, 1), ()),
    "sc.seccomp-syscall": ("seccomp", (2, 0, 0), ()),
    "sc.vmsplice": ("vmsplice", (-1, 0, 0, 0), ("EBADF",)),
    "sc.mbind": ("mbind", (0, 0, 99, 0, 0, 0), ("EINVAL",)),
    "sc.move_pages": ("move_pages", (0, 0, 0, 0, 0, 0), ("EINVAL",)),
    "sc.lookup_dcookie": ("lookup_dcookie", (0, 0, 0), ("EINVAL", "EFAULT")),
    "sc.memfd_secret": ("memfd_secret", (0x40,), ("EINVAL",)),
    "sc.clone3": ("clone3", (0, 0), ("EINVAL", "EFAULT")),
}


def _register(name: str, system_call: str, arguments: Tuple[Argument, ...], reached: Tuple[str, ...]) -> None:
    probe(name)(lambda: judge_call(system_call, call(system_call, *arguments), reached))


for _name, (_call, _arguments, _reached) in CALLS.items():
    _register(_name, _call, _arguments, _reached)


def _address(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)


@probe("sc.mount-bind")
def mount_bind() -> Answer:
    """Undone at once; it is in nobody else's namespace either."""
    result = call("mount", b"/etc", b"/tmp", 0, 0x1000, 0)
    if not result[1]:
        call("umount2", b"/tmp", 2)
    return judge_call("mount", result)


@probe("sc.clone-newuser")
def clone_newuser() -> Answer:
    answer = _cloned(_NEWUSER | _SIGCHLD)
    return answer if answer[0] == "open" else _cloned((1 << 40) | _NEWUSER | _SIGCHLD)


def _cloned(flags: int) -> Answer:
    pid, error = call("clone", flags, 0, 0, 0, 0)
    if not error and pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
    return judge_call("clone", (pid, error))


@probe("sc.clone3-newuser")
def clone3_newuser() -> Answer:
    arguments = struct.pack("8Q", _NEWUSER, 0, 0, 0, _SIGCHLD, 0, 0, 0)
    pid, error = call("clone3", arguments, 64)
    if not error and pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
    return judge_call("clone3", (pid, error))


@probe("sc.setns")
def setns() -> Answer:
    descriptor = os.open("/proc/self/ns/uts", os.O_RDONLY)
    return judge_call("setns", call("setns", descriptor, _NEWUTS))


@probe("sc.ptrace")
def ptrace() -> Answer:
    """Attaches to a child of its own, lets it go and ends it."""
    pid = os.fork()
    if not pid:
        time.sleep(5)
        os._exit(0)
    time.sleep(0.05)
    result = call("ptrace", 16, pid, 0, 0)
    if not result[1]:
        os.waitpid(pid, 0)
        call("ptrace", 17, pid, 0, 0)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return judge_call("ptrace", result)


@probe("sc.process_vm_readv")
def process_vm_readv() -> Answer:
    """Copies eight bytes of this very process."""
    source, target = ctypes.create_string_buffer(b"ownbytes", 8), ctypes.create_string_buffer(8)
    remote = struct.pack("QQ", _address(source), 8)
    local = struct.pack("QQ", _address(target), 8)
    return judge_call("process_vm_readv", call("process_vm_readv", os.getpid(), local, 1, remote, 1, 0))


@probe("sc.kcmp")
def kcmp() -> Answer:
    return judge_call("kcmp", call("kcmp", os.getpid(), os.getpid(), 0, 0, 0), ("EINVAL",))


@probe("sc.adjtimex-read")
def adjtimex_read() -> Answer:
    return judge_call("adjtimex", call("adjtimex", ctypes.create_string_buffer(208)))


@probe("sc.adjtimex-write")
def adjtimex_write() -> Answer:
    """A tick that no kernel takes: EINVAL comes after the check of the right."""
    buffer = ctypes.create_string_buffer(208)
    struct.pack_into("I", buffer, 0, 0x4000)
    struct.pack_into("q", buffer, 88, 1)
    return judge_call("adjtimex", call("adjtimex", buffer), ("EINVAL",))


@probe("sc.open_by_handle_at")
def open_by_handle_at() -> Answer:
    handle = struct.pack("Ii", 8, 1) + b"\0" * 8
    return judge_call("open_by_handle_at", call("open_by_handle_at", -100, handle, 0), ("ESTALE", "EINVAL"))


@probe("sc.name_to_handle_at")
def name_to_handle_at() -> Answer:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + b"\0" * 128, 136)
    mount = ctypes.create_string_buffer(8)
    return judge_call("name_to_handle_at", call("name_to_handle_at", -100, b"/", handle, mount, 0))


@probe("sc.personality")
def personality() -> Answer:
    """No address randomisation, for this probe's process alone; then the same beyond 32 bits."""
    result = call("personality", 0x0040000)
    return judge_call("personality", result if not result[1] else call("personality", _HIGH | 0x0040000))


# ---- device nodes


def _node(mode: int, device: int) -> Tuple[str, Tuple[int, str]]:
    path = "/tmp/.oc-%s" % os.urandom(6).hex()
    return path, call("mknodat", -100, path.encode(), mode, device)


def _without(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


@probe("sc.mknod-char")
def mknod_char() -> Answer:
    path, result = _node(0o020600, 0x103)
    _without(path)
    return judge_call("mknod", result)


@probe("sc.mknod-block-open")
def mknod_block_open() -> Answer:
    """A node for the host's disk; opened and closed, nothing is read."""
    major, minor = _host_disk()
    path, result = _node(0o060600, (major << 8) | minor)
    if result[1]:
        return judge_call("mknod", result)
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        return is_open("the host's disk %d:%d can be opened" % (major, minor))
    except OSError as error:
        return is_open("node %d:%d made, opening it: %s" % (major, minor, error_name(error.errno or 0)))
    finally:
        _without(path)


def _host_disk() -> Tuple[int, int]:
    for line in text_of("/proc/partitions").splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[3] in ("vda", "sda", "xvda", "nvme0n1"):
            return int(fields[0]), int(fields[1])
    return 254, 0


@probe("sc.mknod-fifo")
def mknod_fifo() -> Answer:
    path, result = _node(0o010600, 0)
    _without(path)
    return judge_call("mknod", result)


# ---- sockets

_FAMILIES = {
    **{"AX25": 3, "IPX": 4, "APPLETALK": 5, "X25": 9, "KEY": 15, "NETLINK": 16, "PACKET": 17, "RDS": 21},
    **{"LLC": 26, "CAN": 29, "TIPC": 30, "BLUETOOTH": 31, "RXRPC": 33, "PHONET": 35, "IEEE802154": 36},
    **{"ALG": 38, "NFC": 39, "VSOCK": 40, "KCM": 41, "QIPCRTR": 42, "SMC": 43, "XDP": 44, "MCTP": 45},
}
_NETLINK = {
    **{"ROUTE": 0, "SOCK_DIAG": 4, "XFRM": 6, "AUDIT": 9, "NETFILTER": 12, "KOBJECT_UEVENT": 15},
    **{"GENERIC": 16, "CRYPTO": 21},
}


def _socket(family: int, kind: int, protocol: int = 0) -> str:
    descriptor, error = call("socket", family, kind, protocol)
    if not error:
        os.close(descriptor)
    return error


@probe("sc.socket-families")
def socket_families() -> Answer:
    """What this kernel lacks is not counted; that the filter let the question through is told."""
    made: List[str] = []
    asked: List[str] = []
    for name, family in _FAMILIES.items():
        errors = [_socket(family, kind) for kind in (1, 2, 3, 5)]
        if "" in errors:
            made.append(name)
        elif set(errors) & {"EAFNOSUPPORT", "ESOCKTNOSUPPORT", "EPROTONOSUPPORT", "EINVAL", "ENODEV"}:
            asked.append(name)
    state, evidence, items = found(made, "no odd family could be made")
    told = (
        "%s; the kernel was asked for %d more that it lacks" % (evidence, len(asked)) if asked else evidence
    )
    return state, told, items


def _one_family(name: str, kind: int) -> Answer:
    number, error = _FAMILIES[name], ""
    for family in (number, _HIGH | number):
        error = _socket(family, kind)
        if not error:
            return is_open("socket(AF_%s) was made" % name)
        if error == "EAFNOSUPPORT":
            return is_open("the filter lets AF_%s through; this kernel has none" % name)
    return blocked("socket: %s" % error)


@probe("sc.af-alg")
def af_alg() -> Answer:
    return _one_family("ALG", 5)


@probe("sc.af-vsock")
def af_vsock() -> Answer:
    return _one_family("VSOCK", 1)


@probe("sc.netlink")
def netlink() -> Answer:
    made = [name for name, protocol in _NETLINK.items() if not _socket(16, 3, protocol)]
    return found(made, "no netlink socket")


# ---- terminals and other ABIs


@probe("sc.tiocsti")
def tiocsti() -> Answer:
    """Pushes one byte into a pseudo-terminal of its own, in a session of its own."""
    import fcntl
    import pty

    try:
        main, other = pty.openpty()
    except OSError as error:
        return absent("no pseudo-terminal: %s" % error_name(error.errno or 0))

    def attempt() -> int:
        os.setsid()
        fcntl.ioctl(other, 0x540E, 0)
        byte = ctypes.create_string_buffer(b"x", 1)
        for request in (_TIOCSTI, _HIGH | _TIOCSTI):
            error = call("ioctl", other, request, byte)[1]
            if not error or error == "EIO":  # EIO: the filter let it through, the kernel has it switched off
                return 10 if not error else 11
        return 12

    code = os.WEXITSTATUS(in_child(attempt))
    os.close(main)
    if code == 11:
        return is_open("the filter lets TIOCSTI through; dev.tty.legacy_tiocsti is 0")
    return is_open("TIOCSTI was accepted") if code == 10 else blocked("ioctl was refused")


@probe("sc.tioclinux")
def tioclinux() -> Answer:
    byte = ctypes.create_string_buffer(b"\x06", 1)
    return judge_call("ioctl", call("ioctl", 0, _TIOCLINUX, byte))


@probe("sc.compat-ia32")
def compat_ia32() -> Answer:
    """The x32 numbers of x86_64: a second way past filters that compare numbers."""
    if os.uname().machine != "x86_64":
        return absent("only x86_64 has it")
    result, error = raw_call(_X32 + 39)
    if error == "ENOSYS":
        return absent("this kernel has none")
    return is_open("the second ABI answers") if result > 0 else blocked("getpid: %s" % error)


@probe("net.raw")
def raw_sockets() -> Answer:
    wanted = {"inet": (2, 3, 1), "inet6": (10, 3, 58), "inet-tcp": (2, 3, 6), "packet": (17, 3, 0x300)}
    return found([name for name, args in wanted.items() if not _socket(*args)], "no raw socket")


@probe("net.ping-sock")
def ping_socket() -> Answer:
    error = _socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    return blocked("socket: %s" % error) if error else is_open("an ICMP socket without any right")
