"""Files and mounts, and the credentials among them."""

from __future__ import annotations

from openclaw_sandbox.verify.catalogue.rows import Rows
from openclaw_sandbox.verify.model import Category, Probe, Severity

_C, _H, _M, _L, _I = Severity
_fs, _cr = Rows(Category.FILESYSTEM), Rows(Category.CREDENTIALS)
_RO, _TMPFS, _BINDS, _NNP = "docker.readOnlyRoot", "docker.tmpfs", "docker.binds", "docker.noNewPrivileges"
_SHM, _ENV = "docker.shmSize", "docker.env"

FILESYSTEM: tuple[Probe, ...] = (
    _fs("fs.rootfs-ro", _H, "look how / is mounted", "tools of the image can be replaced", fix=_RO),
    _fs("fs.rootfs-write", _H, "make and remove a file in 14 system folders", "as above", fix=_RO),
    _fs(
        "fs.writable-mounts", _M, "make and remove a file in every mount", "a place nobody named", fix=_TMPFS
    ),
    _fs(
        "fs.host-binds",
        _C,
        "list mounts of host file systems",
        "host files are in sight",
        "gates",
        fix=_BINDS,
    ),
    _fs("fs.hostpath-in-mountinfo", _I, "read the mount table", "the host's layout shows"),
    _fs("fs.canary-host", _C, "look for files the host laid out", "host files in sight", "gates", fix=_BINDS),
    _fs("fs.sensitive-paths", _H, "look at well-known host folders", "a host folder is mounted", fix=_BINDS),
    _fs("fs.etc-shadow", _L, "read a byte of /etc/shadow", "the user is root inside", fix="docker.user"),
    _fs(
        "fs.runtime-sockets", _C, "find unix sockets, connect", "engine control is root", "gates", fix=_BINDS
    ),
    _fs(
        "fs.tmp-flags", _M, "look for noexec, nosuid, nodev on /tmp", "foreign code can be staged", fix=_TMPFS
    ),
    _fs("fs.tmp-exec", _M, "run a small program from /tmp", "foreign code runs", fix=_TMPFS),
    _fs(
        "fs.tmp-exec-ldso", _M, "map a file of /tmp to be run, as loaders do", "foreign code runs", fix=_TMPFS
    ),
    _fs("fs.tmp-script", _I, "run a shell script from /tmp", "none: noexec stops no interpreter"),
    _fs("fs.memfd-exec", _I, "run a program from memory", "none: noexec does not cover it"),
    _fs("fs.shm", _M, "look at size and flags of /dev/shm", "memory without a bound", fix=_SHM),
    _fs("fs.dev-nodes", _C, "list devices beyond the standard ones", "a host device", "gates", fix="devices"),
    _fs("fs.hidden", _H, "look whether hidden paths are covered", "they can be read", fix="file_access"),
    _fs("fs.image", _M, "compare the image", "tools nobody chose", fix="docker.image"),
    _fs("fs.suid-files", _L, "count setuid files of the image", "a surface if privileges return", "slow"),
    _fs("fs.setuid-honoured", _I, "list mounts without nosuid", "none while no-new-privileges holds"),
    _fs("fs.dotdot", _C, "reach a canary through ../..", "a mount leaks its parent", "gates", fix=_BINDS),
    _fs("fs.workspace-parent", _C, "look beside the workspace", "its parent is mounted", "gates", fix=_BINDS),
    _fs("fs.proc1-root", _C, "compare /proc/1/root with /", "the host's processes", "gates", fix="pid"),
)

CREDENTIALS: tuple[Probe, ...] = (
    _cr("ps.hidden-env", _H, "count variables with secret-like names", "commands can read them", fix=_ENV),
    _cr("cr.env-canary", _H, "look for a variable of the host", "the host's environment leaks", fix=_ENV),
    _cr("cr.files", _C, "look for well-known credential files", "commands can read them", fix=_BINDS),
)
