"""Files, mounts and credentials that the sandbox can see. Presence is judged; no content is read out."""

from __future__ import annotations

import glob
import mmap
import os
import socket
import stat
import subprocess
from typing import Dict, Iterator, List

from openclaw_sandbox.verify.inside.kit import (
    FACTS,
    Answer,
    absent,
    blocked,
    call,
    can_create,
    error_name,
    first_bytes,
    found,
    in_child,
    is_open,
    mounts,
    probe,
    smallest_program,
)

_SYSTEM_FOLDERS = (
    *("/", "/usr", "/usr/bin", "/etc", "/var/tmp", "/run", "/run/lock", "/root", "/opt", "/home", "/srv"),
    *("/lib", "/var/lib", "/var/cache"),
)
_VIRTUAL = frozenset(
    {
        *("proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"),
        *("securityfs", "debugfs", "tracefs", "bpf", "fuse.lxcfs"),
    }
)
_ENGINE_FILES = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts")
_SOCKETS = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock"),
    *("/run/podman/podman.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/snapd.socket"),
    *("/run/buildkit/buildkitd.sock", "/var/run/docker/metrics.sock"),
)
_SENSITIVE = (
    *("/host", "/hostfs", "/rootfs", "/mnt/host", "/var/lib/docker", "/var/lib/containerd", "/etc/docker"),
    *("/var/lib/kubelet", "/var/log/journal", "/root/.ssh", "/home/*/.ssh", "/boot/vmlinuz-*"),
    "/boot/System.map-*",
)
_CREDENTIALS = (
    *(".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/id_ecdsa", ".aws/credentials", ".azure/accessTokens.json"),
    *(".config/gcloud/application_default_credentials.json", ".docker/config.json", ".kube/config"),
    *(".netrc", ".git-credentials", ".npmrc", ".pypirc", ".config/gh/hosts.yml", ".gnupg", ".env"),
)
_STANDARD_DEVICES = frozenset(
    {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"},
)


def _by_target() -> Dict[str, Dict[str, str]]:
    return {mount["target"]: mount for mount in mounts()}


def _targets() -> List[str]:
    skipped = ("/proc", "/sys", "/dev")
    return [target for target in _by_target() if not target.startswith(skipped)]


@probe("fs.rootfs-ro")
def root_is_read_only() -> Answer:
    options = _by_target()["/"]["options"].split(",")
    return blocked("/ is mounted ro") if "ro" in options else is_open("/ is mounted rw")


@probe("fs.rootfs-write")
def root_can_be_written() -> Answer:
    folders = [folder for folder in _SYSTEM_FOLDERS if os.path.isdir(folder)]
    wide = [folder for folder in folders if can_create(folder)]
    return found(wide, "%d system folders refuse" % len(folders))


@probe("fs.writable-mounts")
def writable_mounts() -> Answer:
    folders = sorted(target for target in _by_target() if os.path.isdir(target))
    return found([folder for folder in folders if can_create(folder)], "no mount can be written")


@probe("fs.host-binds")
def host_binds() -> Answer:
    """By the mount table: what file modes hide is found too."""
    seen = []
    for target, mount in sorted(_by_target().items()):
        if target in ("/", *_ENGINE_FILES) or mount["type"] in _VIRTUAL:
            continue
        seen.append("%s:%s" % (target, mount["options"].split(",")[0]))
    return found(seen, "no mount of a host's file system")


@probe("fs.hostpath-in-mountinfo")
def host_path() -> Answer:
    roots = [mount["root"] for target, mount in _by_target().items() if target in _ENGINE_FILES]
    return is_open("the engine's folder on the host shows") if roots else blocked("no host path shows")


@probe("fs.canary-host")
def canaries() -> Answer:
    """Files that the host laid out; looked up at their own path and below every mount."""
    places = ["", *_targets()]
    seen = []
    for canary in FACTS["canaries"]:
        for place in places:
            path = os.path.normpath(place + canary) if place else canary
            if os.path.lexists(path):
                seen.append(path)
            beside = os.path.join(place or "/", os.path.basename(canary))
            if os.path.lexists(beside):
                seen.append(os.path.normpath(beside))
    return found(sorted(set(seen)), "%d canaries, none in sight" % len(FACTS["canaries"]))


@probe("fs.dotdot")
def dotdot() -> Answer:
    starts = ("/../../../..", FACTS["workspace"] + "/../../../../..")
    if any(os.path.lexists(path) for path in FACTS["canaries"]):
        return absent("a host folder is mounted at its own path")
    seen = [c for start in starts for c in FACTS["canaries"] if os.path.lexists(start + c)]
    return found(seen, ".. ends at the sandbox's own root")


@probe("fs.workspace-parent")
def workspace_parent() -> Answer:
    name = FACTS["parent_canary"]
    if not name:
        return absent("the host could not lay a canary beside the workspace")
    here = [os.path.join(FACTS["workspace"], "..", name), os.path.join(FACTS["workspace"], name)]
    return found([path for path in here if os.path.lexists(path)], "what lies beside it is out of sight")


@probe("fs.sensitive-paths")
def sensitive_paths() -> Answer:
    seen = [path for pattern in _SENSITIVE for path in glob.glob(pattern)]
    return found(seen, "none of the known places exists")


@probe("fs.etc-shadow")
def shadow() -> Answer:
    try:
        if not first_bytes("/etc/shadow", 1):
            return blocked("/etc/shadow is empty: file_access hides it")
    except OSError as error:
        return blocked("open: %s" % error_name(error.errno or 0))
    return is_open("/etc/shadow of the image can be read")


@probe("fs.runtime-sockets", 10.0)
def runtime_sockets() -> Answer:
    """Presence is what counts; whether it answers is told. Nothing is sent."""
    seen = sorted({*(path for path in _SOCKETS if _is_socket(path)), *_sockets_found()})
    told = ["%s(%s)" % (path, _connects(path)) for path in seen]
    state, evidence, _ = found(told, "no unix socket")
    return state, evidence, seen


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        return error_name(error.errno or 0) == "EACCES" and path in _by_target()


def _sockets_found() -> Iterator[str]:
    yield from (target for target in _targets() if _is_socket(target))
    for top in ("/run", "/var/run", "/tmp", "/var/tmp"):
        for folder, folders, files in os.walk(top):
            if folder.count("/") > 5:
                folders.clear()
            yield from (
                os.path.join(folder, name) for name in files if _is_socket(os.path.join(folder, name))
            )


def _connects(path: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        code = sock.connect_ex(path)
    return error_name(code) if code else "connected"


@probe("fs.tmp-flags")
def tmp_flags() -> Answer:
    mount = _by_target().get("/tmp")
    if mount is None:
        return is_open("/tmp is no mount of its own", ["nosuid", "nodev", "noexec"])
    options = mount["options"].split(",")
    return found([flag for flag in ("nosuid", "nodev", "noexec") if flag not in options], mount["options"])


def _in_tmp(content: bytes) -> str:
    """A new file in /tmp that its mode lets run; the caller removes it."""
    path = "/tmp/.oc-%s" % os.urandom(6).hex()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def _starts(argv: List[str]) -> str:
    """'' if the kernel starts it, however it ends; else the error."""
    try:
        subprocess.call(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=5)
    except OSError as error:
        return error_name(error.errno or 0)
    return ""


@probe("fs.tmp-exec")
def tmp_exec() -> Answer:
    if not can_create("/tmp"):
        return absent("/tmp cannot be written")
    path = _in_tmp(smallest_program())
    try:
        error = _starts([path])
    finally:
        os.unlink(path)
    return blocked("exec: %s" % error) if error else is_open("a program from /tmp ran")


@probe("fs.tmp-exec-ldso")
def tmp_exec_by_loader() -> Answer:
    """What the loader does with a program or library: map it to be run."""
    if not can_create("/tmp"):
        return absent("/tmp cannot be written")
    path = _in_tmp(smallest_program())
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        mmap.mmap(descriptor, 1, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
    except OSError as error:
        return blocked("mmap: %s" % error_name(error.errno or 0))
    finally:
        os.close(descriptor)
        os.unlink(path)
    return is_open("code from /tmp was mapped to be run")


@probe("fs.tmp-script")
def tmp_script() -> Answer:
    if not can_create("/tmp"):
        return absent("/tmp cannot be written")
    path = _in_tmp(b"exit 0\n")
    try:
        error = _starts(["sh", path])
    finally:
        os.unlink(path)
    if error:
        return absent("the image has no sh")
    return is_open("an interpreter runs a script from /tmp: noexec does not stop that")


@probe("fs.memfd-exec")
def memfd_exec() -> Answer:
    """Memory that can be executed: noexec mounts do not stop that either."""
    descriptor, error = call("memfd_create", b"probe", 0)
    if error:
        return blocked("memfd_create: %s" % error)
    os.write(descriptor, smallest_program())

    def run() -> int:
        os.execv("/proc/self/fd/%d" % descriptor, ["true"])

    code = in_child(run)
    return is_open("a program ran from memory") if code == 0 else blocked("exec ended with %d" % code)


@probe("fs.shm")
def shared_memory() -> Answer:
    mount = _by_target().get("/dev/shm")
    if mount is None:
        return absent("no /dev/shm")
    about = os.statvfs("/dev/shm")
    size = about.f_blocks * about.f_frsize
    wrong = [flag for flag in ("nosuid", "nodev", "noexec") if flag not in mount["options"].split(",")]
    wrong += ["size=%d" % size] if size > FACTS["shm_bytes"] or not size else []
    return found(wrong, "%d KiB, %s" % (size >> 10, mount["options"]))


@probe("fs.dev-nodes")
def device_nodes() -> Answer:
    extra = []
    for folder, folders, files in os.walk("/dev"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/dev/pts", "/dev/shm")]
        for name in files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            device = stat.S_ISBLK(mode) or stat.S_ISCHR(mode)
            if device and not (folder == "/dev" and name in _STANDARD_DEVICES):
                extra.append(path)
    return found(sorted(extra), "only the standard nodes")


@probe("fs.suid-files", 15.0)
def setuid_files() -> Answer:
    seen = []
    for top in ("/bin", "/sbin", "/usr", "/lib", "/opt", "/home", "/var"):
        for folder, _, files in os.walk(top):
            for name in files:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                if stat.S_ISREG(mode) and mode & 0o6000:
                    seen.append(os.path.join(folder, name))
    return found(seen, "the image has none")


@probe("fs.setuid-honoured")
def setuid_honoured() -> Answer:
    wide = [target for target, mount in _by_target().items() if "nosuid" not in mount["options"].split(",")]
    return found(wide, "every mount has nosuid")


@probe("fs.proc1-root")
def root_of_init() -> Answer:
    try:
        one, own = os.stat("/proc/1/root/"), os.stat("/")
    except OSError as error:
        return blocked("/proc/1/root: %s" % error_name(error.errno or 0))
    same = (one.st_dev, one.st_ino) == (own.st_dev, own.st_ino)
    return blocked("it is this very root") if same else is_open("/proc/1/root is another file system")


@probe("cr.files")
def credential_files() -> Answer:
    homes = {"/root", os.environ.get("HOME", "/root"), FACTS["workspace"], *glob.glob("/home/*")}
    seen = [os.path.join(home, name) for home in sorted(homes) for name in _CREDENTIALS]
    seen += ["/run/secrets", "/var/run/secrets/kubernetes.io", os.environ.get("SSH_AUTH_SOCK", "")]
    mounted = [t for t in _targets() if t.endswith(tuple("/" + name for name in (".ssh", ".aws", ".gnupg")))]
    return found([path for path in seen if path and os.path.lexists(path)] + mounted, "none in sight")
