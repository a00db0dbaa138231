"""From the host's facts to answers: each function judges one probe by what kernel and engine say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.environment import looks_secret
from openclaw_sandbox.verify.model import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.traps import Sprung
    from openclaw_sandbox.verify.witness import Witness

ENGINE_FILES = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts")
#: The file systems that hold no host files.
VIRTUAL = frozenset(
    {
        *("proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"),
        *("securityfs", "debugfs", "tracefs", "bpf", "fuse.lxcfs"),
    }
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")
_NO_LIMIT = 1 << 60  # cgroup v1 writes "no limit" as a number near 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything the host knows about the sandbox."""

    spec: ContainerSpec
    observed: Observed
    witness: Witness
    sprung: Sprung


def testify(scene: Scene) -> dict[str, Answer]:
    """The host's answers, for the probes it can answer."""
    answers = {name: function(scene) for name, function in _ACCOUNTS.items()}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _blocked(evidence: str) -> Answer:
    return Answer(verdict=Verdict.BLOCKED, evidence=evidence)


def _open(evidence: str, *items: str) -> Answer:
    return Answer(verdict=Verdict.OPEN, evidence=evidence, items=items)


def _found(items: list[str], nothing: str) -> Answer:
    return _open(f"{len(items)}: {' '.join(items[:6])}", *items) if items else _blocked(nothing)


def _status(scene: Scene, field: str) -> str | None:
    return None if scene.witness.status is None else scene.witness.status.get(field)


def _host_config(scene: Scene) -> Mapping[str, Any]:
    found = scene.observed.raw.get("HostConfig")
    return found if isinstance(found, dict) else {}


# ---- rights


def _uid(scene: Scene) -> Answer | None:
    uids, gids, groups = (_status(scene, name) for name in ("Uid", "Gid", "Groups"))
    if uids is None or gids is None:
        return None
    roots = ["uid 0"] if "0" in uids.split() else []
    roots += ["gid 0"] if "0" in [*gids.split(), *(groups or "").split()] else []
    return _found(roots, f"uid {uids.split()[0]}, gid {gids.split()[0]}")


def _nnp(scene: Scene) -> Answer | None:
    value = _status(scene, "NoNewPrivs")
    if value is None:
        return None
    return _blocked("NoNewPrivs is 1") if value == "1" else _open(f"NoNewPrivs is {value}")


def _caps(scene: Scene) -> Answer | None:
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    sets = {name: _status(scene, name) for name in names}
    if None in sets.values():
        return None
    wide = [f"{name}={value}" for name, value in sets.items() if int(value or "0", 16)]
    return _found(wide, "all five sets are empty")


def _bounding(scene: Scene) -> Answer | None:
    value = _status(scene, "CapBnd")
    if value is None:
        return None
    return _open(f"CapBnd is {value}") if int(value, 16) else _blocked("CapBnd is empty")


def _seccomp(scene: Scene) -> Answer | None:
    """The mode by the kernel, the profile by the engine: a filter that is not the promised one is none."""
    value = _status(scene, "Seccomp")
    if value is None:
        return None
    if value != "2":
        return _open(f"Seccomp is {value}")
    if _profile_in_force(scene) != _compact(scene.spec.seccomp.profile or ""):
        return _open("a filter is in force, but not the promised profile")
    return _blocked(f"a filter is in force, {_status(scene, 'Seccomp_filters') or 'some'} in all")


def _profile_in_force(scene: Scene) -> str:
    options = [str(option) for option in _host_config(scene).get("SecurityOpt") or ()]
    return _compact(next((o.partition("=")[2] for o in options if o.startswith("seccomp=")), ""))


def _compact(text: str) -> str:
    return "".join(text.split())


def _lsm(scene: Scene) -> Answer | None:
    label = scene.witness.label
    if label is None:
        return None
    text = label.strip().strip("\0")
    if not text or text.startswith("unconfined"):
        return _open("no AppArmor or SELinux label")
    return _blocked(text)


# ---- namespaces


def _shared(scene: Scene, *names: str) -> list[str] | None:
    own, host = scene.witness.namespaces, scene.witness.host_namespaces
    if own is None or not host:
        return None
    return [name for name in names if own.get(name) == host.get(name)]


def _namespaces(scene: Scene) -> Answer | None:
    shared = _shared(scene, "pid", "net", "ipc", "uts", "mnt")
    return None if shared is None else _found(shared, "none of the five is the host's")


def _pidns(scene: Scene) -> Answer | None:
    shared = _shared(scene, "pid")
    if shared is None:
        return None
    return _open("it is the host's", "pid") if shared else _blocked("own namespace")


