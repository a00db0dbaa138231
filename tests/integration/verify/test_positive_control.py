"""A probe that cannot fail proves nothing: in a container that holds nothing back nearly all stand open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.verify.model import Verdict
from tests.integration.verify.bench import bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.engine

#: An engine may lack a right itself, and may not give what it does not have.
_CAPABILITIES = (
    *("AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "FOWNER"),
    *("DAC_READ_SEARCH", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MKNOD"),
    *("NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG"),
    *("SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE"),
    *("SYS_RAWIO", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
)


def _mighty(body: dict[str, Any]) -> None:
    body["User"] = "0:0"
    body["Env"] = [*body["Env"], "EXAMPLE_API_KEY=octest"]
    host = body["HostConfig"]
    host |= {"CapDrop": [], "CapAdd": list(_CAPABILITIES), "ReadonlyRootfs": False, "Tmpfs": {}}
    host |= {"SecurityOpt": ["seccomp=unconfined"], "MaskedPaths": [], "ReadonlyPaths": [], "Init": False}
    host |= {"NetworkMode": "host", "PidMode": "host", "IpcMode": "host", "UTSMode": "host"}
    host |= {"CgroupnsMode": "host", "PidsLimit": 0, "Memory": 0, "MemorySwap": 0, "NanoCpus": 0}
    host |= {"ShmSize": 256 << 20, "Ulimits": [], "CgroupParent": "/octest", "OomKillDisable": True}
    host |= {"ExtraHosts": ["api.example:192.0.2.1"], "RestartPolicy": {"Name": "always"}}
    host |= {"LogConfig": {"Type": "json-file", "Config": {}}, "PublishAllPorts": True}
    host["Devices"] = [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "r"}]
    for source, target in (("/", "/host"), ("/var/run/docker.sock", "/var/run/docker.sock")):
        host["Mounts"].append({"Type": "bind", "Source": source, "Target": target, "ReadOnly": True})


#: Probes that may stay shut even there, and why. A machine on which more of them open is as good.
SHUT = {
    "the kernel may lack the feature": """
        hi.sysrq hi.kcore hi.debugfs hi.dmi sc.kexec_load sc.kexec_file_load sc.init_module sc.finit_module
        sc.delete_module sc.iopl sc.ioperm sc.lookup_dcookie sc.compat-ia32 sc.af-alg sc.af-vsock
        sc.memfd_secret sc.swapon sc.name_to_handle_at sc.tioclinux sc.seccomp-syscall net.ping-sock""",
    "only a privileged container opens it": "hi.sys-write hi.sys-ro hi.release-agent fs.proc1-root",
    "the image has nothing of the kind": "fs.suid-files ps.setuid-exec",
    "it is for those who are not root": "ps.setuid0",
    "a mutation of its own opens it": """
        fs.dotdot fs.workspace-parent ps.zombie-reaper cr.env-canary cr.files rs.nofile rs.nproc rs.ulimits
        fs.hidden hi.sysctls""",
    "a test of its own opens it": "fs.image ps.runtime",
    "the host itself may have no way there": "net.dns net.dns-udp53 net.tcp-egress net.metadata",
}


def test_nearly_every_probe_stands_open_where_nothing_is_held_back(
    octest_name: Callable[[str], str], image: str, tmp_path: Path
) -> None:
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify(_mighty)
    shut = {r.probe.id: r.evidence for r in report.results if r.verdict is not Verdict.OPEN}
    unexplained = set(shut) - {name for names in SHUT.values() for name in names.split()}
    assert {name: shut[name] for name in unexplained} == {}
    assert {r.probe.id: r.evidence for r in report.results if r.verdict is Verdict.ERROR} == {}
