"""The catalogue is complete, and every probe has something that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openclaw_sandbox.verify import testimony
from openclaw_sandbox.verify.catalogue import BY_ID, PROBES
from openclaw_sandbox.verify.inside import filesystem, interfaces, kit, limits, network, rights, syscalls
from openclaw_sandbox.verify.model import Severity
from openclaw_sandbox.verify.run import Request, chosen

#: Severity -> ids, as the reference catalogue has them.
REFERENCE = {
    Severity.CRITICAL: """
        fs.host-binds fs.canary-host fs.runtime-sockets fs.dev-nodes fs.dotdot fs.workspace-parent
        fs.proc1-root hi.proc-sys-write hi.core-pattern hi.sysrq hi.kcore hi.sys-write hi.release-agent
        hi.debugfs ps.pidns ps.ns-compare ps.seccomp-mode ps.setuid0 cr.files net.tcp-egress net.metadata
        net.host-gateway net.host-loopback net.abstract-unix sc.mount sc.mount-bind sc.umount sc.fsopen
        sc.open_tree sc.pivot_root sc.kexec_load sc.kexec_file_load sc.reboot sc.init_module
        sc.finit_module sc.open_by_handle_at sc.mknod-block-open""",
    Severity.HIGH: """
        fs.rootfs-ro fs.rootfs-write fs.sensitive-paths hi.proc-misc-write hi.proc-readonly hi.sys-ro
        hi.cgroup-write ps.uid ps.nnp ps.caps ps.bounding ps.setuid-exec ps.hidden-env cr.env-canary
        net.ifaces net.routes net.udp-egress net.dns-udp53 net.raw sc.af-alg sc.af-vsock sc.move_mount
        sc.unshare-user sc.unshare-user-mnt sc.unshare-net sc.unshare-mnt sc.clone-newuser
        sc.clone3-newuser sc.setns sc.bpf sc.perf_event_open sc.io_uring_setup sc.io_uring_enter
        sc.delete_module sc.settimeofday sc.adjtimex-write sc.swapon sc.iopl sc.ioperm sc.mknod-char
        ps.fork-limit rs.memory-limit rs.memory-alloc rs.pids-max""",
    Severity.MEDIUM: """
        fs.writable-mounts fs.tmp-flags fs.tmp-exec fs.tmp-exec-ldso fs.shm hi.masked-paths hi.kallsyms
        hi.dmesg ps.userns ps.zombie-reaper ps.lsm sc.socket-families sc.netlink sc.mount_setattr
        sc.chroot sc.pidfd_getfd sc.keyctl sc.add_key sc.request_key sc.userfaultfd sc.syslog sc.acct
        sc.fanotify_init sc.tiocsti sc.compat-ia32 rs.swap rs.cpu-quota rs.cpu-measured rs.disk-tmp
        rs.disk-shm rs.disk-rootfs rs.disk-workspace""",
    Severity.LOW: """
        fs.etc-shadow fs.suid-files hi.cgroup-ns hi.dmi ps.cgroupns sc.ptrace sc.process_vm_readv
        sc.process_madvise sc.kcmp sc.clock_settime sc.sethostname sc.quotactl sc.personality
        sc.modify_ldt sc.vmsplice sc.mbind sc.move_pages sc.lookup_dcookie sc.memfd_secret sc.tioclinux
        rs.tmp-inodes rs.nofile rs.nproc""",
    Severity.INFO: """
        fs.hostpath-in-mountinfo fs.tmp-script fs.memfd-exec fs.setuid-honoured hi.kernel-info
        hi.host-counters net.dns net.ping-sock sc.clone3 sc.aio sc.adjtimex-read sc.name_to_handle_at
        sc.mknod-fifo sc.landlock sc.seccomp-syscall""",
}
#: Beside the reference; RECORDED: only the engine's record tells.
BOTH = {Severity.LOW: "rs.ulimits"}
RECORDED = {
    Severity.CRITICAL: "ps.runtime",
    Severity.HIGH: "fs.hidden net.attached net.ports",
    Severity.MEDIUM: "fs.image hi.sysctls ps.oom rs.log",
    Severity.LOW: "net.names ps.restart rs.shares",
}
GATES = """
    fs.host-binds fs.canary-host fs.runtime-sockets fs.dev-nodes hi.proc-sys-write hi.core-pattern hi.kcore
    hi.release-agent ps.pidns ps.ns-compare ps.seccomp-mode net.ifaces net.routes net.tcp-egress
    net.udp-egress net.dns-udp53 net.metadata net.host-gateway net.host-loopback net.abstract-unix net.raw
    sc.mount sc.mount-bind sc.mount_setattr sc.pivot_root sc.open_by_handle_at sc.reboot sc.init_module
    sc.finit_module sc.delete_module sc.kexec_load sc.kexec_file_load sc.mknod-block-open"""


def by_id(table: dict[Severity, str]) -> dict[str, Severity]:
    return {name: severity for severity, names in table.items() for name in names.split()}


def test_every_probe_of_the_reference_is_there_with_its_severity() -> None:
    wanted = by_id(REFERENCE)
    assert len(wanted) == 151
    assert {probe.id: probe.severity for probe in PROBES} == {**wanted, **by_id(RECORDED), **by_id(BOTH)}


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(PROBES)


def test_what_must_gate_does() -> None:
    assert {name for name in GATES.split() if not BY_ID[name].gates} == set()


def test_every_probe_runs_inside_or_is_testified() -> None:
    modules = (filesystem, interfaces, limits, network, rights, syscalls)
    assert all(modules)
    assert set(kit._PROBES) == set(BY_ID) - set(by_id(RECORDED))
    assert set(by_id(RECORDED)) <= set(testimony._ACCOUNTS)


def test_every_judged_probe_names_a_setting() -> None:
    unnamed = {probe.id for probe in PROBES if not probe.setting and probe.severity is not Severity.INFO}
    assert unnamed == {"fs.suid-files", "rs.cpu-measured", "rs.tmp-inodes", "sc.tioclinux"}


def test_texts_are_short() -> None:
    assert [p.id for p in PROBES if len(p.attempted) > 50 or len(p.risk) > 45] == []


@pytest.mark.parametrize(("only", "wanted"), [(("net.",), 15), (("sc.mount", "ps.caps"), 4), (("x",), 0)])
def test_only(only: tuple[str, ...], wanted: int) -> None:
    assert len(chosen(Request(only=only))) == wanted


def test_quick_leaves_out_what_is_slow() -> None:
    quick = chosen(Request(quick=True))
    assert not any(probe.slow for probe in quick)
    assert len(quick) > 130


def test_no_call_number_is_used_twice() -> None:
    for column in (0, 1):
        numbers = [pair[column] for pair in kit.NUMBERS.values() if pair[column] >= 0]
        assert len(set(numbers)) == len(numbers)


def test_a_call_without_a_number_answers_enosys() -> None:
    assert kit.judge_call("fsopen", (-1, "ENOSYS")) == (
        "not-applicable",
        "fsopen: ENOSYS",
        ["ENOSYS:fsopen"],
    )


@pytest.mark.parametrize(
    ("result", "verdict"),
    [((0, ""), "open"), ((-1, "EINVAL"), "open"), ((-1, "EPERM"), "blocked"), ((-1, "EACCES"), "blocked")],
)
def test_an_error_behind_the_permission_is_open(result: tuple[int, str], verdict: str) -> None:
    assert kit.judge_call("reboot", result, ("EINVAL",))[0] == verdict


def test_no_program_writes_content_anywhere_but_its_own_answers() -> None:
    modules = (filesystem, interfaces, limits, network, rights, syscalls)
    sources = [Path(module.__file__ or "").read_text(encoding="utf-8") for module in modules]
    assert not re.findall(r"O_TRUNC|shutil|urllib|http\.client", "\n".join(sources))
