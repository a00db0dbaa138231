"""Containers that are weaker than promised, each in one setting, as changes of the create request's body."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Body = dict[str, Any]

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """`setting` is what verify must name. `body` also gets a folder of this host's to play with."""

    name: str
    setting: str
    change: Callable[[Body, Path], None]

    def __str__(self) -> str:
        return self.name


def _host(**values: Any) -> Callable[[Body, Path], None]:
    return lambda body, _folder: body["HostConfig"].update(values)


def _top(**values: Any) -> Callable[[Body, Path], None]:
    return lambda body, _folder: body.update(values)


def _both(*changes: Callable[[Body, Path], None]) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        for one in changes:
            one(body, folder)

    return change


def _security(drop: str, *add: str) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        kept = [option for option in body["HostConfig"]["SecurityOpt"] if not option.startswith(drop)]
        body["HostConfig"]["SecurityOpt"] = [*kept, *add]

    return change


def _io_uring_allowed(body: Body, folder: Path) -> None:
    """The promised profile with one rule more."""
    options = body["HostConfig"]["SecurityOpt"]
    profile = json.loads(
        next(option for option in options if option.startswith("seccomp=")).partition("=")[2]
    )
    names = ["io_uring_setup", "io_uring_enter", "io_uring_register"]
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in names]
    profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
    profile["syscalls"].append({"names": names, "action": "SCMP_ACT_ALLOW", "args": []})
    _security("seccomp=", f"seccomp={json.dumps(profile)}")(body, folder)


def _tmp(without: str) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        tmpfs = body["HostConfig"]["Tmpfs"]
        options = [part for part in tmpfs["/tmp"].split(",") if not part.startswith(without)]
        # Without "exec" Docker adds noexec itself.
        tmpfs["/tmp"] = ",".join(
            [*options, {"noexec": "exec", "nosuid": "suid", "nodev": "dev"}.get(without, "")]
        )
        tmpfs["/tmp"] = tmpfs["/tmp"].strip(",")

    return change


def _no_tmp(body: Body, folder: Path) -> None:
    del body["HostConfig"]["Tmpfs"]["/tmp"]


def _one_more_tmpfs(body: Body, folder: Path) -> None:
    # A folder that the image lacks: elsewhere the engine takes over the folder's own mode, root's.
    body["HostConfig"]["Tmpfs"]["/scratch"] = "size=1m"


def _bind(
    source: str, target: str, *, read_only: bool = True, **options: Any
) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        place = source.replace("@", str(folder))
        mount = {"Type": "bind", "Source": place, "Target": target, "ReadOnly": read_only, **options}
        body["HostConfig"]["Mounts"].append(mount)

    return change


def _credentials(body: Body, folder: Path) -> None:
    keys = folder / ".ssh"
    keys.mkdir()
    (keys / "id_ed25519").touch()
    _bind(str(keys), "/home/sandbox/.ssh")(body, folder)


def _workspace(body: Body) -> Body:
    found = body["HostConfig"]["Mounts"]
    return next(mount for mount in found if mount["Target"] == body["WorkingDir"])


def _parent_as_workspace(body: Body, folder: Path) -> None:
    mount = _workspace(body)
    mount["Source"] = str(Path(mount["Source"]).parent)


def _other_workspace(body: Body, folder: Path) -> None:
    _workspace(body)["Source"] = str(folder)


def _data_writable(body: Body, folder: Path) -> None:
    for mount in body["HostConfig"]["Mounts"]:
        if mount["Target"] == "/data":
            mount["ReadOnly"] = False


def _shared(body: Body, folder: Path) -> None:
    _workspace(body)["BindOptions"] = {"Propagation": "rshared"}


def _volume(body: Body, folder: Path) -> None:
    body["HostConfig"]["Mounts"].append({"Type": "volume", "Target": "/mnt"})


def _secret(body: Body, folder: Path) -> None:
    body["Env"] = [*body["Env"], "EXAMPLE_API_KEY=octest"]


def _whole_environment(body: Body, folder: Path) -> None:
    names = [name for name in os.environ if name.startswith("OCS_CANARY_")]
    body["Env"] = [*body["Env"], *(f"{name}=1" for name in names)]


def _ulimit(name: str, value: int) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        limits = [limit for limit in body["HostConfig"]["Ulimits"] if limit["Name"] != name]
        body["HostConfig"]["Ulimits"] = [*limits, {"Name": name, "Soft": value, "Hard": value}]

    return change


