"""The engine's own record of a container against the spec: what no attempt inside would find out.

It holds whatever kernel or runtime the container's processes see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.verify.model import Answer, Verdict
from openclaw_sandbox.verify.scene import blocked, found, host_config, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.verify.scene import Scene

#: One runtime under two names.
_RUNC = frozenset({"runc", "io.containerd.runc.v2"})
_LOOPBACK = ("127.0.0.1", "::1")
#: What the network's own addition to a spec looks like (`lifecycle/internal_network.py`).
_NO_RESOLVER = "127.0.0.1"
_NAMESPACES = {"pid": "PidMode", "ipc": "IpcMode", "net": "NetworkMode", "uts": "UTSMode"}


def _absent(why: str) -> Answer:
    return Answer(verdict=Verdict.NOT_APPLICABLE, evidence=why)


def joined(scene: Scene) -> list[str]:
    """Namespaces that belong to the host or to another container, or that another one may join."""
    host = host_config(scene)
    modes = {name: str(host.get(key) or "") for name, key in _NAMESPACES.items()}
    wide = [name for name, mode in modes.items() if mode == "host" or mode.startswith("container:")]
    if modes["ipc"] == "shareable" and scene.spec.private_ipc:
        wide.append("ipc")
    return [name for name in wide if not (name == "net" and modes[name] == scene.spec.network)]


# ---- network


def _ports(scene: Scene) -> Answer | None:
    """A port is promised on the loopback alone."""
    host = host_config(scene)
    if not host:
        return None
    promised = {f"{port.container_port}/{port.protocol}" for port in scene.spec.ports}
    wide = ["all exposed ones"] if host.get("PublishAllPorts") else []
    for port, bindings in (host.get("PortBindings") or {}).items():
        for binding in bindings or ():
            address = str(binding.get("HostIp") or "0.0.0.0")  # noqa: S104  what an engine takes "" for
            if port not in promised or address not in _LOOPBACK:
                wide.append(f"{address}:{binding.get('HostPort') or '*'}->{port}")
    return found(wide, f"{len(promised)} ports on the loopback" if promised else "no port is published")


def _attached(scene: Scene) -> Answer | None:
    settings: Any = scene.observed.raw.get("NetworkSettings")
    networks = settings.get("Networks") if isinstance(settings, dict) else None
    promised = scene.spec.network
    if not isinstance(networks, dict) or promised.startswith("container:"):
        return None
    own = {"bridge" if promised == "default" else promised}
    own |= {name for name, about in networks.items() if (about or {}).get("NetworkID") == promised}
    return found(sorted(set(networks) - own), f"it is on {promised}")


def _names(scene: Scene) -> Answer | None:
    host, spec = host_config(scene), scene.spec
    if not host:
        return None
    hosts = [f"name {entry}" for entry in host.get("ExtraHosts") or () if entry not in spec.extra_hosts]
    resolvers = {*spec.dns, _NO_RESOLVER}
    return found([*hosts, *(f"resolver {ip}" for ip in host.get("Dns") or () if ip not in resolvers)], "none")


# ---- files


def _hidden(scene: Scene) -> Answer | None:
    """Whatever covers a part of another mount, or of the image, must be there."""
    covers = list(_covers(scene))
    masked = scene.spec.masked_paths
    if not covers and not masked:
        return _absent("the policy hides nothing")
    if not host_config(scene):
        return None
    mounts = scene.witness.mounts
    there = {m.target for m in mounts} if mounts is not None and scene.on_this_kernel else _recorded(scene)
    hidden = set(host_config(scene).get("MaskedPaths") or ())
    bare = [path for path in covers if path not in there] + [path for path in masked if path not in hidden]
    return found(sorted(bare), f"all {len(covers) + len(masked)} are covered")


def _covers(scene: Scene) -> Iterator[str]:
    spec = scene.spec
    tops = [mount.destination.rstrip("/") + "/" for mount in spec.mounts]
    for mount in spec.mounts:
        if any(mount.destination.startswith(top) for top in tops):
            yield mount.destination
    for tmpfs in spec.tmpfs:
        if "ro" in tmpfs.options:
            yield tmpfs.destination


def _recorded(scene: Scene) -> set[str]:
    return {mount.destination for mount in scene.observed.mounts} | set(host_config(scene).get("Tmpfs") or ())


def _image(scene: Scene) -> Answer | None:
    seen, promised = scene.observed.image_id, scene.image_id
    if not seen or not promised:
        return None
    return (
        blocked("the promised one") if seen == promised else opened(f"it is {seen[:19]}, not {promised[:19]}")
    )


# ---- the process


def _runtime(scene: Scene) -> Answer | None:
    seen, promised = scene.runtime, scene.promised_runtime
    if not seen or not promised:
        return None
    same = seen == promised or {seen, promised} <= _RUNC
    return blocked(f"it is {seen}") if same else opened(f"it is {seen}, promised {promised}")


def _oom(scene: Scene) -> Answer | None:
    """A container that the kernel spares makes it end something of the host instead."""
    host = host_config(scene)
    if not host:
        return None
    spared = ["OomKillDisable"] if host.get("OomKillDisable") else []
    score = scene.witness.oom_score_adj if scene.on_this_kernel else host.get("OomScoreAdj")
    spared += [f"score {score}"] if score is not None and int(score) < 0 else []
    return found(spared, "it is not spared")


def _restart(scene: Scene) -> Answer | None:
    policy = (host_config(scene).get("RestartPolicy") or {}).get("Name")
    if policy is None:
        return None
    asked = policy in ("", "no", scene.spec.restart.value)
    return blocked("as promised") if asked else opened(f"the engine restarts it: {policy}")


def _sysctls(scene: Scene) -> Answer | None:
    host = host_config(scene)
    return found([f"{k}={v}" for k, v in (host.get("Sysctls") or {}).items()], "none") if host else None


# ---- limits


def _log(scene: Scene) -> Answer | None:
    """A command can write to the main process's output: a log without a bound fills the host's disk."""
    config = host_config(scene).get("LogConfig")
    if not isinstance(config, dict):
        return None
    kind, options, log = str(config.get("Type")), config.get("Config") or {}, scene.spec.log
    if kind == "none":
        return blocked("there is none")
    if kind != log.driver.value:
        return opened(f"its driver is {kind}, promised {log.driver.value}")
    size, files = _number(options.get("max-size")), _number(options.get("max-file"))
    if 0 < size <= log.max_bytes and 0 < files <= log.max_files:
        return blocked(f"at most {files} files of {size} bytes")
    return opened(f"max-size {options.get('max-size')}, max-file {options.get('max-file')}")


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0


def _shares(scene: Scene) -> Answer | None:
    host = host_config(scene)
    return found(list(_exceeded(scene, host)), "as promised") if host else None


def _exceeded(scene: Scene, host: Mapping[str, Any]) -> Iterator[str]:
    """Limits beside those that probes of their own look at, by their keys."""
    spec, disk = scene.spec, scene.spec.disk
    for key, promised, field in (
        ("resource_limits.memory_reservation", spec.memory_reservation_bytes, "MemoryReservation"),
        ("resource_limits.cpu_shares", spec.cpu_shares, "CpuShares"),
        ("resource_limits.disk_io_weight", disk.weight, "BlkioWeight"),
    ):
        if promised and not 0 < (host.get(field) or 0) <= promised:
            yield key
    for key, limits, field in (
        ("disk_read_bps", disk.read_bps, "BlkioDeviceReadBps"),
        ("disk_write_bps", disk.write_bps, "BlkioDeviceWriteBps"),
        ("resource_limits.disk_iops", disk.read_iops, "BlkioDeviceReadIOps"),
        ("resource_limits.disk_iops", disk.write_iops, "BlkioDeviceWriteIOps"),
    ):
        rates = {item.get("Path"): item.get("Rate") or 0 for item in host.get(field) or ()}
        if any(not 0 < rates.get(limit.device, 0) <= limit.per_second for limit in limits):
            yield key
    if spec.cpuset and not _processors(host.get("CpusetCpus") or "") <= _processors(spec.cpuset):
        yield "resource_limits.cpuset"
    if disk.size_bytes and not 0 < _number((host.get("StorageOpt") or {}).get("size")) <= disk.size_bytes:
        yield "resource_limits.disk"
    if host.get("CgroupParent"):
        yield "cgroup_parent"
    if host.get("CpuRealtimeRuntime"):
        yield "cpu_rt_runtime"


def _processors(text: str) -> set[int]:
    """ "0-2,4" as numbers; none at all, which is no limit, as more than any machine has."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers or {1 << 20}


RECORD: Mapping[str, Callable[[Scene], Answer | None]] = {
    "net.ports": _ports,
    "net.attached": _attached,
    "net.names": _names,
    "fs.hidden": _hidden,
    "fs.image": _image,
    "ps.runtime": _runtime,
    "ps.oom": _oom,
    "ps.restart": _restart,
    "hi.sysctls": _sysctls,
    "rs.log": _log,
    "rs.shares": _shares,
}
