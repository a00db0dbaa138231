"""The limits this process meets. What is taken is given back at once."""

from __future__ import annotations

import os
import signal
import time
from typing import List

from openclaw_sandbox.verify.inside.kit import (
    FACTS,
    Answer,
    absent,
    blocked,
    can_create,
    error_name,
    found,
    in_child,
    is_open,
    mounts,
    probe,
    text_of,
)


@probe("ps.fork-limit", 20.0)
def fork_limit() -> Answer:
    """Sleepers up to 600, as threads: the limit counts them like processes, and they need little memory."""
    import threading

    threading.stack_size(1 << 16)
    over = threading.Event()
    sleepers: List[threading.Thread] = []
    refused = False
    while len(sleepers) < 600 and not refused:
        sleeper = threading.Thread(target=over.wait, daemon=True)
        try:
            sleeper.start()
            sleepers.append(sleeper)
        except RuntimeError:
            refused = True
    over.set()
    for sleeper in sleepers:
        sleeper.join()
    return blocked("stopped at %d" % len(sleepers)) if refused else is_open("600 processes, no limit")


def _cgroup(*names: str) -> str:
    for name in names:
        text = text_of("/sys/fs/cgroup/" + name).strip()
        if text:
            return text
    return ""


def _limit(what: str, value: str) -> Answer:
    if not value:
        return absent("%s: the cgroup does not show" % what)
    none = value.startswith(("max", "-1")) or (value.isdigit() and int(value) >= 1 << 60)
    return is_open("%s: no limit" % what) if none else blocked("%s: %s" % (what, value))


@probe("rs.memory-limit")
def memory_limit() -> Answer:
    return _limit("memory", _cgroup("memory/memory.limit_in_bytes", "memory.max"))


@probe("rs.pids-max")
def process_limit() -> Answer:
    return _limit("pids", _cgroup("pids/pids.max", "pids.max"))


@probe("rs.cpu-quota")
def processor_quota() -> Answer:
    return _limit("cpu", _cgroup("cpu/cpu.cfs_quota_us", "cpu.max"))


@probe("rs.swap")
def swap_limit() -> Answer:
    return _limit("swap", _cgroup("memory/memory.memsw.limit_in_bytes", "memory.swap.max"))


@probe("rs.memory-alloc", 25.0)
def memory_use() -> Answer:
    """A child takes more than it may; the kernel ends it."""
    size = FACTS["memory_attempt"]

    def take() -> int:
        held = [bytearray(b"x") * (1 << 24) for _ in range(size >> 24)]
        return 0 if held else 1

    code = in_child(take)
    if code == 0:
        return is_open("%d MiB were taken" % (size >> 20))
    killed = os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGKILL
    return blocked("%s below %d MiB" % ("killed" if killed else "refused", size >> 20))


@probe("rs.cpu-measured")
def processor_use() -> Answer:
    """Two busy children for half a second of their time."""
    before, started = os.times(), time.monotonic()

    def spin() -> None:
        end = started + 0.5
        while time.monotonic() < end:
            pass
        os._exit(0)

    pids = []
    for _ in range(2):
        pid = os.fork()
        if not pid:
            spin()
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return is_open("%.2f processors were used" % (used / (time.monotonic() - started)))


def _fill(folder: str, size: int) -> Answer:
    """Reserves blocks without writing them, and gives them back."""
    if not os.path.isdir(folder) or not can_create(folder):
        return blocked("%s cannot be written" % folder)
    path = os.path.join(folder, ".oc-%s" % os.urandom(6).hex())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        name = error_name(error.errno or 0)
        refused = name in ("ENOSPC", "EDQUOT", "EFBIG", "ENOMEM")
        return blocked("%s: %s" % (folder, name)) if refused else ("error", "%s: %s" % (folder, name), [])
    finally:
        os.close(descriptor)
        os.unlink(path)
    return is_open("%d MiB fit into %s" % (size >> 20, folder))


@probe("rs.disk-tmp", 15.0)
def disk_tmp() -> Answer:
    return _fill("/tmp", FACTS["tmp_attempt"])


@probe("rs.disk-shm", 15.0)
def disk_shm() -> Answer:
    return _fill("/dev/shm", FACTS["shm_bytes"] + (16 << 20))


@probe("rs.disk-rootfs", 15.0)
def disk_root() -> Answer:
    """Whatever of the image's own tree can be written; declared mounts are not it."""
    targets = {mount["target"] for mount in mounts()}
    for folder in ("/var/tmp", "/var/cache", "/opt", "/usr/local", "/home", "/"):
        inside = any(folder == t or folder.startswith(t + "/") for t in targets if t != "/")
        if not inside and os.path.isdir(folder) and can_create(folder):
            return _fill(folder, 96 << 20)
    return blocked("no folder of the image can be written")


@probe("rs.disk-workspace", 15.0)
def disk_workspace() -> Answer:
    folder = FACTS["workspace"]
    return _fill(folder, FACTS["workspace_attempt"]) if os.path.isdir(folder) else absent("no workspace")


@probe("rs.tmp-inodes")
def tmp_inodes() -> Answer:
    return is_open("%d inodes on /tmp" % os.statvfs("/tmp").f_files)


@probe("rs.nofile")
def open_files() -> Answer:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    promised = FACTS["nofile_hard"]
    over = promised and (hard > promised or hard < 0)
    return is_open("%d, promised %d" % (hard, promised)) if over else blocked("%d, at most %d" % (soft, hard))


@probe("rs.ulimits")
def all_ulimits() -> Answer:
    """The kernel's table of this process against the hard limits that the host was promised, by its names."""
    lines = text_of("/proc/self/limits").splitlines()[1:]
    hard = {line[:26].strip(): line[26:].split()[1] for line in lines if len(line[26:].split()) > 1}
    promised = FACTS["ulimits"]
    if not promised:
        return absent("the policy sets none")
    wide = [
        "%s=%s" % (name, hard.get(label, ""))
        for name, label, most in promised
        if most >= 0 and (hard.get(label) == "unlimited" or int(hard.get(label, "0")) > most)
    ]
    return found(wide, "all %d hold" % len(promised))


@probe("rs.nproc")
def core_files() -> Answer:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return blocked("no core files") if hard == 0 else is_open("core files up to %d bytes (-1: any)" % hard)
