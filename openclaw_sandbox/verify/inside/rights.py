"""Namespaces, users, capabilities, the environment: what this process is and may become."""

from __future__ import annotations

import glob
import os
import re
import stat
import subprocess
import time
from typing import List

from openclaw_sandbox.verify.inside.kit import (
    FACTS,
    Answer,
    absent,
    blocked,
    call,
    found,
    in_child,
    is_open,
    judge_call,
    probe,
    status,
    text_of,
)

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)


def _inode(name: str) -> str:
    try:
        return os.readlink("/proc/self/ns/" + name)
    except OSError:
        return ""


@probe("ps.pidns")
def process_namespace() -> Answer:
    count = len(glob.glob("/proc/[0-9]*"))
    if text_of("/proc/2/comm").strip() == "kthreadd" or _inode("pid") == FACTS["host_ns"].get("pid"):
        return is_open("%d processes of the host show" % count)
    return blocked("own namespace, %d processes" % count)


@probe("ps.ns-compare")
def namespaces() -> Answer:
    names = ("pid", "net", "ipc", "uts", "mnt")
    shared = [name for name in names if _inode(name) and _inode(name) == FACTS["host_ns"].get(name)]
    return found(shared, "none of the five is the host's")


@probe("ps.cgroupns")
def cgroup_namespace() -> Answer:
    own = _inode("cgroup")
    if not own or not FACTS["host_ns"].get("cgroup"):
        return absent("no cgroup namespaces here")
    return is_open("it is the host's") if own == FACTS["host_ns"]["cgroup"] else blocked("own namespace")


@probe("ps.userns")
def user_namespace() -> Answer:
    fields = text_of("/proc/self/uid_map").split()
    if fields == ["0", "0", "4294967295"]:
        return is_open("uids inside are the host's uids")
    return blocked("uids are mapped: %s" % " ".join(fields[:6]))


@probe("ps.zombie-reaper")
def reaper() -> Answer:
    """An orphan that ends must not stay: zombies use up the process limit."""
    reader, writer = os.pipe()

    def leave_an_orphan() -> int:
        pid = os.fork()
        if not pid:
            time.sleep(0.1)
            os._exit(0)
        os.write(writer, b"%d" % pid)
        return 0

    in_child(leave_an_orphan)
    pid = int(os.read(reader, 32))
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        time.sleep(0.05)
        text = text_of("/proc/%d/stat" % pid)
        if not text:
            return blocked("the orphan was reaped")
    return is_open("an orphan stays as a zombie")


@probe("ps.uid")
def user() -> Answer:
    ids = {os.getuid(), os.geteuid()}
    groups = {os.getgid(), *os.getgroups()}
    roots = (["uid 0"] if 0 in ids else []) + (["gid 0"] if 0 in groups else [])
    return found(roots, "uid %d, groups %s" % (os.getuid(), sorted(groups)))


@probe("ps.nnp")
def no_new_privileges() -> Answer:
    value = status("NoNewPrivs")
    return blocked("NoNewPrivs is 1") if value == "1" else is_open("NoNewPrivs is %s" % (value or "unknown"))


def _named(mask: int) -> List[str]:
    """By the names that the host sent, in the kernel's order."""
    names = dict(enumerate(FACTS["capabilities"]))
    return [names.get(bit, "capability %d" % bit) for bit in range(mask.bit_length()) if mask >> bit & 1]


@probe("ps.caps")
def capabilities() -> Answer:
    together = 0
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        together |= int(status(name) or "1", 16)
    return found(_named(together), "all five sets are empty")


@probe("ps.bounding")
def bounding_set() -> Answer:
    return found(_named(int(status("CapBnd") or "1", 16)), "CapBnd is empty")


@probe("ps.seccomp-mode")
def seccomp_mode() -> Answer:
    value = status("Seccomp")
    return (
        blocked("a filter is in force") if value == "2" else is_open("Seccomp is %s" % (value or "unknown"))
    )


@probe("ps.lsm")
def mandatory_access() -> Answer:
    label = text_of("/proc/self/attr/current").strip().strip("\0")
    if not label or label.startswith("unconfined"):
        return is_open("no AppArmor or SELinux label")
    return blocked(label)


@probe("ps.setuid-exec")
def setuid_program() -> Answer:
    """Starts `su` with nothing to read, looks at its user, and ends it."""
    program = next((p for p in ("/usr/bin/su", "/bin/su") if _is_setuid(p)), "")
    if not program or os.geteuid() == 0:
        return absent("already root, or no setuid su in the image")
    child = subprocess.Popen(
        [program, "root", "-c", "true"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.2)
        lines = text_of("/proc/%d/status" % child.pid).splitlines()
        users = next((line.split() for line in lines if line.startswith("Uid:")), [])
    finally:
        child.kill()
        child.wait()
    if len(users) < 3:
        return "error", "su was gone before it could be seen", []
    return is_open("su ran as root") if users[2] == "0" else blocked("su ran as %s" % users[2])


def _is_setuid(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_ISUID)
    except OSError:
        return False


@probe("ps.setuid0")
def become_root() -> Answer:
    if os.getuid() == 0:
        return absent("already uid 0")
    return judge_call("setuid", call("setuid", 0))


# ---- credentials in the environment


@probe("ps.hidden-env")
def secret_names() -> Answer:
    own = set(os.environ)
    first = {entry.partition("=")[0] for entry in text_of("/proc/1/environ").split("\0") if entry}
    return found(sorted(name for name in own | first if _SECRET.search(name)), "no name looks like a secret")


@probe("cr.env-canary")
def host_environment() -> Answer:
    name = FACTS["env_canary"]
    return is_open("the host's environment was passed on") if name in os.environ else blocked("not inherited")
