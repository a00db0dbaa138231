"""Containers that differ in their seccomp profile alone, and what runs in them.

The image is a skeleton of links; the programs are the host's own /usr, bound read-only. That takes no network
and no minutes, and the filter cannot tell the difference.
"""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
from docker.types import Mount, Ulimit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

    from tests.integration.seccomp.calls import Call

HERE = Path(__file__).resolve().parent

#: The host's data that its programs need besides /usr.
BESIDES = [
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/apt",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/apt",
]

#: All but those that a daemon in a restricted machine cannot give. With them, the kernel refuses a privileged
#: call for its arguments and not for want of a right, so that its answer differs from the filter's.
CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD
    NET_ADMIN NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE
    SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_TIME SYS_TTY_CONFIG SYSLOG
"""

UNCONFINED = "unconfined"


def skeleton() -> bytes:
    """A root file system as a tar file: the host's links (/bin -> usr/bin), empty folders, two users."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(Path("/").iterdir()):
            # /sbin must be a folder: the engine binds its init there, and /usr would hide it.
            if path.is_symlink() and str(path.readlink()).startswith("usr/") and path.name != "sbin":
                link = tarfile.TarInfo(path.name)
                link.type, link.linkname = tarfile.SYMTYPE, str(path.readlink())
                tar.addfile(link)
        for folder in (
            "dev",
            "etc",
            "opt",
            "probe",
            "proc",
            "root",
            "sbin",
            "sys",
            "tmp",
            "usr",
            "var",
            "work",
        ):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder in ("tmp", "work") else 0o755
            tar.addfile(entry)
        for name, text in {
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsandbox:x:1000:1000::/work:/bin/bash\n",
            "etc/group": "root:x:0:\nsandbox:x:1000:\n",
        }.items():
            file = tarfile.TarInfo(name)
            file.size = len(text)
            tar.addfile(file, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def skeleton_image(client: docker.DockerClient, name: str) -> Iterator[str]:
    client.api.import_image_from_data(skeleton(), repository=name, tag="seccomp")
    try:
        yield f"{name}:seccomp"
    finally:
        client.images.remove(f"{name}:seccomp", force=True)


class Bench:
    """Starts containers from the skeleton. Every one is gone when its `with` block ends."""

    def __init__(self, client: docker.DockerClient, image: str, name: str, cases: Path) -> None:
        self.client, self.image, self.name, self.cases = client, image, name, cases

    @contextmanager
    def container(self, profile: str, *, mighty: bool = False) -> Iterator[Container]:
        """A running container under `profile` (JSON text, or UNCONFINED).

        Hardened as a sandbox is; or, `mighty`, root with nearly every capability, for raw calls only.
        """
        binds = [
            Mount(path, path, type="bind", read_only=True)
            for path in ["/usr", *BESIDES]
            if Path(path).exists()
        ]
        binds += [
            Mount(f"/probe/{f.name}", str(f), type="bind", read_only=True)
            for f in (*HERE.glob("*.*"), self.cases)
        ]
        container = self.client.containers.create(
            self.image,
            ["sleep", "120"],  # bounds whatever hangs in it
            name=self.name,
            user="0:0" if mighty else "1000:1000",
            cap_drop=["ALL"],
            cap_add=CAPABILITIES.split() if mighty else [],
            security_opt=["no-new-privileges:true", f"seccomp={profile}"],
            network_mode="none",
            read_only=True,
            init=True,
            pids_limit=512,
            mem_limit="2g",
            mounts=binds,
            tmpfs={"/tmp": "noexec,nosuid,nodev,mode=1777", "/work": "exec,nosuid,nodev,mode=1777"},
            environment={
                "HOME": "/work",
                "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                "LC_ALL": "C.UTF-8",
            },
            working_dir="/work",
            ulimits=[Ulimit(name="core", soft=0, hard=0)],
        )
        try:
            container.start()
            yield container
        finally:
            container.remove(force=True, v=True)

    def raw(self, profile: str, *, mighty: bool = False) -> dict[str, str]:
        """The answer to every raw call, by its id; empty if nothing can run at all."""
        try:
            with self.container(profile, mighty=mighty) as container:
                result = container.exec_run(
                    ["/usr/bin/python3", "-I", "/probe/raw_calls.py", f"/probe/{self.cases.name}"], demux=True
                )
        except docker.errors.APIError:
            return {}
        answers: dict[str, str] = json.loads(result.output[0] or "{}") if result.exit_code == 0 else {}
        return answers

    def workloads(self, profile: str) -> tuple[set[str], str]:
        """The names of the workloads that succeeded, and everything that was printed."""
        try:
            with self.container(profile) as container:
                output = container.exec_run(
                    ["timeout", "-k", "1", "45", "bash", "/probe/workloads.sh"]
                ).output.decode(errors="replace")
        except docker.errors.APIError as error:
            return set(), str(error)
        lines = [line.split() for line in output.splitlines() if not line.startswith(" ")]
        return {fields[0] for fields in lines if fields[1:] == ["0"]}, output


def write_cases(calls: list[Call], path: Path) -> Path:
    path.write_text(json.dumps([call.wire() for call in calls]), encoding="utf-8")
    path.chmod(0o644)
    return path


def without(profile: str, name: str) -> str:
    """The profile with `name` taken out of every rule: the default refuses it."""
    document: dict[str, Any] = json.loads(profile)
    for rule in document["syscalls"]:
        rule["names"] = [other for other in rule["names"] if other != name]
    document["syscalls"] = [rule for rule in document["syscalls"] if rule["names"]]
    return json.dumps(document)


def allowing(profile: str, name: str) -> str:
    """The profile with `name` allowed whatever its arguments."""
    document = json.loads(without(profile, name))
    document["syscalls"].append({"names": [name], "action": "SCMP_ACT_ALLOW"})
    return json.dumps(document)
