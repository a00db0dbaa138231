"""The host's interfaces, this process's own rights, and the limits it meets."""

from __future__ import annotations

import glob
import os
import re
import signal
import stat
import subprocess
import time
from typing import Dict, List

from openclaw_sandbox.verify.inside.kit import (
    FACTS,
    Answer,
    absent,
    blocked,
    call,
    can_create,
    error_name,
    first_bytes,
    found,
    in_child,
    is_open,
    judge_call,
    mounts,
    probe,
    status,
    text_of,
    writable_among,
)

_SYSCTLS = (
    *("kernel/core_pattern", "kernel/modprobe", "kernel/hotplug", "kernel/sysrq", "kernel/panic"),
    *("kernel/panic_on_oops", "kernel/randomize_va_space", "kernel/hostname", "kernel/domainname"),
    *("vm/overcommit_memory", "vm/drop_caches", "vm/panic_on_oom", "fs/suid_dumpable", "fs/file-max"),
    *("fs/binfmt_misc/register", "net/ipv4/ip_forward", "net/core/bpf_jit_enable"),
    "user/max_user_namespaces",
)
_PROC_FILES = (
    *("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/mtrr", "/proc/acpi/wakeup"),
    *("/proc/bus/pci/00/00.0", "/proc/timer_stats", "/proc/scsi/scsi"),
)
_SYS_FILES = (
    *("/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling"),
    *("/sys/power/state", "/sys/power/pm_test", "/sys/module/*/parameters/*", "/sys/class/net/lo/mtu"),
    *("/sys/block/*/queue/scheduler", "/sys/kernel/mm/ksm/run", "/sys/devices/system/cpu/cpu1/online"),
    "/sys/fs/cgroup/*/notify_on_release",
)
_MASKED = (
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/proc/interrupts"),
    "/sys/devices/virtual/powercap",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)


def _options() -> Dict[str, List[str]]:
    return {mount["target"]: mount["options"].split(",") for mount in mounts()}


@probe("hi.proc-sys-write")
def sysctls() -> Answer:
    return writable_among(["/proc/sys/" + name for name in _SYSCTLS])


@probe("hi.core-pattern")
def core_pattern() -> Answer:
    return writable_among(["/proc/sys/kernel/core_pattern"])


@probe("hi.sysrq")
def sysrq() -> Answer:
    return writable_among(["/proc/sysrq-trigger"])


@probe("hi.proc-misc-write")
def proc_files() -> Answer:
    return writable_among(_PROC_FILES)


@probe("hi.sys-write", 10.0)
def sys_files() -> Answer:
    return writable_among([path for pattern in _SYS_FILES for path in glob.glob(pattern)][:400])


@probe("hi.kcore")
def kcore() -> Answer:
    path = "/proc/kcore"
    if not os.path.lexists(path):
        return absent("this kernel has none")
    about = os.stat(path)
    if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0x103:
        return blocked("masked by /dev/null")
    try:
        data = first_bytes(path, 4)
    except OSError as error:
        return blocked("open: %s" % error_name(error.errno or 0))
    return is_open("%d bytes could be read and were dropped" % len(data)) if data else blocked("it is empty")


@probe("hi.masked-paths")
def masked_paths() -> Answer:
    covered = _options()
    present = [path for path in _MASKED if os.path.lexists(path)]
    return found([path for path in present if path not in covered], "%d paths are masked" % len(present))


@probe("hi.proc-readonly")
def read_only_paths() -> Answer:
    options = _options()
    present = [path for path in _READ_ONLY if os.path.lexists(path)]
    return found([path for path in present if "ro" not in options.get(path, [])], "all are read-only mounts")


@probe("hi.sys-ro")
def sys_is_read_only() -> Answer:
    options = _options().get("/sys")
    if options is None:
        return absent("/sys is not mounted")
    return blocked("/sys is mounted ro") if "ro" in options else is_open("/sys is mounted rw")


@probe("hi.cgroup-write")
def cgroup_write() -> Answer:
    top = "/sys/fs/cgroup"
    if not os.path.isdir(top):
        return absent("no cgroup mount")
    wide = []
    for folder in [top, *glob.glob(top + "/*")]:
        if not os.path.isdir(folder):
            continue
        new = os.path.join(folder, "oc-%s" % os.urandom(4).hex())
        try:
            os.mkdir(new)
            os.rmdir(new)
            wide.append(folder)
        except OSError:
            pass
    state, evidence, items = writable_among(
        [path + "/cgroup.procs" for path in [top, *glob.glob(top + "/*")]]
    )
    return found([*wide, *(items if state == "open" else [])], evidence)


