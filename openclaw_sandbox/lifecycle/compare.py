"""A running container against its spec, field by field. Pure: it reads the engine's own inspect document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.spec.model import ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCheck:
    """One promise and what the container has. `key` is the config key behind it."""

    field: str
    promised: Any
    observed: Any
    key: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the container keeps the promise."""
        return bool(self.promised == self.observed)


def _host(observed: Observed) -> Mapping[str, Any]:
    found = observed.raw.get("HostConfig")
    return found if isinstance(found, Mapping) else {}


def _config(observed: Observed) -> Mapping[str, Any]:
    found = observed.raw.get("Config")
    return found if isinstance(found, Mapping) else {}


def _names(values: Any) -> list[str]:
    return sorted(str(value).upper().removeprefix("CAP_") for value in values or ())


def _tmpfs(observed: Observed) -> dict[str, list[str]]:
    return {path: sorted(text.split(",")) for path, text in (_host(observed).get("Tmpfs") or {}).items()}


def _mounts(observed: Observed) -> list[tuple[str, str, str]]:
    return sorted(
        (mount.destination, mount.source, "ro" if mount.read_only else "rw")
        for mount in observed.mounts
        if mount.kind == "bind"
    )


def _ulimits(observed: Observed) -> dict[str, str]:
    return {item["Name"]: f"{item['Soft']}:{item['Hard']}" for item in _host(observed).get("Ulimits") or ()}


def _masked(observed: Observed, wanted: tuple[str, ...]) -> list[str]:
    """Only the paths that were promised: the engine hides some of its own."""
    hidden = set(_host(observed).get("MaskedPaths") or ())
    return [path for path in wanted if path in hidden]


def _env(observed: Observed, wanted: Mapping[str, str]) -> dict[str, str]:
    """Only the variables that were promised: the image brings its own."""
    pairs = (entry.partition("=") for entry in _config(observed).get("Env") or ())
    return {name: value for name, _, value in pairs if name in wanted}


def _no_new_privileges(observed: Observed) -> bool:
    """Docker also takes "no-new-privileges:false", and of several the last."""
    options = [str(option) for option in _host(observed).get("SecurityOpt") or ()]
    found = [o.removeprefix("no-new-privileges") for o in options if o.startswith("no-new-privileges")]
    return bool(found) and found[-1] in ("", ":true", "=true")


def _seccomp(observed: Observed) -> str:
    """The profile's text, without its spaces: engines may write it anew. Of several they take the last."""
    options = [str(option) for option in _host(observed).get("SecurityOpt") or ()]
    found = [option.partition("=")[2] for option in options if option.startswith("seccomp=")]
    return "".join(found[-1].split()) if found else ""


#: Field, config key, and how to read the promise and the observation.
_FIELDS: tuple[tuple[str, str, Callable[[ContainerSpec, Observed], tuple[Any, Any]]], ...] = (
    ("image", "docker.image", lambda s, o: (s.image, o.image)),
    ("user", "docker.user", lambda s, o: (s.user, _config(o).get("User"))),
    ("workdir", "docker.workdir", lambda s, o: (s.workdir, _config(o).get("WorkingDir"))),
    (
        "read_only_root",
        "docker.readOnlyRoot",
        lambda s, o: (s.read_only_root, bool(_host(o).get("ReadonlyRootfs"))),
    ),
    ("network", "docker.network", lambda s, o: (s.network, _host(o).get("NetworkMode"))),
    ("cap_drop", "docker.capDrop", lambda s, o: (_names(s.cap_drop), _names(_host(o).get("CapDrop")))),
    ("cap_add", "", lambda s, o: (_names(s.cap_add), _names(_host(o).get("CapAdd")))),
    ("privileged", "", lambda _s, o: (False, bool(_host(o).get("Privileged")))),
    (
        "no_new_privileges",
        "docker.noNewPrivileges",
        lambda s, o: (s.no_new_privileges, _no_new_privileges(o)),
    ),
    (
        "seccomp",
        "docker.seccompProfile",
        lambda s, o: ("".join((s.seccomp.profile or "").split()), _seccomp(o)),
    ),
    (
        "memory",
        "docker.memory",
        lambda s, o: (s.memory_bytes or 0, _host(o).get("Memory")),
    ),
    (
        "memory_swap",
        "docker.memorySwap",
        lambda s, o: (s.memory_swap_bytes or 0, _host(o).get("MemorySwap")),
    ),
    ("pids_limit", "docker.pidsLimit", lambda s, o: (s.pids_limit or 0, _host(o).get("PidsLimit") or 0)),
    (
        "cpus",
        "docker.cpus",
        lambda s, o: (round((s.cpus or 0) * 10**9), _host(o).get("NanoCpus") or 0),
    ),
    (
        "memory_reservation",
        "resource_limits.memory_reservation",
        lambda s, o: (s.memory_reservation_bytes or 0, _host(o).get("MemoryReservation") or 0),
    ),
    (
        "cpu_shares",
        "resource_limits.cpu_shares",
        lambda s, o: (s.cpu_shares or 0, _host(o).get("CpuShares") or 0),
    ),
    (
        "cpuset",
        "resource_limits.cpuset",
        lambda s, o: (s.cpuset or "", _host(o).get("CpusetCpus") or ""),
    ),
    ("runtime", "runtime", lambda s, o: (s.runtime, s.runtime and _host(o).get("Runtime"))),
    (
        "masked_paths",
        "file_access.deny_paths",
        lambda s, o: (list(s.masked_paths), _masked(o, s.masked_paths)),
    ),
    (
        "ulimits",
        "docker.ulimits",
        lambda s, o: ({u.name: f"{u.soft}:{u.hard}" for u in s.ulimits}, _ulimits(o)),
    ),
    ("shm", "docker.shmSize", lambda s, o: (s.shm_bytes, _host(o).get("ShmSize"))),
    ("tmpfs", "docker.tmpfs", lambda s, o: ({t.destination: sorted(t.options) for t in s.tmpfs}, _tmpfs(o))),
    (
        "mounts",
        "docker.binds",
        lambda s, o: (
            sorted((m.destination, m.source, "ro" if m.read_only else "rw") for m in s.mounts),
            _mounts(o),
        ),
    ),
    ("env", "docker.env", lambda s, o: (dict(s.env), _env(o, s.env))),
    ("dns", "docker.dns", lambda s, o: (list(s.dns), list(_host(o).get("Dns") or ()))),
    (
        "extra_hosts",
        "docker.extraHosts",
        lambda s, o: (list(s.extra_hosts), list(_host(o).get("ExtraHosts") or ())),
    ),
    ("init", "", lambda s, o: (s.init, bool(_host(o).get("Init")))),
    ("private_ipc", "", lambda s, o: (s.private_ipc, _host(o).get("IpcMode") == "private")),
    (
        "private_cgroup_namespace",
        "",
        lambda s, o: (s.private_cgroup_namespace, _host(o).get("CgroupnsMode") == "private"),
    ),
    ("log", "", lambda s, o: (s.log.driver.value, (_host(o).get("LogConfig") or {}).get("Type"))),
)


def compare(spec: ContainerSpec, observed: Observed) -> tuple[FieldCheck, ...]:
    """Every field of the hardening: what `spec` promises and what the container has."""
    found = []
    for field, key, read in _FIELDS:
        promised, seen = read(spec, observed)
        found.append(FieldCheck(field=field, promised=promised, observed=seen, key=key))
    return tuple(found)
