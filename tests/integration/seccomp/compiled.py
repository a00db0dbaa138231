"""A profile compiled by the machine's own libseccomp, for any architecture, and run without a kernel.

The filter that the kernel would get is a small program over (number, architecture, arguments); running it
here shows what it decides on an architecture that this machine does not have.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
RET_ALLOW, RET_ERRNO, RET_KILL = 0x7FFF0000, 0x00050000, 0x00000000
MASKED_EQ = 7


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    for function in ("seccomp_release", "seccomp_arch_remove", "seccomp_arch_add", "seccomp_export_bpf"):
        getattr(library, function).argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison)
    ]  # fmt: skip
    return library


def compile_profile(profile: dict[str, Any], arch: str) -> tuple[list[tuple[int, int, int, int]], set[str]]:
    """The program, and the names that this libseccomp does not know (a runtime leaves them out)."""
    library = _library()
    default = _action(profile["defaultAction"], profile.get("defaultErrnoRet", 1))
    context = library.seccomp_init(default)
    unknown = set()
    try:
        _check(library.seccomp_arch_remove(context, library.seccomp_arch_native()))
        _check(library.seccomp_arch_add(context, AUDIT_ARCH[arch]))
        for rule in profile["syscalls"]:
            action = _action(rule["action"], rule.get("errnoRet", 1))
            for name in rule["names"] if action != default else ():
                number = library.seccomp_syscall_resolve_name(name.encode())
                if number == -1:
                    unknown.add(name)
                    continue
                conditions = [
                    _Comparison(c["index"], MASKED_EQ, c["value"], c["valueTwo"])
                    for c in rule.get("args", ())
                ]
                array = (_Comparison * len(conditions))(*conditions)
                _check(library.seccomp_rule_add_array(context, action, number, len(conditions), array))
        return _exported(library, context), unknown
    finally:
        library.seccomp_release(context)


def _action(name: str, errno: int) -> int:
    return RET_ALLOW if name == "SCMP_ACT_ALLOW" else RET_ERRNO | errno


def _check(status: int) -> None:
    assert status == 0, os.strerror(-status)


def _exported(library: ctypes.CDLL, context: int) -> list[tuple[int, int, int, int]]:
    with tempfile.TemporaryFile() as file:
        _check(library.seccomp_export_bpf(context, file.fileno()))
        file.seek(0)
        return list(struct.iter_unpack("<HBBI", file.read()))


def run(
    program: Sequence[tuple[int, int, int, int]], arch: str, number: int, arguments: Sequence[int]
) -> int:
    """What the filter returns: RET_ALLOW, RET_ERRNO | errno, or RET_KILL."""
    data = struct.pack("<iIQ6Q", number, AUDIT_ARCH[arch], 0, *(a & (1 << 64) - 1 for a in arguments))
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:  # load a word of the data
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:  # and
                accumulator &= operand
            case 0x05:  # jump
                at += operand
            case 0x15:  # jump if equal
                at += if_true if accumulator == operand else if_false
            case 0x25:  # jump if greater
                at += if_true if accumulator > operand else if_false
            case 0x35:  # jump if greater or equal
                at += if_true if accumulator >= operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"libseccomp emitted an unexpected instruction: {code:#x}")
