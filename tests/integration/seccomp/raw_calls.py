#!/usr/bin/env python3
"""Runs inside the container: makes raw system calls and prints what the kernel, or the filter, answered.

    raw_calls.py CASES.json     [{"id": ..., "number": ..., "arguments": [...], "code": hex}, ...]

Prints {"id": answer}: "ok", the name of the errno, "exit N" or "signal N" if the call ended the process, or
"hangs". Every call is made in a process of its own. Needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import select
import signal
import sys
from pathlib import Path

SECONDS = 2.0


def syscall(number: int, arguments: list[int]) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a & (1 << 64) - 1) for a in arguments))
    if result == 0 and number in FORKS:
        os._exit(0)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "ok"


def machine_code(code: bytes) -> str:
    """Run `code` as a function that returns what a syscall returns."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    result = function()
    return "ok" if result >= 0 else errno.errorcode[-result]


def answer(case: dict[str, object]) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.setitimer(signal.ITIMER_REAL, SECONDS / 4)  # ends a call that waits for ever
        code = case.get("code")
        said = machine_code(bytes.fromhex(str(code))) if code else syscall(case["number"], case["arguments"])
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], SECONDS)
    if not ready:
        os.kill(child, signal.SIGKILL)
    said = os.read(reader, 64).decode() if ready else "hangs"
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if said:
        return said
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


cases = json.loads(Path(sys.argv[1]).read_text())
#: Calls that return twice: the second process must go at once.
FORKS = {case["number"] for case in cases if case["id"].split()[0] in ("fork", "clone")}
json.dump({case["id"]: answer(case) for case in cases}, sys.stdout)
