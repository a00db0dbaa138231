"""What the kernel says about the limits of a container: cgroups, ulimits, the sizes of its tmpfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.lifecycle.loop_image import device_bytes
from openclaw_sandbox.verify.model import Answer, Verdict
from openclaw_sandbox.verify.scene import blocked, found, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openclaw_sandbox.spec.model import TmpfsMount
    from openclaw_sandbox.verify.scene import Scene

_PAGE = 4096
#: Docker's name of a limit -> the kernel's.
ULIMITS = {
    **{
        "as": "Max address space",
        "core": "Max core file size",
        "cpu": "Max cpu time",
        "data": "Max data size",
    },
    **{"fsize": "Max file size", "locks": "Max file locks", "memlock": "Max locked memory"},
    **{"msgqueue": "Max msgqueue size", "nice": "Max nice priority", "nofile": "Max open files"},
    **{"nproc": "Max processes", "rss": "Max resident set", "rtprio": "Max realtime priority"},
    **{"rttime": "Max realtime timeout", "sigpending": "Max pending signals", "stack": "Max stack size"},
}
_NO_LIMIT = 1 << 60  # cgroup v1 writes "no limit" as a number near 2**63


def _size_of(scene: Scene, target: str) -> int | None:
    """Bytes a tmpfs may hold; 0 for no bound; None if there is no such tmpfs or nobody knows."""
    for mount in scene.witness.mounts or ():
        if mount.target == target and mount.kind == "tmpfs":
            return _kibibytes(mount.super_options.get("size", "0"))
    return None


def size_bytes(tmpfs: TmpfsMount) -> int | None:
    """The promised size of a tmpfs; None without one."""
    sizes = [option[5:] for option in tmpfs.options if option.startswith("size=")]
    return int(sizes[-1]) if sizes and sizes[-1].isdigit() else None


def _kibibytes(text: str) -> int:
    digits = text.rstrip("kK")
    return int(digits) * 1024 if digits.isdigit() else 0


def _tmp_size(scene: Scene) -> Answer | None:
    """/tmp must have a size; every tmpfs at most what the policy gives it, as far as it says."""
    size = _size_of(scene, "/tmp")
    if scene.witness.mounts is None:
        return None
    if size is None:
        return opened("/tmp is not in memory: nothing bounds it")
    wide = [] if size else ["/tmp"]
    for tmpfs in scene.spec.tmpfs:
        promised, seen = size_bytes(tmpfs), _size_of(scene, tmpfs.destination)
        if promised and seen is not None and not 0 < seen < promised + _PAGE:
            wide.append(tmpfs.destination)
    if wide:
        return opened(f"larger than promised, or without a bound: {' '.join(dict.fromkeys(wide))}")
    return blocked(f"/tmp holds {size >> 20} MiB")


def _shm_size(scene: Scene) -> Answer | None:
    size = _size_of(scene, "/dev/shm")
    if size is None:
        return None
    if size and size <= scene.spec.shm_bytes:
        return blocked(f"/dev/shm holds {size >> 10} KiB")
    return opened(f"/dev/shm holds {size >> 10} KiB, promised {scene.spec.shm_bytes >> 10}")


def _workspace_size(scene: Scene) -> Answer | None:
    """The workspace's volume by the kernel's own tables: the device that is mounted inside, and its size."""
    promised = scene.spec.disk.volume_bytes
    mount = next((m for m in scene.witness.mounts or () if m.target == scene.spec.workdir), None)
    if promised is None or mount is None:
        return None
    size = device_bytes(mount.device)
    if size is not None and size <= promised:
        return blocked(f"the workspace is a volume of {size >> 20} MiB")
    told = "no volume" if size is None else f"a volume of {size >> 20} MiB"
    return opened(f"the workspace is {told}, promised one of {promised >> 20} MiB")


def _limit(what: str, value: str | None, promised: int | None) -> Answer | None:
    if value is None:
        return None
    number = value.split()[0]
    if number in ("max", "-1") or (number.isdigit() and int(number) >= _NO_LIMIT):
        return opened(f"the kernel holds no limit of {what}")
    if promised is not None and number.isdigit() and int(number) > promised:
        return opened(f"the kernel's limit of {what} is {number}, promised {promised}")
    return blocked(f"the kernel's limit of {what} is {value}")


def _memory(scene: Scene) -> Answer | None:
    return _limit("memory", scene.witness.cgroup.memory, scene.spec.memory_bytes)


def _pids(scene: Scene) -> Answer | None:
    return _limit("processes", scene.witness.cgroup.pids, scene.spec.pids_limit)


def _cpu(scene: Scene) -> Answer | None:
    """Microseconds, and the period that they are of; 0.1 s unless said."""
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
        return opened(f"hard limit {hard}, promised {promised}") if over else blocked(f"hard limit {hard}")

    return account


def _ulimits(scene: Scene) -> Answer | None:
    hard = scene.witness.ulimits
    if hard is None:
        return None
    if not scene.spec.ulimits:
        return Answer(verdict=Verdict.NOT_APPLICABLE, evidence="the policy sets none")
    wide = []
    for limit in scene.spec.ulimits:
        value = hard.get(ULIMITS.get(limit.name, ""), "")
        if limit.hard >= 0 and (value == "unlimited" or (value.isdecimal() and int(value) > limit.hard)):
            wide.append(f"{limit.name}={value}")
    return found(wide, f"all {len(scene.spec.ulimits)} hold")


LIMITS: Mapping[str, Callable[[Scene], Answer | None]] = {
    "rs.memory-limit": _memory,
    "rs.memory-alloc": _memory,
    "rs.pids-max": _pids,
    "ps.fork-limit": _pids,
    "rs.cpu-quota": _cpu,
    "rs.swap": _swap,
    "rs.disk-tmp": _tmp_size,
    "rs.disk-shm": _shm_size,
    "rs.disk-workspace": _workspace_size,
    "rs.nofile": _ulimit("nofile", "Max open files"),
    "rs.nproc": _ulimit("core", "Max core file size"),
    "rs.ulimits": _ulimits,
}
