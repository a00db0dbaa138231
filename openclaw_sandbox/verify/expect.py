"""What the policy promises about each probe. Pure.

A probe is promised to be blocked unless the policy, or the engine it runs on, says otherwise; then the reason
is part of the promise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.environment import looks_secret
from openclaw_sandbox.verify import capabilities
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.model import Expectation, Expected, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.engine.base import EngineInfo
    from openclaw_sandbox.spec.model import ContainerSpec

#: Not judged although they matter: there is no promise to hold them against.
_UNJUDGED = frozenset({"fs.suid-files", "rs.cpu-measured", "rs.tmp-inodes", "sc.tioclinux"})
_ACCESS = "workspaceAccess"
_SHM_LIMIT = 64 << 20
_NETWORKED = (
    *("net.ifaces", "net.routes", "net.tcp-egress", "net.udp-egress", "net.dns-udp53", "net.metadata"),
    "net.host-gateway",
)
#: Where engines put the init they bring; /sbin may be a link.
_INIT = frozenset({"/sbin/docker-init:ro", "/usr/sbin/docker-init:ro", "/dev/init:ro", "/run/podman-init:ro"})
_ENGINE_WRITABLE = frozenset({"/dev/shm", "/dev/mqueue"})
_WRITABLE_FOR_ROOT = frozenset({"/dev", "/sys/fs/cgroup"})  # small file systems of the container's own
#: Probe -> the call whose name in a profile decides it, where that is not the probe's own name.
_CALL_OF = {
    **{"sc.af-alg": "socket", "sc.af-vsock": "socket", "sc.umount": "umount2", "sc.tiocsti": "ioctl"},
    **{"sc.io_uring_enter": "io_uring_enter", "sc.personality": "personality"},
}
#: Capability -> whether only root inside has it, whether our filter refuses the calls all the same, probes.
#: The others that matter no policy can keep. Engines' filters let calls through by the container's
#: capabilities, whoever makes them.
_BY_CAPABILITY = {
    "MKNOD": (True, True, ("sc.mknod-char", "sc.mknod-block-open")),
    "NET_RAW": (True, False, ("net.raw",)),
    "SETUID": (True, False, ("ps.setuid0",)),
    "SYS_CHROOT": (True, True, ("sc.chroot",)),
    "SYS_NICE": (False, True, ("sc.mbind", "sc.move_pages")),
    "SYS_PACCT": (True, True, ("sc.acct",)),
}
#: What only a filter can refuse: no capability is asked for.
_FILTER_ONLY = (
    *("sc.af-alg", "sc.af-vsock", "sc.ptrace", "sc.process_vm_readv", "sc.process_madvise", "sc.kcmp"),
    *("sc.keyctl", "sc.add_key", "sc.request_key", "sc.userfaultfd", "sc.io_uring_setup"),
    *("sc.io_uring_enter", "sc.personality", "sc.modify_ldt", "sc.vmsplice", "sc.mbind", "sc.move_pages"),
    *("sc.lookup_dcookie", "sc.memfd_secret", "sc.tiocsti", "sc.mount_setattr", "sc.clock_settime"),
    *("sc.quotactl", "sc.pidfd_getfd", "sc.bpf", "sc.perf_event_open"),
)
#: What the engine's own profile lets through, whatever its version.
_ENGINE_PROFILE_OPEN = (
    *("sc.ptrace", "sc.modify_ldt", "sc.vmsplice", "sc.memfd_secret", "sc.tiocsti", "sc.personality"),
    *("sc.process_vm_readv", "sc.kcmp", "sc.process_madvise", "sc.pidfd_getfd"),
)
_ALL_NETLINK = frozenset(
    {"ROUTE", "SOCK_DIAG", "XFRM", "AUDIT", "NETFILTER", "KOBJECT_UEVENT", "GENERIC", "CRYPTO"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the promise is derived from.

    `canaries` are the host's files, to know which a mount must show; `unenforced` are keys that the operator
    allows this engine to ignore.
    """

    spec: ContainerSpec
    info: EngineInfo
    canaries: tuple[str, ...] = ()
    unenforced: frozenset[str] = frozenset()


