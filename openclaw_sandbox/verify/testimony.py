"""From the host's facts to answers: each function judges one probe by what kernel and engine say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.environment import looks_secret
from openclaw_sandbox.verify.capabilities import named
from openclaw_sandbox.verify.limits import LIMITS
from openclaw_sandbox.verify.record import RECORD, joined
from openclaw_sandbox.verify.scene import blocked, found, host_config, opened
from openclaw_sandbox.verify.witness import inner_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
_FLAGS = ("nosuid", "nodev", "noexec")
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")


def testify(scene: Scene) -> dict[str, Answer]:
    """The host's answers, for the probes it can answer."""
    accounts = _ACCOUNTS if scene.on_this_kernel else _OUTER_ACCOUNTS
    answers = {name: account(scene) for name, account in accounts.items()}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _status(scene: Scene, field: str) -> str | None:
    return None if scene.witness.status is None else scene.witness.status.get(field)


# ---- rights


def _uid(scene: Scene) -> Answer | None:
    """Ids as they are inside; root's, and any that the policy does not name."""
    witness = scene.witness
    fields = [_status(scene, name) for name in ("Uid", "Gid", "Groups")]
    if fields[0] is None or fields[1] is None:
        return None
    maps = (witness.uid_map, witness.gid_map, witness.gid_map)
    uids, gids, groups = (
        {inner_id(one, ids) for one in (text or "").split()} for text, ids in zip(fields, maps, strict=True)
    )
    uid, _, gid = scene.spec.user.partition(":")
    seen = [f"uid {one}" for one in sorted(uids) if one == "0" or one != uid]
    seen += [f"gid {one}" for one in sorted(gids | groups) if one == "0" or one != (gid or "0")]
    return found(seen, f"uid {uid}, gid {gid}")


def _nnp(scene: Scene) -> Answer | None:
    value = _status(scene, "NoNewPrivs")
    if value is None:
        return None
    return blocked("NoNewPrivs is 1") if value == "1" else opened(f"NoNewPrivs is {value}")


