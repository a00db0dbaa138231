"""From the host's facts to answers: each function judges one probe by what kernel and engine say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.environment import looks_secret
from openclaw_sandbox.verify.limits import LIMITS
from openclaw_sandbox.verify.scene import blocked, found, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openclaw_sandbox.verify.model import Answer
    from openclaw_sandbox.verify.scene import Scene

ENGINE_FILES = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts")
#: The file systems that hold no host files.
VIRTUAL = frozenset(
    {
        *("proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"),
        *("securityfs", "debugfs", "tracefs", "bpf", "fuse.lxcfs"),
    }
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")


def testify(scene: Scene) -> dict[str, Answer]:
    """The host's answers, for the probes it can answer."""
    names = _ACCOUNTS if scene.on_this_kernel else _OUTER_ACCOUNTS
    answers = {name: _ACCOUNTS[name](scene) for name in names}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _status(scene: Scene, field: str) -> str | None:
    return None if scene.witness.status is None else scene.witness.status.get(field)


def _host_config(scene: Scene) -> Mapping[str, Any]:
    config = scene.observed.raw.get("HostConfig")
    return config if isinstance(config, dict) else {}


# ---- rights


def _uid(scene: Scene) -> Answer | None:
    uids, gids, groups = (_status(scene, name) for name in ("Uid", "Gid", "Groups"))
    if uids is None or gids is None:
        return None
    roots = ["uid 0"] if "0" in uids.split() else []
    roots += ["gid 0"] if "0" in [*gids.split(), *(groups or "").split()] else []
    return found(roots, f"uid {uids.split()[0]}, gid {gids.split()[0]}")


def _nnp(scene: Scene) -> Answer | None:
    value = _status(scene, "NoNewPrivs")
    if value is None:
        return None
    return blocked("NoNewPrivs is 1") if value == "1" else opened(f"NoNewPrivs is {value}")


def _caps(scene: Scene) -> Answer | None:
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    sets = {name: _status(scene, name) for name in names}
    if None in sets.values():
        return None
    wide = [f"{name}={value}" for name, value in sets.items() if int(value or "0", 16)]
    return found(wide, "all five sets are empty")


def _bounding(scene: Scene) -> Answer | None:
    value = _status(scene, "CapBnd")
    if value is None:
        return None
    return opened(f"CapBnd is {value}") if int(value, 16) else blocked("CapBnd is empty")


def _seccomp(scene: Scene) -> Answer | None:
    """The mode by the kernel, the profile by the engine: a filter that is not the promised one is none."""
    value = _status(scene, "Seccomp")
    if value is None:
        return None
    if value != "2":
        return opened(f"Seccomp is {value}")
    if _profile_in_force(scene) != _compact(scene.spec.seccomp.profile or ""):
        return opened("a filter is in force, but not the promised profile")
    return blocked(f"a filter is in force, {_status(scene, 'Seccomp_filters') or 'some'} in all")


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
        return opened("no AppArmor or SELinux label")
    return blocked(text)


# ---- namespaces


def _shared(scene: Scene, *names: str) -> list[str] | None:
    own, host = scene.witness.namespaces, scene.witness.host_namespaces
    if own is None or not host:
        return None
    return [name for name in names if own.get(name) == host.get(name)]


def _namespaces(scene: Scene) -> Answer | None:
    shared = _shared(scene, "pid", "net", "ipc", "uts", "mnt")
    return None if shared is None else found(shared, "none of the five is the host's")


def _pidns(scene: Scene) -> Answer | None:
    shared = _shared(scene, "pid")
    if shared is None:
        return None
    return opened("it is the host's", "pid") if shared else blocked("own namespace")


def _cgroupns(scene: Scene) -> Answer | None:
    shared = _shared(scene, "cgroup")
    if shared is None:
        return None
    return opened("it is the host's") if shared else blocked("own namespace")


def _userns(scene: Scene) -> Answer | None:
    text = scene.witness.uid_map
    if text is None:
        return None
    fields = text.split()
    if fields == ["0", "0", "4294967295"]:
        return opened("uids inside are the host's uids")
    return blocked(f"uids are mapped: {' '.join(fields[:6])}")


# ---- mounts


def _rootfs(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/":
            return opened("/ is mounted rw") if mount.writable else blocked("/ is mounted ro")
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
    return found(sorted(seen), "no mount of a host's file system")


def _sockets(scene: Scene) -> Answer | None:
    """A bind mount that is a socket, or one with a well-known name; the host's own file tells."""
    from openclaw_sandbox.policy.host import RealHost

    host = RealHost()
    mounts = [m for m in scene.observed.mounts if m.kind == "bind"]
    seen = [m.destination for m in mounts if m.source.endswith(".sock") or host.is_socket(m.source)]
    return opened(f"mounted: {' '.join(seen)}", *seen) if seen else None


def _tmp_flags(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/tmp":
            wrong = [flag for flag in ("nosuid", "nodev", "noexec") if flag not in mount.options]
            return found(wrong, ",".join(sorted(mount.options)))
    if scene.witness.mounts is None:
        return None
    return opened("/tmp is no mount of its own", "nosuid", "nodev", "noexec")


def _sys_mount(scene: Scene) -> Answer | None:
    for mount in scene.witness.mounts or ():
        if mount.target == "/sys":
            return opened("/sys is mounted rw") if mount.writable else blocked("/sys is mounted ro")
    return None


def _proc_switches(scene: Scene) -> Answer | None:
    if scene.witness.mounts is None:
        return None
    read_only = {mount.target for mount in scene.witness.mounts if not mount.writable}
    if "/proc" not in {mount.target for mount in scene.witness.mounts}:
        return None
    return found([path for path in _READ_ONLY if path not in read_only], "all are read-only mounts")


def _devices(scene: Scene) -> Answer | None:
    """Nodes by the kernel; the rules that would let one made by hand be opened, by the engine."""
    rules = [f"rule {rule}" for rule in _host_config(scene).get("DeviceCgroupRules") or ()]
    devices = scene.witness.devices
    if devices is None and not rules:
        return None
    return found([*(devices or ()), *rules], "only the standard nodes")


# ---- environment, network


def _env(scene: Scene) -> Answer | None:
    names = scene.witness.env_names
    if names is None:
        return None
    return found(sorted(name for name in names if looks_secret(name)), "no name looks like a secret")


def _env_canary(scene: Scene) -> Answer | None:
    names, canary = scene.witness.env_names, scene.sprung.env_canary
    if names is None:
        return None
    return opened("the host's environment was passed on") if canary in names else blocked("not inherited")


def _interfaces(scene: Scene) -> Answer | None:
    names = scene.witness.interfaces
    return None if names is None else found(list(names), "only lo")


def _routes(scene: Scene) -> Answer | None:
    count = scene.witness.routes
    if count is None:
        return None
    return opened(f"{count} routes") if count else blocked("no IPv4 route")


def _listener(name: str) -> Callable[[Scene], Answer | None]:
    """Only a connection that arrived is testimony: one that did not may never have been tried."""

    def account(scene: Scene) -> Answer | None:
        count = scene.sprung.accepted.get(name, 0)
        return opened(f"the host accepted {count} connections from the sandbox") if count else None

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
    **LIMITS,
}

#: True of a container whatever kernel its processes see; /proc tells of the runtime's own process there.
_OUTER_ACCOUNTS = (
    *("fs.runtime-sockets", "net.host-gateway", "net.host-loopback", "net.abstract-unix"),
    *("rs.memory-limit", "rs.memory-alloc", "rs.pids-max", "ps.fork-limit", "rs.cpu-quota", "rs.swap"),
)
