"""The host's interfaces, processes, rights and limits."""

from __future__ import annotations

from openclaw_sandbox.verify.catalogue.rows import Rows
from openclaw_sandbox.verify.model import Category, Probe, Severity

_C, _H, _M, _L, _I = Severity
_hi, _ps = Rows(Category.HOST_INTERFACE), Rows(Category.PROCESS)
_pr, _rs = Rows(Category.PRIVILEGE), Rows(Category.RESOURCE)
_PATHS, _CAPS, _USER, _MEM = "systempaths", "docker.capDrop", "docker.user", "docker.memory"
_PIDS, _CPUS, _TMPFS, _ULIMITS = "docker.pidsLimit", "docker.cpus", "docker.tmpfs", "docker.ulimits"

HOST_INTERFACE: tuple[Probe, ...] = (
    _hi("hi.proc-sys-write", _C, "open 18 sysctls for writing", "host settings", "gates", fix=_PATHS),
    _hi("hi.core-pattern", _C, "open core_pattern for writing", "root on the host", "gates", fix=_PATHS),
    _hi("hi.sysrq", _C, "open sysrq-trigger for writing", "the host can be rebooted", "gates", fix=_PATHS),
    _hi("hi.proc-misc-write", _H, "open hardware files of /proc", "the host's hardware", fix=_PATHS),
    _hi("hi.kcore", _C, "read 4 bytes of /proc/kcore", "kernel memory shows", "gates", fix=_PATHS),
    _hi("hi.masked-paths", _M, "look for 12 paths that engines mask", "the host's data shows", fix=_PATHS),
    _hi("hi.proc-readonly", _H, "look whether /proc's switches are ro", "the host's settings", fix=_PATHS),
    _hi(
        "hi.sys-write", _C, "open files of /sys for writing", "devices and kernel", "gates", fix="privileged"
    ),
    _hi("hi.sys-ro", _H, "look how /sys is mounted", "devices and kernel", fix="privileged"),
    _hi("hi.cgroup-write", _H, "make a cgroup, open cgroup.procs", "limits can be left", fix=_USER),
    _hi("hi.release-agent", _C, "open release_agent for writing", "root on the host", "gates", fix=_CAPS),
    _hi("hi.cgroup-ns", _L, "read the own cgroup's path", "the host's hierarchy shows", fix="cgroupns"),
    _hi("hi.debugfs", _C, "list debugfs, tracefs, bpffs", "kernel internals", "gates", fix="docker.binds"),
    _hi("hi.kallsyms", _M, "look for kernel addresses", "exploits get easier", fix=_CAPS),
    _hi("hi.dmesg", _M, "ask for the kernel's log", "the host's log shows", fix="docker.seccompProfile"),
    _hi("hi.kernel-info", _I, "read the kernel's version", "cannot be hidden by runc"),
    _hi("hi.dmi", _L, "read the machine's serial numbers", "the host is recognised", fix=_USER),
    _hi("hi.sysctls", _M, "look for sysctls of its own", "kernel settings nobody chose", fix="sysctls"),
    _hi("hi.host-counters", _I, "read memory, uptime, processors", "cannot be hidden by runc"),
)

PROCESS: tuple[Probe, ...] = (
    _ps("ps.pidns", _C, "look for processes of the host", "they can be seen and ended", "gates", fix="pid"),
    _ps("ps.ns-compare", _C, "compare namespaces with the host's", "one is shared", "gates", fix="pid"),
    _ps("ps.cgroupns", _L, "compare the cgroup namespace", "the host's hierarchy shows", fix="cgroupns"),
    _ps("ps.userns", _M, "look for a user namespace", "uids inside are host uids", fix="engine userns-remap"),
    _ps("ps.zombie-reaper", _M, "leave an orphan", "zombies use up the process limit", "slow", fix="init"),
    _ps("ps.runtime", _C, "compare the runtime", "a wall less", "gates", fix="runtime"),
    _ps(
        "ps.oom",
        _M,
        "look whether the kernel spares it",
        "the host's processes end first",
        fix="oom_score_adj",
    ),
    _ps("ps.restart", _L, "look at the restart policy", "it comes back by itself", fix="restart"),
)

PRIVILEGE: tuple[Probe, ...] = (
    _pr("ps.uid", _H, "look at user and groups", "root inside", fix=_USER),
    _pr("ps.nnp", _H, "look for no-new-privileges", "setuid raises rights", fix="docker.noNewPrivileges"),
    _pr("ps.caps", _H, "look at all five capability sets", "rights of root", fix=_CAPS),
    _pr("ps.bounding", _H, "look at the bounding set", "rights after a setuid exec", fix=_CAPS),
    _pr("ps.seccomp-mode", _C, "look for the filter", "any call", "gates", fix="docker.seccompProfile"),
    _pr("ps.lsm", _M, "look for an AppArmor or SELinux label", "one wall less", fix="docker.apparmorProfile"),
    _pr("ps.setuid-exec", _H, "start su, look at its user", "setuid works", fix="docker.noNewPrivileges"),
    _pr("ps.setuid0", _C, "setuid(0)", "root inside", fix=_CAPS),
)

RESOURCE: tuple[Probe, ...] = (
    _rs("ps.fork-limit", _H, "start 600 sleepers", "a fork bomb", "slow", "heavy", fix=_PIDS),
    _rs("rs.memory-limit", _H, "read the memory limit", "the host runs out", fix=_MEM),
    _rs(
        "rs.memory-alloc", _H, "take more memory than allowed", "the host runs out", "slow", "heavy", fix=_MEM
    ),
    _rs("rs.swap", _M, "read the swap limit", "as much again", fix="docker.memorySwap"),
    _rs("rs.pids-max", _H, "read the process limit", "a fork bomb", fix=_PIDS),
    _rs("rs.cpu-quota", _M, "read the processor quota", "the host starves", fix=_CPUS),
    _rs("rs.cpu-measured", _M, "two busy processes for half a second", "as above", "slow", "heavy"),
    _rs("rs.disk-tmp", _M, "fill /tmp beyond its size", "the host's memory", "heavy", fix=_TMPFS),
    _rs("rs.disk-shm", _M, "fill /dev/shm beyond its size", "memory", "heavy", fix="docker.shmSize"),
    _rs("rs.disk-rootfs", _M, "96 MiB in the image's tree", "the disk", "heavy", fix="docker.readOnlyRoot"),
    _rs("rs.disk-workspace", _M, "fill the workspace", "the disk", "heavy", fix="workspace_volume"),
    _rs("rs.tmp-inodes", _L, "count the inodes of /tmp", "none while the size is bounded"),
    _rs("rs.nofile", _L, "read the limit of open files", "the host's file table", fix=_ULIMITS),
    _rs("rs.nproc", _L, "read the limit of core files", "memory contents on disk", fix=_ULIMITS),
    _rs("rs.ulimits", _L, "compare all ulimits", "one process takes too much", fix=_ULIMITS),
    _rs(
        "rs.shares", _L, "compare shares, rates and cpusets", "the host is slowed down", fix="resource_limits"
    ),
    _rs("rs.log", _M, "look whether its log is bounded", "the host's disk", fix="log"),
)