def _device(path: str) -> Callable[[Body, Path], None]:
    return _host(Devices=[{"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "r"}])


def _capability(name: str) -> Iterator[Mutation]:
    yield Mutation(name=f"cap-{name.lower()}", setting="docker.capDrop", change=_host(CapAdd=[name]))


def _capability_of_root(name: str) -> Iterator[Mutation]:
    change = _both(_host(CapAdd=[name]), _top(User="0:0"))
    yield Mutation(name=f"root-cap-{name.lower()}", setting="docker.capDrop", change=change)


def _plain(setting: str, **changes: Callable[[Body, Path], None]) -> Iterator[Mutation]:
    for name, change in changes.items():
        yield Mutation(name=name.replace("_", "-"), setting=setting, change=change)


def all_mutations() -> tuple[Mutation, ...]:
    """Every one of them; names are stable."""
    found: list[Mutation] = [
        *_plain("docker.readOnlyRoot", writable_root=_host(ReadonlyRootfs=False)),
        *_plain("docker.user", root=_top(User="0:0"), group_root=_top(User="1000:0")),
        *_plain("docker.user", extra_group=_host(GroupAdd=["0"])),
        *_plain(
            "docker.capDrop",
            default_caps=_host(CapDrop=[]),
            default_caps_root=_both(_host(CapDrop=[]), _top(User="0:0")),
        ),
        *_plain("docker.noNewPrivileges", new_privileges=_security("no-new-privileges")),
        *_plain(
            "docker.seccompProfile",
            seccomp_unconfined=_security("seccomp=", "seccomp=unconfined"),
            seccomp_of_engine=_security("seccomp="),
            seccomp_allows_all=_security("seccomp=", 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'),
            seccomp_io_uring=_io_uring_allowed,
        ),
        *_plain("docker.network", bridge=_host(NetworkMode="bridge"), host_network=_host(NetworkMode="host")),
        *_plain("docker.pidsLimit", no_pids_limit=_host(PidsLimit=0), more_pids=_host(PidsLimit=4000)),
        *_plain(
            "docker.memory",
            no_memory_limit=_host(Memory=0, MemorySwap=0),
            more_memory=_host(Memory=512 * MIB, MemorySwap=512 * MIB),
        ),
        *_plain("docker.memorySwap", swap_too=_host(MemorySwap=512 * MIB), endless_swap=_host(MemorySwap=-1)),
        *_plain("docker.cpus", no_cpu_quota=_host(NanoCpus=0), more_cpus=_host(NanoCpus=2_000_000_000)),
        *_plain(
            "docker.tmpfs",
            tmp_exec=_tmp("noexec"),
            tmp_suid=_tmp("nosuid"),
            tmp_dev=_tmp("nodev"),
            tmp_endless=_tmp("size="),
            no_tmp=_no_tmp,
            one_more_tmpfs=_one_more_tmpfs,
        ),
        *_plain(
            "docker.binds",
            engine_socket=_bind("/var/run/docker.sock", "/var/run/docker.sock"),
            host_root=_bind("/", "/mnt"),
            home_of_root=_bind("/root", "/mnt"),
            host_log=_bind("/var/log", "/mnt"),
            credentials=_credentials,
            undeclared_bind=_bind("@", "/mnt"),
            parent_as_workspace=_parent_as_workspace,
            other_workspace=_other_workspace,
            data_writable=_data_writable,
            shared_mount=_shared,
            volume=_volume,
            host_cgroups=_bind("/sys/fs/cgroup", "/mnt"),
            host_proc=_bind("/proc", "/mnt"),
        ),
        *_plain("docker.shmSize", more_shm=_host(ShmSize=256 * MIB)),
        *_plain("ipc", host_ipc=_host(IpcMode="host")),
        *_plain("pid", host_pid=_host(PidMode="host")),
        *_plain("uts", host_uts=_host(UTSMode="host")),
        *_plain("cgroupns", host_cgroupns=_host(CgroupnsMode="host")),
        *_plain("init", no_init=_host(Init=False)),
        *_plain("devices", device=_device("/dev/kmsg"), device_rule=_host(DeviceCgroupRules=["b *:* r"])),
        *_plain("systempaths", system_paths=_host(MaskedPaths=[], ReadonlyPaths=[])),
        *_plain("privileged", privileged=_host(Privileged=True)),
        *_plain("docker.env", secret_variable=_secret, whole_environment=_whole_environment),
        *_plain("docker.ulimits", more_files=_ulimit("nofile", 2048), core_files=_ulimit("core", 64 * MIB)),
    ]
    for name in ("SYS_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_MODULE", "MKNOD", "NET_ADMIN", "SYS_RAWIO"):
        found += _capability(name)
    for name in ("SYS_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYSLOG", "SYS_BOOT", "SYS_CHROOT"):
        found += _capability_of_root(name)
    return tuple(found)
