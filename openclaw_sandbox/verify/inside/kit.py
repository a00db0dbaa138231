"""Runs every probe in a process of its own, inside the sandbox, and prints one JSON line for each.

Standard library only, Python 3.7 or newer. Nothing is sent anywhere, no content of any file is printed.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import platform
import select
import signal
import struct
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, Union

Answer = Tuple[str, str, List[str]]
Argument = Union[int, bytes, "ctypes.Array[ctypes.c_char]"]

#: What the host told this program; filled before the probes run.
FACTS: Dict[str, Any] = {}
_PROBES: Dict[str, Tuple[Callable[[], Answer], float]] = {}

#: System call -> number on x86_64, on aarch64; -1 where it does not exist.
NUMBERS = {
    **{"mount": (165, 40), "umount2": (166, 39), "fsopen": (430, 430), "open_tree": (428, 428)},
    **{"move_mount": (429, 429), "mount_setattr": (442, 442), "pivot_root": (155, 41), "chroot": (161, 51)},
    **{"unshare": (272, 97), "clone": (56, 220), "clone3": (435, 435), "setns": (308, 268)},
    **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438), "kcmp": (312, 272)},
    **{"process_madvise": (440, 440), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218)},
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_setup": (206, 0)},
    **{"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "kexec_load": (246, 104)},
    **{"kexec_file_load": (320, 294), "reboot": (169, 142), "init_module": (175, 105), "acct": (163, 89)},
    **{"finit_module": (313, 273), "delete_module": (176, 106), "settimeofday": (164, 170)},
    **{"clock_settime": (227, 112), "adjtimex": (159, 171), "open_by_handle_at": (304, 265)},
    **{
        "name_to_handle_at": (303, 264),
        "syslog": (103, 116),
        "swapon": (167, 224),
        "sethostname": (170, 161),
    },
    **{"quotactl": (179, 60), "iopl": (172, -1), "ioperm": (173, -1), "personality": (135, 92)},
    **{"modify_ldt": (154, -1), "fanotify_init": (300, 262), "landlock_create_ruleset": (444, 444)},
    **{"seccomp": (317, 277), "vmsplice": (278, 75), "mbind": (237, 235), "move_pages": (279, 239)},
    **{"lookup_dcookie": (212, 18), "memfd_secret": (447, 447), "mknodat": (259, 33), "setuid": (105, 146)},
    **{"ioctl": (16, 29), "socket": (41, 198), "memfd_create": (319, 279)},
}


def blocked(evidence: str) -> Answer:
    """The attempt was refused."""
    return "blocked", evidence, []


def is_open(evidence: str, items: Sequence[str] = ()) -> Answer:
    """The attempt succeeded."""
    return "open", evidence, list(items)


def absent(evidence: str) -> Answer:
    """There is nothing to attempt."""
    return "not-applicable", evidence, []


def found(items: Sequence[str], nothing: str) -> Answer:
    """Open with what was found, else blocked."""
    return is_open("%d: %s" % (len(items), " ".join(items[:6])), items) if items else blocked(nothing)


def probe(name: str, seconds: float = 6.0) -> Callable[[Callable[[], Answer]], Callable[[], Answer]]:
    """Registers a probe and the seconds after which it is killed."""

    def register(function: Callable[[], Answer]) -> Callable[[], Answer]:
        _PROBES[name] = (function, seconds)
        return function

    return register


def call(name: str, *arguments: Argument) -> Tuple[int, str]:
    """A raw system call: its result, and the name of the error or ''. ENOSYS: there is no such number.

    Raises RuntimeError on a machine whose numbers nobody wrote down: a guess would look like a refusal.
    """
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if column is None or struct.calcsize("P") != 8:
        raise RuntimeError("no system call numbers for %s" % platform.machine())
    number = NUMBERS[name][column]
    return raw_call(number, *arguments) if number >= 0 else (-1, "ENOSYS")


def raw_call(number: int, *arguments: Argument) -> Tuple[int, str]:
    """The same by number."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    words = [_word(argument) for argument in arguments]
    ctypes.set_errno(0)
    result = int(libc.syscall(ctypes.c_long(number), *words))
    return (result, "") if result != -1 else (-1, error_name(ctypes.get_errno()))


def _word(argument: Argument) -> Any:
    if isinstance(argument, int):
        return ctypes.c_ulong(argument & 0xFFFFFFFFFFFFFFFF)
    return ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.byref(argument)


def error_name(number: int) -> str:
    """EPERM for 1, and so on."""
    return errno.errorcode.get(number, "E%d" % number)


def judge_call(name: str, result: Tuple[int, str], reached: Sequence[str] = ()) -> Answer:
    """`reached`: errors with which the kernel answers only after it granted the right."""
    value, error = result
    if not error:
        return is_open("%s succeeded (%d)" % (name, value))
    if error in reached:
        return is_open("%s reached the kernel (%s)" % (name, error))
    if error == "ENOSYS":  # the host knows whether its kernel has the call: then it was the filter
        return "not-applicable", "%s: ENOSYS" % name, ["ENOSYS:" + name]
    return blocked("%s: %s" % (name, error))


