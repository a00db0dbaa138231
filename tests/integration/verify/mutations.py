"""Containers that are weaker than promised, each in one setting, as changes of the create request's body."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Body = dict[str, Any]

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """`setting` is what verify must name. `change` also gets a folder of this host's to play with.

    `policy` is what `bench` takes beside the image: a promise that only this container can break.
    """

    name: str
    setting: str
    change: Callable[[Body, Path], None]
    policy: Body = field(default_factory=dict)

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


def _one_more_call(name: str) -> Callable[[Body, Path], None]:
    """The promised profile with one call let in that it refuses."""

    def change(body: Body, folder: Path) -> None:
        options = body["HostConfig"]["SecurityOpt"]
        text = next(option for option in options if option.startswith("seccomp=")).partition("=")[2]
        profile = json.loads(text)
        profile["syscalls"].append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": []})
        _security("seccomp=", f"seccomp={json.dumps(profile)}")(body, folder)

    return change


def _and_allows_all(body: Body, folder: Path) -> None:
    body["HostConfig"]["SecurityOpt"].append('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}')


def _all_tmpfs(without: str) -> Callable[[Body, Path], None]:
    """Every tmpfs but /tmp."""

    def change(body: Body, folder: Path) -> None:
        tmpfs = body["HostConfig"]["Tmpfs"]
        for path in set(tmpfs) - {"/tmp"}:
            options = [part for part in tmpfs[path].split(",") if not part.startswith(without)]
            positive = {"noexec": ["exec"], "nosuid": ["suid"], "nodev": ["dev"]}.get(without, [])
            tmpfs[path] = ",".join([*options, *positive])

    return change


def _larger_tmp(body: Body, folder: Path) -> None:
    tmpfs = body["HostConfig"]["Tmpfs"]
    tmpfs["/tmp"] = tmpfs["/tmp"].replace("size=33554432", "size=67108864")


def _without_mount(target: str) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        host = body["HostConfig"]
        host["Mounts"] = [mount for mount in host["Mounts"] if mount["Target"] != target]
        host["Tmpfs"].pop(target, None)

    return change


def _without_mask(path: str) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        masked = body["HostConfig"]["MaskedPaths"]
        body["HostConfig"]["MaskedPaths"] = [one for one in masked if one != path]

    return change


def _writable(target: str) -> Callable[[Body, Path], None]:
    def change(body: Body, folder: Path) -> None:
        for mount in body["HostConfig"]["Mounts"]:
            if mount["Target"] == target:
                mount["ReadOnly"] = False

    return change


def _device(path: str) -> Callable[[Body, Path], None]:
    return _host(Devices=[{"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "r"}])


def _capability(name: str) -> Iterator[Mutation]:
    yield Mutation(name=f"cap-{name.lower()}", setting="docker.capDrop", change=_host(CapAdd=[name]))


def _capability_of_root(name: str) -> Iterator[Mutation]:
    change = _both(_host(CapAdd=[name]), _top(User="0:0"))
    yield Mutation(name=f"root-cap-{name.lower()}", setting="docker.capDrop", change=change)


def _plain(
    setting: str, policy: Body | None = None, **changes: Callable[[Body, Path], None]
) -> Iterator[Mutation]:
    for name, change in changes.items():
        yield Mutation(name=name.replace("_", "-"), setting=setting, change=change, policy=policy or {})


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
            data_writable=_writable("/data"),
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
    found += _of_the_record()
    found += _of_other_promises()
    for name in (
        "SYS_ADMIN",
        "NET_RAW",
        "SYS_PTRACE",
        "SYS_MODULE",
        "MKNOD",
        "NET_ADMIN",
        "SYS_RAWIO",
        "CHOWN",
    ):
        found += _capability(name)
    for name in ("SYS_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYSLOG", "SYS_BOOT", "SYS_CHROOT"):
        found += _capability_of_root(name)
    return tuple(found)


def _of_the_record() -> Iterator[Mutation]:
    """What no attempt inside finds out, or only now and then."""
    yield from _plain(
        "docker.user",
        other_user=_top(User="1234:1234"),
        other_group=_top(User="1000:999"),
        extra_groups=_host(GroupAdd=["999"]),
    )
    yield from _plain(
        "docker.seccompProfile",
        seccomp_twice=_and_allows_all,
        seccomp_keyctl=_one_more_call("keyctl"),
        seccomp_unshare=_one_more_call("unshare"),
        seccomp_personality=_one_more_call("personality"),
    )
    yield from _plain(
        "systempaths", masks_lifted=_host(MaskedPaths=[]), proc_writable=_host(ReadonlyPaths=[])
    )
    yield from _plain("systempaths", keys_unmasked=_host(MaskedPaths=["/proc/kcore", "/sys/firmware"]))
    yield from _plain(
        "docker.cpus", quota_of_another_period=_host(NanoCpus=0, CpuPeriod=10000, CpuQuota=100000)
    )
    yield from _plain(
        "docker.tmpfs",
        others_exec=_all_tmpfs("noexec"),
        others_suid=_all_tmpfs("nosuid"),
        others_endless=_all_tmpfs("size="),
        larger_tmp=_larger_tmp,
    )
    yield from _plain(
        "docker.binds",
        etc=_bind("/etc", "/mnt"),
        root_writable=_bind("/", "/mnt", read_only=False),
        host_sys=_bind("/sys", "/mnt", read_only=False),
        host_run=_bind("/run", "/mnt"),
        host_dev=_bind("/dev", "/mnt"),
        in_memory=_bind("/dev/shm", "/mnt", read_only=False),
        over_an_engine_file=_bind("/etc/hosts", "/etc/passwd"),
        slave_mount=_bind("@", "/mnt", BindOptions={"Propagation": "rslave"}),
        bind_below_the_workspace=_bind("/etc", "/workspace/etc"),
    )
    yield from _plain(
        "devices",
        device_elsewhere=_host(
            Devices=[{"PathOnHost": "/dev/kmsg", "PathInContainer": "/opt/log", "CgroupPermissions": "r"}]
        ),
        device_in_a_folder=_host(
            Devices=[{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/x/y", "CgroupPermissions": "rwm"}]
        ),
    )
    yield from _plain("ipc", shareable_ipc=_host(IpcMode="shareable"))
    yield from _plain("sysctls", sysctl=_host(Sysctls={"net.ipv4.ip_unprivileged_port_start": "0"}))
    yield from _plain("oom_score_adj", spared=_host(OomScoreAdj=-500))
    yield from _plain("oom_kill_disable", never_killed=_host(OomKillDisable=True))
    yield from _plain("restart", restarts=_host(RestartPolicy={"Name": "always"}))
    yield from _plain(
        "log",
        log_endless=_host(LogConfig={"Type": "json-file", "Config": {}}),
        log_elsewhere=_host(LogConfig={"Type": "local", "Config": {}}),
    )
    yield from _plain("docker.extraHosts", host_name=_host(ExtraHosts=["api.example:192.0.2.1"]))
    yield from _plain("docker.dns", resolver=_host(Dns=["192.0.2.53"]))
    yield from _plain("cgroup_parent", cgroup_parent=_host(CgroupParent="/octest"))


def _of_other_promises() -> Iterator[Mutation]:
    """Where the policy gives something up, what goes beyond it must still be found."""
    bridge: Body = {"network": "bridge"}
    yield from _plain(
        "docker.capDrop",
        {"file": {"keep_capabilities": ["CHOWN"]}},
        one_more_capability=_host(CapAdd=["CHOWN", "NET_RAW"]),
    )
    yield from _plain("docker.capDrop", {"capDrop": ["NET_RAW"]}, a_dropped_capability=_host(CapDrop=[]))
    yield from _plain(
        "ports",
        {**bridge, "file": {"ports": [{"container": 8080}]}},
        port_on_every_address=_host(PortBindings={"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}),
        other_port=_host(PortBindings={"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}),
    )
    yield from _plain("docker.network", bridge, host_for_bridge=_host(NetworkMode="host"))
    yield from _plain(
        "workspaceAccess", {"sandbox": {"workspaceAccess": "ro"}}, workspace_writable=_writable("/workspace")
    )
    hides: Body = {"file": {"file_access": {"deny_paths": ["/workspace/secret", "/usr/games"]}}}
    yield from _plain(
        "file_access",
        hides,
        folder_not_hidden=_without_mount("/workspace/secret"),
        image_not_hidden=_without_mask("/usr/games"),
    )
    yield from _plain(
        "docker.ulimits", {"ulimits": {"memlock": 65536}}, more_locked=_ulimit("memlock", 131072)
    )
    limits = {"cpuset": "0", "cpu_shares": "512", "memory_reservation": "64m"}
    limited: Body = {"file": {"resource_limits": limits}}
    yield from _plain("resource_limits.cpuset", limited, more_processors=_host(CpusetCpus="0-1"))
    yield from _plain("resource_limits.cpu_shares", limited, more_shares=_host(CpuShares=2048))
    yield from _plain(
        "resource_limits.memory_reservation", limited, no_reservation=_host(MemoryReservation=0)
    )
