"""The host's interfaces: /proc, /sys, cgroups, the kernel's log. Files are opened, never written."""

from __future__ import annotations

import glob
import os
import stat
from typing import Dict, List

from openclaw_sandbox.verify.inside.kit import (
    Answer,
    absent,
    blocked,
    call,
    error_name,
    first_bytes,
    found,
    is_open,
    judge_call,
    mounts,
    probe,
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