def writable(path: str) -> str:
    """Opens for writing and closes; nothing is written or truncated. '' if that worked, else the error."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error_name(error.errno or 0)
    return ""


def writable_among(paths: Sequence[str]) -> Answer:
    """Which of the paths that exist can be opened for writing."""
    present = [path for path in paths if os.path.exists(path)]
    if not present:
        return absent("none of %d paths exists here" % len(paths))
    errors = {path: writable(path) for path in present}
    wide = [path for path, error in errors.items() if not error]
    kinds = sorted(set(errors.values()) - {""})
    return found(wide, "%d refused (%s)" % (len(present), ", ".join(kinds)))


def can_create(folder: str) -> bool:
    """Creates a file of a random name and removes it."""
    path = os.path.join(folder, ".oc-%s" % os.urandom(6).hex())
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError:
        return False
    os.unlink(path)
    return True


def first_bytes(path: str, size: int = 4096) -> bytes:
    """The beginning of a file; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def text_of(path: str) -> str:
    """A small text file of /proc or /etc; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def smallest_program() -> bytes:
    """A static program that ends with status 0: the image's own ones may be absent, scripts, or liars.

    Raises RuntimeError on another machine.
    """
    machines = {
        "x86_64": (62, b"\x31\xff\xb8\x3c\0\0\0\x0f\x05"),  # xor edi, edi; mov eax, 60; syscall
        "aarch64": (183, b"\0\0\x80\xd2\xa8\x0b\x80\xd2\x01\0\0\xd4"),  # mov x0, 0; mov x8, 93; svc 0
    }
    if platform.machine() not in machines:
        raise RuntimeError("no program for %s" % platform.machine())
    machine, code = machines[platform.machine()]
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    ident = b"\x7fELF\2\1\1" + bytes(9)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return head + segment + code


def mounts() -> Iterator[Dict[str, str]]:
    """The mounts of this process: target, options, root, type, source."""
    for line in text_of("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, behind = left.split(), right.split()
        if len(fields) >= 6 and len(behind) >= 2:
            target = fields[4].encode().decode("unicode_escape")
            yield {
                "root": fields[3],
                "target": target,
                "options": fields[5],
                "type": behind[0],
                "source": behind[1],
                "super": behind[2] if len(behind) > 2 else "",
            }


def status(field: str) -> str:
    """A field of this process's status."""
    for line in text_of("/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    return ""


def in_child(action: Callable[[], int]) -> int:
    """Runs it in a child of this process; its wait status."""
    pid = os.fork()
    if not pid:
        code = 99
        try:
            code = action()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def _run_one(name: str) -> Answer:
    function, seconds = _PROBES[name]
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        os.setpgid(0, 0)
        _answer_into(writer, function)
    os.close(writer)
    try:
        text = _read_until(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        _end_group(pid)
    code = os.waitpid(pid, 0)[1]
    if text is None:
        return "error", "no answer within %g s" % seconds, []
    if not text and os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGSYS:
        return blocked("the filter of system calls killed it (SIGSYS)")
    if not text:
        return "error", "the probe died with wait status %d" % code, []
    try:
        state, evidence, items = json.loads(text)
    except ValueError:
        return "error", "the probe's answer is garbled", []
    return state, evidence, items


def _answer_into(writer: int, function: Callable[[], Answer]) -> None:
    try:
        _be_the_first_to_go()
        answer = function()
    except OSError as error:
        answer = ("error", "%s: %s" % (error_name(error.errno or 0), error.filename or "probe"), [])
    except Exception as error:  # a probe that fails must say so, whatever went wrong
        answer = ("error", "%s: %s" % (type(error).__name__, error), [])
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(writer, data) :]
    os._exit(0)


def _be_the_first_to_go() -> None:
    """When memory runs out, the probe is ended and not what else lives here."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _read_until(reader: int, deadline: float) -> Union[bytes, None]:
    data = b""
    while True:
        left = deadline - time.monotonic()
        ready = select.select([reader], [], [], max(0.0, left))[0]
        if not ready:
            return None
        piece = os.read(reader, 65536)
        if not piece:
            return data
        data += piece


def _end_group(pid: int) -> None:
    """The child and what it left running; a zombie leader keeps the group's number until it is waited for."""
    time.sleep(0.0005)
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        return


def main(facts: Dict[str, Any]) -> None:
    """Runs the probes that the host asked for, in its order."""
    FACTS.update(facts)
    head = {
        "proof": hashlib.sha256(facts["nonce"].encode()).hexdigest(),
        "uid": os.getuid(),
        "bounding": status("CapBnd"),
        "seccomp": status("Seccomp"),
    }
    sys.stdout.write(json.dumps(head) + "\n")
    for name in facts["probes"]:
        if name in _PROBES:
            state, evidence, items = _run_one(name)
            line = {"id": name, "state": state, "evidence": evidence[:400], "items": items[:64]}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
