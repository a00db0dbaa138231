"""What the capabilities that a policy keeps leave open. Pure.

A capability is a right of root inside; for other users it is only in the bounding set. But the filters that
engines bring let calls through by the container's capabilities, whoever makes them: then only the filter
stood between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.verify.capabilities import promised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.spec.model import ContainerSpec

#: Capability -> probes of calls that ask for no right, and that filters tie to it.
_BY_FILTER = {
    "SYS_ADMIN": """
        sc.unshare-user sc.unshare-user-mnt sc.clone-newuser sc.clone3-newuser sc.mount_setattr sc.bpf
        sc.perf_event_open sc.quotactl sc.lookup_dcookie""",
    "SYS_PTRACE": "sc.process_vm_readv sc.pidfd_getfd sc.process_madvise sc.kcmp",
    "SYS_TIME": "sc.clock_settime",
    "SYS_NICE": "sc.mbind sc.move_pages",
    "BPF": "sc.bpf",
    "PERFMON": "sc.perf_event_open",
}
#: Capability -> probes of calls that ask for it.
_BY_RIGHT = {
    "SYS_ADMIN": """
        sc.mount sc.mount-bind sc.umount sc.fsopen sc.open_tree sc.move_mount sc.pivot_root sc.unshare-net
        sc.unshare-mnt sc.setns sc.swapon sc.sethostname sc.fanotify_init sc.syslog hi.dmesg""",
    "SYSLOG": "sc.syslog hi.dmesg",
    "SYS_BOOT": "sc.reboot sc.kexec_load sc.kexec_file_load",
    "SYS_CHROOT": "sc.chroot",
    "SYS_MODULE": "sc.init_module sc.finit_module sc.delete_module",
    "SYS_PACCT": "sc.acct",
    "SYS_RAWIO": "sc.iopl sc.ioperm",
    "SYS_TIME": "sc.settimeofday sc.adjtimex-write",
    "DAC_READ_SEARCH": "sc.open_by_handle_at",
    "MKNOD": "sc.mknod-char sc.mknod-block-open",
}
#: The same for what no filter stands before.
_UNFILTERED = {
    "NET_RAW": "net.raw",
    "SETUID": "ps.setuid0",
    "SYSLOG": "hi.kallsyms",
    "SYS_ADMIN": "hi.proc-misc-write",
}


def left_open(spec: ContainerSpec, *, own_filter: bool) -> Iterator[tuple[str, str]]:
    """Probe and capability. `own_filter`: ours is in force, which no capability widens."""
    root = spec.user.partition(":")[0] in ("0", "root")
    tables = [_BY_FILTER] if not own_filter else []
    if root:
        tables += [_UNFILTERED] if own_filter else [_UNFILTERED, _BY_RIGHT]
    for table in tables:
        for capability in sorted(promised(spec) & set(table)):
            for name in table[capability].split():
                yield name, capability