@probe("hi.release-agent")
def release_agent() -> Answer:
    answer = writable_among(glob.glob("/sys/fs/cgroup/*/release_agent") + ["/sys/fs/cgroup/release_agent"])
    return answer if answer[0] == "open" else blocked("none can be opened for writing")


@probe("hi.cgroup-ns")
def cgroup_path() -> Answer:
    """A path that leads out of this process's own root shows the host's hierarchy."""
    lines = [line.split(":", 2) for line in text_of("/proc/self/cgroup").splitlines()]
    lines = [line for line in lines if len(line) == 3 and (line[1] == "memory" or line[0] == "0")]
    if not lines:
        return absent("no cgroup is told")
    return found([line[2] for line in lines if line[2] != "/"][:1], "the path is hidden")


@probe("hi.debugfs")
def debug_file_systems() -> Answer:
    folders = ("/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/sys/fs/bpf")
    return found([path for path in folders if _filled(path)], "all are empty")


def _filled(path: str) -> bool:
    try:
        return bool(os.listdir(path))
    except OSError:
        return False


@probe("hi.kallsyms")
def kernel_addresses() -> Answer:
    try:
        first = first_bytes("/proc/kallsyms", 64).split()
    except OSError as error:
        return blocked("open: %s" % error_name(error.errno or 0))
    if not first:
        return blocked("it is empty")
    return is_open("kernel addresses show") if first[0].strip(b"0") else blocked("the addresses are zero")


@probe("hi.dmesg")
def kernel_log() -> Answer:
    """SYSLOG_ACTION_SIZE_UNREAD: the right to read, not a byte of it; then the device."""
    answer = judge_call("syslog", call("syslog", 9, 0, 0))
    if answer[0] == "open":
        return is_open("the kernel's log can be read")
    try:
        os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        return blocked("syslog refused, /dev/kmsg: %s" % error_name(error.errno or 0))
    return is_open("/dev/kmsg can be read")


@probe("hi.kernel-info")
def kernel_version() -> Answer:
    return is_open("the kernel's version shows: %s" % os.uname().release)


@probe("hi.dmi")
def firmware_numbers() -> Answer:
    names = ("product_serial", "product_uuid", "board_serial", "chassis_serial")
    return found([name for name in names if _reads("/sys/class/dmi/id/" + name)], "no serial number shows")


def _reads(path: str) -> bool:
    try:
        return bool(first_bytes(path, 1))
    except OSError:
        return False


@probe("hi.host-counters")
def host_counters() -> Answer:
    cpus = text_of("/proc/cpuinfo").count("processor\t")
    return is_open("the host's memory, uptime and %d processors show" % cpus)


# ---- process and rights


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


@probe("ps.caps")
def capabilities() -> Answer:
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    wide = ["%s=%s" % (name, status(name)) for name in names if int(status(name) or "1", 16)]
    return found(wide, "all five sets are empty")


@probe("ps.bounding")
def bounding_set() -> Answer:
    value = status("CapBnd")
    return is_open("CapBnd is %s" % value) if int(value or "1", 16) else blocked("CapBnd is empty")


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


# ---- limits


@probe("ps.fork-limit", 20.0)
def fork_limit() -> Answer:
    """Sleepers up to 600; all of them end at once."""
    reader, writer = os.pipe()
    pids: List[int] = []
    error = ""
    while len(pids) < 600 and not error:
        try:
            pid = os.fork()
        except OSError as failure:
            error = error_name(failure.errno or 0)
            break
        if not pid:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        pids.append(pid)
    os.close(writer)
    for pid in pids:
        os.waitpid(pid, 0)
    return blocked("stopped at %d (%s)" % (len(pids), error)) if error else is_open("600 processes, no limit")


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
    targets = set(_options())
    for folder in ("/var/tmp", "/var/cache", "/opt", "/usr/local", "/home", "/"):
        inside = any(folder == t or folder.startswith(t + "/") for t in targets if t != "/")
        if not inside and os.path.isdir(folder) and can_create(folder):
            return _fill(folder, 96 << 20)
    return blocked("no folder of the image can be written")


@probe("rs.disk-workspace", 15.0)
def disk_workspace() -> Answer:
    folder = FACTS["workspace"]
    return _fill(folder, 96 << 20) if os.path.isdir(folder) else absent("no workspace")


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


@probe("rs.nproc")
def core_files() -> Answer:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return blocked("no core files") if hard == 0 else is_open("core files up to %d bytes (-1: any)" % hard)