def _cgroupns(scene: Scene) -> Answer | None:
    shared = _shared(scene, "cgroup")
    if shared is None:
        return None
    return _open("it is the host's") if shared else _blocked("own namespace")


def _userns(scene: Scene) -> Answer | None:
    text = scene.witness.uid_map
    if text is None:
        return None
    fields = text.split()
    if fields == ["0", "0", "4294967295"]:
        return _open("uids inside are the host's uids")
    return _blocked(f"uids are mapped: {' '.join(fields[:6])}")


# ---- mounts


def _rootfs(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/":
            return _open("/ is mounted rw") if mount.writable else _blocked("/ is mounted ro")
    return None


def _binds(scene: Scene) -> Answer | None:
    """The kernel's table, and the sources that the engine recorded."""
    if scene.witness.mounts is None:
        return None
    hosts = [
        m for m in scene.witness.mounts if m.target not in ("/", *ENGINE_FILES) and m.kind not in VIRTUAL
    ]
    seen = [f"{mount.target}:{'rw' if mount.writable else 'ro'}" for mount in hosts]
    seen += [f"{mount.target}:shared" for mount in hosts if mount.shared]
    promised = {mount.destination: mount.source for mount in scene.spec.mounts}
    seen += [
        f"{mount.destination}<-{mount.source}"
        for mount in scene.observed.mounts
        if mount.kind == "bind" and promised.get(mount.destination) != mount.source
    ]
    return _found(sorted(seen), "no mount of a host's file system")


def _sockets(scene: Scene) -> Answer | None:
    """A bind mount that is a socket, or one with a well-known name; the host's own file tells."""
    from openclaw_sandbox.policy.host import RealHost

    host = RealHost()
    mounts = [m for m in scene.observed.mounts if m.kind == "bind"]
    seen = [m.destination for m in mounts if m.source.endswith(".sock") or host.is_socket(m.source)]
    return _open(f"mounted: {' '.join(seen)}", *seen) if seen else None


def _tmp_flags(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/tmp":
            wrong = [flag for flag in ("nosuid", "nodev", "noexec") if flag not in mount.options]
            return _found(wrong, ",".join(sorted(mount.options)))
    if scene.witness.mounts is None:
        return None
    return _open("/tmp is no mount of its own", "nosuid", "nodev", "noexec")


def _size_of(scene: Scene, target: str) -> int | None:
    """Bytes a tmpfs may hold; 0 for no bound; None if there is no such tmpfs or nobody knows."""
    for mount in scene.witness.mounts or ():
        if mount.target == target and mount.kind == "tmpfs":
            return _kibibytes(mount.super_options.get("size", "0"))
    return None


def _kibibytes(text: str) -> int:
    digits = text.rstrip("kK")
    return int(digits) * 1024 if digits.isdigit() else 0


def _tmp_size(scene: Scene) -> Answer | None:
    size = _size_of(scene, "/tmp")
    if size is None:
        return None
    return _blocked(f"/tmp holds {size >> 20} MiB") if size else _open("/tmp has no size")


def _shm_size(scene: Scene) -> Answer | None:
    size = _size_of(scene, "/dev/shm")
    if size is None:
        return None
    if size and size <= scene.spec.shm_bytes:
        return _blocked(f"/dev/shm holds {size >> 10} KiB")
    return _open(f"/dev/shm holds {size >> 10} KiB, promised {scene.spec.shm_bytes >> 10}")


def _sys_mount(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/sys":
            return _open("/sys is mounted rw") if mount.writable else _blocked("/sys is mounted ro")
    return None


def _proc_switches(scene: Scene) -> Answer | None:
    if scene.witness.mounts is None:
        return None
    read_only = {mount.target for mount in scene.witness.mounts if not mount.writable}
    if "/proc" not in {mount.target for mount in scene.witness.mounts}:
        return None
    return _found([path for path in _READ_ONLY if path not in read_only], "all are read-only mounts")


def _devices(scene: Scene) -> Answer | None:
    """Nodes by the kernel; the rules that would let one made by hand be opened, by the engine."""
    rules = [f"rule {rule}" for rule in _host_config(scene).get("DeviceCgroupRules") or ()]
    devices = scene.witness.devices
    if devices is None and not rules:
        return None
    return _found([*(devices or ()), *rules], "only the standard nodes")


# ---- environment, network


def _env(scene: Scene) -> Answer | None:
    names = scene.witness.env_names
    if names is None:
        return None
    return _found(sorted(name for name in names if looks_secret(name)), "no name looks like a secret")


def _env_canary(scene: Scene) -> Answer | None:
    names, canary = scene.witness.env_names, scene.sprung.env_canary
    if names is None:
        return None
    return _open("the host's environment was passed on") if canary in names else _blocked("not inherited")


def _interfaces(scene: Scene) -> Answer | None:
    names = scene.witness.interfaces
    return None if names is None else _found(list(names), "only lo")


def _routes(scene: Scene) -> Answer | None:
    count = scene.witness.routes
    if count is None:
        return None
    return _open(f"{count} routes") if count else _blocked("no IPv4 route")


def _listener(name: str) -> Callable[[Scene], Answer | None]:
    """Only a connection that arrived is testimony: one that did not may never have been tried."""

    def account(scene: Scene) -> Answer | None:
        count = scene.sprung.accepted.get(name, 0)
        return _open(f"the host accepted {count} connections from the sandbox") if count else None

    return account


# ---- limits


def _limit(what: str, value: str | None, promised: int | None) -> Answer | None:
    if value is None:
        return None
    number = value.split()[0]
    if number in ("max", "-1") or (number.isdigit() and int(number) >= _NO_LIMIT):
        return _open(f"the kernel holds no limit of {what}")
    if promised is not None and number.isdigit() and int(number) > promised:
        return _open(f"the kernel's limit of {what} is {number}, promised {promised}")
    return _blocked(f"the kernel's limit of {what} is {value}")


def _memory(scene: Scene) -> Answer | None:
    return _limit("memory", scene.witness.cgroup.memory, scene.spec.memory_bytes)


def _pids(scene: Scene) -> Answer | None:
    return _limit("processes", scene.witness.cgroup.pids, scene.spec.pids_limit)


def _cpu(scene: Scene) -> Answer | None:
    """v1 tells the quota in microseconds of a period, 0.1 s unless said; v2 both."""
    value, promised = scene.witness.cgroup.cpu, scene.spec.cpus
    if value is None:
        return None
    fields = value.split()
    period = int(fields[1]) if len(fields) > 1 else 100_000
    return _limit("processor time", value, None if promised is None else round(promised * period))


def _swap(scene: Scene) -> Answer | None:
    """v1 counts memory and swap together, v2 swap alone."""
    cgroup, spec = scene.witness.cgroup, scene.spec
    promised = spec.memory_swap_bytes
    if cgroup.memory_swap is None or promised is None:
        return None
    together = cgroup.memory is not None and (cgroup.memory_swap.isdigit() and cgroup.memory.isdigit())
    if together and int(cgroup.memory_swap) >= int(cgroup.memory or "0"):
        return _limit("memory and swap", cgroup.memory_swap, promised)
    return _limit("swap", cgroup.memory_swap, max(0, promised - (spec.memory_bytes or 0)))


def _ulimit(name: str, label: str) -> Callable[[Scene], Answer | None]:
    def account(scene: Scene) -> Answer | None:
        if scene.witness.ulimits is None or label not in scene.witness.ulimits:
            return None
        hard = scene.witness.ulimits[label]
        promised = next((limit.hard for limit in scene.spec.ulimits if limit.name == name), None)
        if promised is None or promised < 0:
            return None
        over = hard == "unlimited" or int(hard) > promised
        return _open(f"hard limit {hard}, promised {promised}") if over else _blocked(f"hard limit {hard}")

    return account


_ACCOUNTS: Mapping[str, Callable[[Scene], Answer | None]] = {
    "ps.uid": _uid,
    "ps.nnp": _nnp,
    "ps.caps": _caps,
    "ps.bounding": _bounding,
    "ps.seccomp-mode": _seccomp,
    "ps.lsm": _lsm,
    "ps.ns-compare": _namespaces,
    "ps.pidns": _pidns,
    "ps.cgroupns": _cgroupns,
    "ps.userns": _userns,
    "fs.rootfs-ro": _rootfs,
    "fs.host-binds": _binds,
    "fs.runtime-sockets": _sockets,
    "fs.tmp-flags": _tmp_flags,
    "fs.dev-nodes": _devices,
    "hi.sys-ro": _sys_mount,
    "hi.proc-readonly": _proc_switches,
    "ps.hidden-env": _env,
    "cr.env-canary": _env_canary,
    "net.ifaces": _interfaces,
    "net.routes": _routes,
    "net.host-gateway": _listener("any"),
    "net.host-loopback": _listener("loopback"),
    "net.abstract-unix": _listener("abstract"),
    "rs.memory-limit": _memory,
    "rs.memory-alloc": _memory,
    "rs.pids-max": _pids,
    "ps.fork-limit": _pids,
    "rs.cpu-quota": _cpu,
    "rs.swap": _swap,
    "rs.disk-tmp": _tmp_size,
    "rs.disk-shm": _shm_size,
    "rs.nofile": _ulimit("nofile", "Max open files"),
    "rs.nproc": _ulimit("core", "Max core file size"),
}