def _caps(scene: Scene) -> Answer | None:
    sets = [_status(scene, name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    if None in sets:
        return None
    together = 0
    for one in sets:
        together |= int(one or "0", 16)
    return found(named(together), "all five sets are empty")


def _bounding(scene: Scene) -> Answer | None:
    value = _status(scene, "CapBnd")
    return None if value is None else found(named(int(value, 16)), "CapBnd is empty")


def _seccomp(scene: Scene) -> Answer | None:
    """The mode by the kernel, the profile by the engine: a filter that is not the promised one is none."""
    value = _status(scene, "Seccomp")
    if value is None:
        return None
    if value != "2":
        return opened(f"Seccomp is {value}")
    promised = _compact(scene.spec.seccomp.profile or "")
    if any(profile != promised for profile in _profiles_given(scene)):
        return opened("a filter is in force, but not the promised profile")
    return blocked(f"a filter is in force, {_status(scene, 'Seccomp_filters') or 'some'} in all")


def _profiles_given(scene: Scene) -> list[str]:
    """An engine that was given several takes one of them; without any its own."""
    options = [str(option) for option in host_config(scene).get("SecurityOpt") or ()]
    return [_compact(o.partition("=")[2]) for o in options if o.startswith("seccomp=")] or [""]


def _compact(text: str) -> str:
    return "".join(text.split())


def _lsm(scene: Scene) -> Answer | None:
    """AppArmor says "profile (enforce)", SELinux "user:role:type:level"."""
    label = scene.witness.label
    if label is None:
        return None
    text = label.strip().strip("\0")
    if not text or text.startswith("unconfined"):
        return opened("no AppArmor or SELinux label")
    promised = scene.spec.apparmor
    if promised not in (None, "unconfined") and text != f"{promised} (enforce)":
        return opened(f"{text}, promised {promised}")
    return blocked(text)


# ---- namespaces


def _shared(scene: Scene, *names: str) -> list[str] | None:
    own, host = scene.witness.namespaces, scene.witness.host_namespaces
    if own is None or not host:
        return None
    return [name for name in names if own.get(name) == host.get(name)]


def _namespaces(scene: Scene) -> Answer | None:
    """By the kernel whether one is the host's; by the engine's record whether it is another container's."""
    shared = _shared(scene, "pid", "net", "ipc", "uts", "mnt")
    if shared is None:
        return _joined(scene)
    return found(list(dict.fromkeys([*shared, *joined(scene)])), "none of the five is shared")


def _joined(scene: Scene) -> Answer | None:
    names = joined(scene)
    return found(names, "none is shared") if names else None


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
        return _recorded_binds(scene)
    hosts = [
        m for m in scene.witness.mounts if m.target not in ("/", *ENGINE_FILES) and m.kind not in VIRTUAL
    ]
    seen = [f"{mount.target}:{'rw' if mount.writable else 'ro'}" for mount in hosts]
    seen += [f"{mount.target}:{mount.propagation}" for mount in hosts if mount.propagation]
    return found(sorted({*seen, *_undeclared_sources(scene)}), "no mount of a host's file system")


def _recorded_binds(scene: Scene) -> Answer | None:
    seen = sorted(_undeclared_sources(scene))
    return found(seen, "none") if seen else None


def _undeclared_sources(scene: Scene) -> Iterator[str]:
    """Also where the kernel's table tells nothing: a source that is itself in memory, or a device's node."""
    promised = {mount.destination: mount for mount in scene.spec.mounts}
    for mount in scene.observed.mounts:
        wanted = promised.get(mount.destination)
        if mount.kind != "tmpfs" and (wanted is None or wanted.source != mount.source):
            yield f"{mount.destination}<-{mount.source or mount.kind}"
        elif wanted is not None and wanted.read_only and not mount.read_only:
            yield f"{mount.destination}:rw"


def _sockets(scene: Scene) -> Answer | None:
    """A bind mount that is a socket, or one with a well-known name; the host's own file tells."""
    from openclaw_sandbox.policy.host import RealHost

    host = RealHost()
    mounts = [m for m in scene.observed.mounts if m.kind == "bind"]
    seen = [m.destination for m in mounts if m.source.endswith(".sock") or host.is_socket(m.source)]
    return opened(f"mounted: {' '.join(seen)}", *seen) if seen else None


def _tmp_flags(scene: Scene) -> Answer | None:
    """/tmp must have all three; every other tmpfs what the policy does not take from it."""
    if scene.witness.mounts is None:
        return None
    table = {mount.target: mount for mount in scene.witness.mounts}
    tmp = table.get("/tmp")
    wrong = [flag for flag in _FLAGS if tmp is None or flag not in tmp.options]
    for promised in scene.spec.tmpfs:
        mount = table.get(promised.destination)
        if mount is None or promised.destination == "/tmp":
            continue
        lost = [f for f in _FLAGS if f not in mount.options and f.removeprefix("no") not in promised.options]
        wrong += [f"{promised.destination}:{flag}" for flag in lost]
    return found(wrong, ",".join(sorted(tmp.options)) if tmp is not None else "no /tmp")


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
    """Nodes by the kernel; what the engine gave it, wherever the nodes are, by the engine."""
    given = list(_given_devices(host_config(scene)))
    devices = scene.witness.devices if scene.on_this_kernel else None
    if devices is None and not given:
        return None
    return found(sorted({*(devices or ()), *given}), "only the standard nodes")


def _given_devices(host: Mapping[str, Any]) -> Iterator[str]:
    for rule in host.get("DeviceCgroupRules") or ():
        yield f"rule {rule}"
    for device in host.get("Devices") or ():
        yield str(device.get("PathInContainer") or device.get("PathOnHost"))
    for request in host.get("DeviceRequests") or ():
        yield f"request {request.get('Driver') or 'any'}"


def _init(scene: Scene) -> Answer | None:
    """Only its absence is testimony: one that is there may not reap."""
    recorded = host_config(scene).get("Init", True)
    return None if recorded else opened("the engine gave it no init")


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
    "ps.zombie-reaper": _init,
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
    **RECORD,
}

#: True of a container whatever kernel its processes see; /proc tells of the runtime's own process there.
_OUTER_ACCOUNTS: Mapping[str, Callable[[Scene], Answer | None]] = {
    **{name: _ACCOUNTS[name] for name in ("fs.runtime-sockets", "fs.dev-nodes", "net.host-gateway")},
    **{name: _ACCOUNTS[name] for name in ("net.host-loopback", "net.abstract-unix", "rs.memory-limit")},
    **{name: _ACCOUNTS[name] for name in ("rs.memory-alloc", "rs.pids-max", "ps.fork-limit")},
    **{name: _ACCOUNTS[name] for name in ("rs.cpu-quota", "rs.swap")},
    **RECORD,
    "ps.ns-compare": _joined,
    "fs.host-binds": _recorded_binds,
}