def expectations(promise: Promise) -> dict[str, Expectation]:
    """The promise about every probe."""
    found = {probe.id: Expectation(expected=Expected.BLOCKED) for probe in PROBES}
    for probe in PROBES:
        if probe.severity is Severity.INFO or probe.id in _UNJUDGED:
            found[probe.id] = Expectation(expected=Expected.ANY)
    for part in (_mounts, _rights, _capabilities, _limits, _workspace, _network, _engine, _filter):
        found.update(part(promise))
    for probe in PROBES:
        if probe.setting in promise.unenforced:
            found[probe.id] = _open("the engine does not enforce it, and allow_unenforced accepts that")
    return found


def _open(why: str) -> Expectation:
    return Expectation(expected=Expected.OPEN, why=why)


def _allow(items: frozenset[str], why: str) -> Expectation:
    return Expectation(expected=Expected.BLOCKED, allowed=items, why=why)


# ---- mounts


def _mounts(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    spec = promise.spec
    writable = {m.destination for m in spec.mounts if not m.read_only}
    writable |= {t.destination for t in spec.tmpfs if "ro" not in t.options}
    engines = _ENGINE_WRITABLE | (_WRITABLE_FOR_ROOT if _is_root(spec) else frozenset())
    declared = _allow(frozenset(writable) | engines, "the policy mounts them")
    yield "fs.rootfs-write", declared
    yield "fs.writable-mounts", replace(declared, settings=((spec.workdir, _ACCESS),))
    binds = _allow(_declared_binds(spec), "the policy mounts them")
    yield "fs.host-binds", replace(binds, settings=((f"{spec.workdir}:rw", _ACCESS),))
    yield "fs.canary-host", _allow(frozenset(_canaries_in_sight(promise)), "the policy mounts their folder")
    under = "the policy mounts it"
    yield "fs.sensitive-paths", _allow(_Below(m.destination for m in spec.mounts), under)
    yield "cr.files", _allow(_Below(m.destination for m in spec.mounts), under)
    yield (
        "fs.runtime-sockets",
        _allow(_Below(m.destination for m in spec.mounts if "sock" not in m.source), under),
    )
    if not spec.read_only_root:
        why = "docker.readOnlyRoot is false"
        for name in ("fs.rootfs-ro", "fs.rootfs-write", "fs.writable-mounts", "rs.disk-rootfs"):
            yield name, _open(why)
    yield from _tmp(spec)
    if spec.shm_bytes > _SHM_LIMIT:
        yield "fs.shm", _open(f"/dev/shm is promised {spec.shm_bytes >> 20} MiB")
    secrets = frozenset(name for name in spec.env if looks_secret(name))
    yield "ps.hidden-env", _allow(secrets, "docker.env names them")


def _is_root(spec: ContainerSpec) -> bool:
    return spec.user.partition(":")[0] in ("0", "root")


class _Below(frozenset[str]):
    """A set of paths that also holds everything below them."""

    __slots__ = ()

    def __contains__(self, item: object) -> bool:
        path = str(item)
        return any(path == top or path.startswith(f"{top}/") for top in self)


class _Binds(frozenset[str]):
    """Mounts that the policy makes, as `target:ro`; also what is mounted on the host below their sources."""

    __slots__ = ()

    def __contains__(self, item: object) -> bool:
        target, _, mode = str(item).rpartition(":")
        return frozenset.__contains__(self, item) or any(
            path.endswith(f":{mode}") and target.startswith(f"{path.rpartition(':')[0]}/")
            for path in self
            if mode in ("ro", "rw")
        )


def _declared_binds(spec: ContainerSpec) -> frozenset[str]:
    found = {f"{m.destination}:ro" for m in spec.mounts}
    found |= {f"{m.destination}:rw" for m in spec.mounts if not m.read_only}
    return _Binds(found | (_INIT if spec.init else set()))


def _canaries_in_sight(promise: Promise) -> Iterator[str]:
    for canary in promise.canaries:
        for mount in promise.spec.mounts:
            top = mount.source.rstrip("/")
            if canary.startswith(f"{top}/"):
                yield mount.destination + canary[len(top) :]


def _tmp(spec: ContainerSpec) -> Iterator[tuple[str, Expectation]]:
    options = next((t.options for t in spec.tmpfs if t.destination == "/tmp"), None)
    if options is None:
        for name in ("fs.tmp-flags", "fs.tmp-exec", "fs.tmp-exec-ldso", "rs.disk-tmp"):
            yield name, _open("docker.tmpfs has no /tmp")
        return
    missing = frozenset({"nosuid", "nodev", "noexec"} - set(options))
    yield "fs.tmp-flags", _allow(missing, "docker.tmpfs does not ask for them")
    if "noexec" in missing:
        for name in ("fs.tmp-exec", "fs.tmp-exec-ldso"):
            yield name, _open("docker.tmpfs gives /tmp without noexec")
    if not any(option.startswith("size=") for option in options):
        yield "rs.disk-tmp", _open("docker.tmpfs gives /tmp without a size")


# ---- rights


def _rights(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    spec = promise.spec
    uid, _, gid = spec.user.partition(":")
    roots = {"uid 0"} if uid in ("0", "root") else set()
    roots |= {"gid 0"} if gid in ("0", "root") or uid in ("0", "root") else set()
    if roots:
        yield "ps.uid", _allow(frozenset(roots), f"docker.user is {spec.user}")
    if _is_root(spec):
        for name in ("fs.etc-shadow", "hi.cgroup-write", "hi.dmi"):
            yield name, _open(f"docker.user is {spec.user}")
    if not spec.no_new_privileges:
        for name in ("ps.nnp", "ps.setuid-exec"):
            yield name, _open("no-new-privileges is off")


def _capabilities(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    spec = promise.spec
    kept = capabilities.promised(spec)
    if kept:
        why = "capabilities are kept: " + (" ".join(spec.cap_add) or "docker.capDrop has no ALL")
        for name in ("ps.caps", "ps.bounding"):
            yield name, _allow(kept, why)
    for capability in sorted(kept & set(_BY_CAPABILITY)):
        needs_root, filtered, names = _BY_CAPABILITY[capability]
        if (_is_root(spec) or not needs_root) and not (filtered and _ours(spec)):
            for name in names:
                yield name, _open(f"{capability} is kept")


def _ours(spec: ContainerSpec) -> bool:
    return spec.seccomp.name == "openclaw-sandbox" and spec.seccomp.profile is not None


# ---- limits


def _limits(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    spec = promise.spec
    if not spec.pids_limit:
        for name in ("rs.pids-max", "ps.fork-limit"):
            yield name, _open("docker.pidsLimit is off")
    elif spec.pids_limit > 600:
        yield "ps.fork-limit", _open(f"docker.pidsLimit is {spec.pids_limit}")
    if not spec.memory_bytes:
        for name in ("rs.memory-limit", "rs.memory-alloc"):
            yield name, _open("docker.memory is off")
    if spec.memory_swap_bytes in (None, 0, -1):
        yield "rs.swap", _open("docker.memorySwap is off")
    if not spec.cpus:
        yield "rs.cpu-quota", _open("docker.cpus is not set")
    yield "rs.shares", _allow(promise.unenforced, "the engine does not enforce them, and may ignore them")
    named = {limit.name for limit in spec.ulimits}
    for name, limit in (("rs.nofile", "nofile"), ("rs.nproc", "core")):
        if limit not in named:
            yield name, Expectation(expected=Expected.ANY, why=f"docker.ulimits has no {limit}")


def _workspace(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    if promise.spec.disk.volume_bytes is None:
        why = "no engine bounds a bind mount; workspace_volume: loop in config.yml would"
        yield "rs.disk-workspace", _open(why)


# ---- network


def _network(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    network = promise.spec.network
    if network == "none":
        return
    for name in _NETWORKED:
        yield name, _open(f'docker.network is "{network}"')


# ---- what the engine cannot do


def _engine(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    spec, info = promise.spec, promise.info
    if not (info.userns_remapped or info.rootless):
        yield "ps.userns", _open("the engine runs without userns-remap")
    if not (info.apparmor or info.selinux):
        yield "ps.lsm", _open("the host has neither AppArmor nor SELinux")
    elif spec.apparmor == "unconfined":
        yield "ps.lsm", _open("docker.apparmorProfile is unconfined")
    if not spec.init:
        yield "ps.zombie-reaper", _open("init is off")
    if not spec.private_cgroup_namespace:
        for name in ("hi.cgroup-ns", "ps.cgroupns"):
            yield name, _open("the cgroup namespace is the host's")
    unmasked = _unmasked_by(info.version)
    if unmasked:
        yield "hi.masked-paths", _allow(unmasked, f"engine {info.version} does not mask them")


def version_of(text: str) -> tuple[int, int, int]:
    """The numbers at the front of a version; missing ones are 0. A build's suffix does not count."""
    numbers = []
    for part in text.split(".")[:3]:
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        numbers.append(int(digits or "0"))
    padded = [*numbers, 0, 0, 0]
    return padded[0], padded[1], padded[2]


def _unmasked_by(version: str) -> frozenset[str]:
    """Paths that engines began to mask in 28.0.2 and in 20.10.27 and 24.0.7."""
    found = set()
    number = version_of(version)
    if number < (28, 0, 2):
        found.add("/proc/interrupts")
    if number < (20, 10, 27) or (23, 0, 0) <= number < (24, 0, 7):
        found.add("/sys/devices/virtual/powercap")
    return frozenset(found)


# ---- the filter of system calls


def _filter(promise: Promise) -> Iterator[tuple[str, Expectation]]:
    seccomp = promise.spec.seccomp
    yield "sc.netlink", _allow(frozenset({"ROUTE"}), "libraries list interfaces through it")
    yield "sc.socket-families", _allow(frozenset({"NETLINK"}), "libraries list interfaces through it")
    if seccomp.profile is None:
        yield from _engines_own(promise.info)
    elif not _ours(promise.spec):
        yield from _profile_of_ones_own(seccomp.profile)


def _engines_own(info: EngineInfo) -> Iterator[tuple[str, Expectation]]:
    why = f"the engine's own profile ({info.version}) lets it through"
    number = version_of(info.version)
    for name in _ENGINE_PROFILE_OPEN:
        yield name, _open(why)
    yield "sc.netlink", _allow(_ALL_NETLINK, why)
    families = {"NETLINK", "ALG", "VSOCK", "PACKET", "KEY", "CAN", "RDS", "TIPC", "XDP", "QIPCRTR"}
    yield "sc.socket-families", _allow(frozenset(families), why)
    if number < (25, 0, 0):
        for name in ("sc.io_uring_setup", "sc.io_uring_enter"):
            yield name, _open(why)
    if number < (29, 4, 2):
        yield "sc.af-alg", _open(why)
    if number < (23, 0, 0):
        yield "sc.af-vsock", _open(why)


def _profile_of_ones_own(text: str) -> Iterator[tuple[str, Expectation]]:
    """By name alone: a rule with conditions may let the probe through or not."""
    allowed = _names_allowed(json.loads(text))
    for name in _FILTER_ONLY:
        call = _CALL_OF.get(name, name.removeprefix("sc."))
        if allowed is None or call in allowed:
            yield name, _open("docker.seccompProfile allows the call")
    if allowed is None or "socket" in allowed:
        anything = Expectation(expected=Expected.ANY, why="docker.seccompProfile decides")
        yield "sc.netlink", anything
        yield "sc.socket-families", anything


def _names_allowed(profile: Mapping[str, Any]) -> frozenset[str] | None:
    """Calls with a rule that allows them; None if everything is allowed by default."""
    if profile.get("defaultAction") == "SCMP_ACT_ALLOW":
        return None
    found: set[str] = set()
    for rule in profile.get("syscalls") or ():
        if rule.get("action") == "SCMP_ACT_ALLOW":
            found.update(rule.get("names") or ([rule["name"]] if "name" in rule else ()))
    return frozenset(found)
