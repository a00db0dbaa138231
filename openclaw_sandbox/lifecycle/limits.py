"""The limits of a run as its messages name them: value, key, and where they were set. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.config.origin import OriginKind
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.lifecycle.execute import Bounds
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec, TmpfsMount


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: its value for a human, the key that sets it, and where that stands."""

    value: str
    key: str
    origin: str = ""

    def text(self) -> str:
        """`256 MiB (config.yml:8 sandbox.resource_limits.memory)`."""
        return f"{self.value} ({self.origin or self.key})"


#: What a message says of a limit that it knows nothing of.
NO_LIMIT = Limit(value="none", key="")


def limits_of(policy: EffectivePolicy, spec: ContainerSpec, bounds: Bounds) -> dict[str, Limit]:
    """Every limit that a command can run into, by a short name; `tmpfs:PATH`, `volume:PATH` are places."""
    hardening = policy.hardening
    found = {
        "memory": _limit(policy, _size(spec.memory_bytes), "docker.memory"),
        "pids": _limit(policy, str(spec.pids_limit or "none"), "docker.pidsLimit"),
    }
    if hardening.disk_bytes is not None:
        found["disk"] = _limit(policy, human_size(hardening.disk_bytes), "resource_limits.disk")
        if spec.disk.volume_bytes is not None:
            found[f"volume:{spec.workdir}"] = found["disk"]
    if bounds.timeout_s is not None:
        value = f"{bounds.timeout_s:g} s"
        ours = bounds.timeout_s == hardening.timeout_s
        found["timeout"] = _limit(policy, value, "timeout") if ours else _flag(value, "--timeout")
    if bounds.output_limit is not None:
        value = human_size(bounds.output_limit)
        ours = bounds.output_limit == hardening.max_output_bytes
        key = "logging.max_output_size"
        found["output"] = _limit(policy, value, key) if ours else _flag(value, "--max-output")
    for ulimit in spec.ulimits:
        found[ulimit.name] = _limit(policy, str(ulimit.soft), f"docker.ulimits.{ulimit.name}")
    return found | {f"tmpfs:{tmpfs.destination}": _tmpfs(policy, tmpfs) for tmpfs in spec.tmpfs}


def _size(count: int | None) -> str:
    return human_size(count) if count else "none"


def _flag(value: str, flag: str) -> Limit:
    return Limit(value=value, key=flag, origin=flag)


def _limit(policy: EffectivePolicy, value: str, key: str) -> Limit:
    """Named by the key of the file that set it, so that it can be found there."""
    said = policy.values.get(key)
    if said is None or said.origin.kind is OriginKind.BUILT_IN:
        return Limit(value=value, key=key, origin=f"{key}, built-in")
    return Limit(value=value, key=said.origin.key or key, origin=said.origin.text())


def _tmpfs(policy: EffectivePolicy, mount: TmpfsMount) -> Limit:
    sizes = [option.removeprefix("size=") for option in mount.options if option.startswith("size=")]
    value = human_size(int(sizes[-1])) if sizes and sizes[-1].isdecimal() else "none"
    said = policy.values.get("tmpfs_size")
    bounded = said is not None and str(said.value) == (sizes or [""])[-1]
    return _limit(policy, value, "tmpfs_size" if bounded else "docker.tmpfs")


def tmpfs_limit(limits: Mapping[str, Limit], path: str) -> tuple[str, Limit] | None:
    """The tmpfs that a path lies in, and its size; None if it lies in none."""
    return _over("tmpfs:", limits, path)


def volume_limit(limits: Mapping[str, Limit], path: str) -> tuple[str, Limit] | None:
    """The same of the workspace that is a volume."""
    return _over("volume:", limits, path)


def _over(kind: str, limits: Mapping[str, Limit], path: str) -> tuple[str, Limit] | None:
    names = (name.removeprefix(kind) for name in limits if name.startswith(kind))
    covering = [name for name in names if path == name or path.startswith(name.rstrip("/") + "/")]
    found = max(covering, key=len, default=None)
    return None if found is None else (found, limits[f"{kind}{found}"])
