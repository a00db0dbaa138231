"""Why did it end? Decided from counters, from what we did ourselves and from the container's state. Pure.

The exit status alone says little: a program may exit 124 or 137 by itself. Where only the program's last
words tell, the cause is `likely`.
"""

from __future__ import annotations

import enum
import re
import signal
from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.lifecycle.execute import Ending
from openclaw_sandbox.lifecycle.limits import NO_LIMIT, Limit, tmpfs_limit, volume_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_sandbox.lifecycle.counters import Usage
    from openclaw_sandbox.lifecycle.execute import Result


class Reason(enum.Enum):
    """The cause of a run's end. Scripts match on the values."""

    OK = "ok"
    NONZERO = "nonzero"
    TIMEOUT = "timeout"
    OOM = "oom"
    PIDS = "pids"
    DISK_FULL = "disk-full"
    ULIMIT = "ulimit"
    DENIED_WRITE = "denied-write"
    SECCOMP = "seccomp"
    KILLED = "killed"
    ENGINE = "engine"
    IMAGE = "image"
    SETUP = "setup"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`message` and `hint` are for a human; `key` names the setting that would change it."""

    reason: Reason
    message: str = ""
    hint: str = ""
    key: str = ""
    likely: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known at the end of a run.

    `last_words`: the end of stderr. `container_died`: it no longer runs, and not by our hand.
    `read_only_paths`: container path -> what makes it read-only. `full_mounts`: paths of binds without space,
    `roomy_mounts` those of binds with space.
    """

    result: Result
    usage: Usage
    oom_seen: bool = False
    container_died: bool = False
    last_words: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    read_only_paths: Mapping[str, str] = field(default_factory=dict)
    full_mounts: tuple[str, ...] = ()
    roomy_mounts: tuple[str, ...] = ()

    def limit(self, name: str) -> Limit:
        """A limit by its short name (see `limits_of`)."""
        return self.limits.get(name, NO_LIMIT)


def judge(evidence: Evidence) -> Cause:
    """The cause that the evidence supports, the surest first."""
    return _ours(evidence) or _counted(evidence) or _fate(evidence) or _told(evidence) or _plain(evidence)


def _ours(evidence: Evidence) -> Cause | None:
    """What this tool did itself."""
    result = evidence.result
    if result.ending is Ending.TIMED_OUT:
        limit = evidence.limit("timeout")
        return Cause(
            reason=Reason.TIMEOUT,
            message=f"timed out after {limit.text()}; everything it had started was ended",
            hint=f"Allow more time: {limit.key}",
            key="timeout",
        )
    if result.ending is Ending.TOO_MUCH_OUTPUT:
        limit = evidence.limit("output")
        return Cause(
            reason=Reason.KILLED,
            message=f"it wrote more than {limit.text()} and was ended",
            hint=f"Allow more output: {limit.key}",
            key="max_output_size",
        )
    if result.ending is Ending.DISK_FULL:
        return Cause(
            reason=Reason.DISK_FULL,
            message=f"the workspace passed its limit of {evidence.limit('disk').text()}",
            hint="Raise resource_limits.disk in config.yml, or remove files.",
            key="resource_limits.disk",
        )
    if result.ending is Ending.INTERRUPTED:
        name = signal.Signals(result.signum).name if result.signum else "a signal"
        return Cause(reason=Reason.CANCELLED, message=f"cancelled by {name}")
    if result.output_error:
        return Cause(
            reason=Reason.KILLED,
            message=f"its output could not be written ({result.output_error}); it was ended",
        )
    if result.ending is Ending.READER_GONE:
        return Cause(reason=Reason.CANCELLED, message="nobody reads its output any more; it was ended")
    if result.failure is not None:
        return Cause(reason=Reason.NONZERO, message=result.failure.brief)
    return None


def _counted(evidence: Evidence) -> Cause | None:
    """What the kernel counted."""
    if evidence.result.exit_code == 0:
        return None
    peak = evidence.usage.memory_peak_bytes
    if evidence.usage.oom_kills or evidence.oom_seen:
        limit = evidence.limit("memory")
        used = f", peak {_mib(peak)}" if peak else ""
        return Cause(
            reason=Reason.OOM,
            message=f"out of memory: the limit is {limit.text()}{used}",
            hint=f"Raise {limit.key}, or let it use less.",
            key="docker.memory",
        )
    if evidence.usage.forks_denied:
        limit = evidence.limit("pids")
        return Cause(
            reason=Reason.PIDS,
            message=f"too many processes: the limit is {limit.text()}",
            hint=f"Raise {limit.key}, or let it start fewer.",
            key="docker.pidsLimit",
        )
    return None


def _fate(evidence: Evidence) -> Cause | None:
    """What happened to the container."""
    if not evidence.container_died or evidence.result.exit_code == 0:
        return None
    return Cause(
        reason=Reason.KILLED, message="somebody stopped, restarted or removed the sandbox while it ran"
    )


_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|\bENOSPC\b|\bEDQUOT\b")
_READ_ONLY = re.compile(r"Read-only file system|\bEROFS\b")
_DENIED = re.compile(r"Permission denied|\bEACCES\b")
_NOT_PERMITTED = re.compile(r"Operation not permitted|Bad system call|\bEPERM\b")
#: What only an owner or root may do is not permitted outside a sandbox either.
_OF_AN_OWNER = re.compile(
    r"\b(chown|chmod|chgrp|kill)\b|changing (ownership|group|permissions)|set(ting)? times"
)
_QUOTA = re.compile(r"Disk quota exceeded|\bEDQUOT\b")
_PATH = re.compile(r"(/[^\s'\":,;()\]]+)")


def _told(evidence: Evidence) -> Cause | None:
    """What the program's last words say, as far as the mounts and the filter bear it out."""
    words, code = evidence.last_words, evidence.result.exit_code
    if code == 0:
        return None
    if code == 128 + signal.SIGSYS:
        return _seccomp("it was killed by a system call of another architecture")
    if _NO_SPACE.search(words):
        return _no_space(evidence)
    if (ulimit := _ulimit(evidence)) is not None:
        return ulimit
    if _READ_ONLY.search(words) or _DENIED.search(words):
        return _denied(evidence)
    if _NOT_PERMITTED.search(words) and not _OF_AN_OWNER.search(_last_line(_NOT_PERMITTED, words)):
        return _seccomp("the sandbox forbids a system call that it needs")
    return None


def _no_space(evidence: Evidence) -> Cause | None:
    """Words alone can be anybody's: where the path that they name has room, the disk is not full."""
    line = _last_line(_NO_SPACE, evidence.last_words)
    paths = _PATH.findall(line)
    if not _QUOTA.search(line) and any(_has_room(path, evidence) for path in paths):
        return None
    found = next(filter(None, (tmpfs_limit(evidence.limits, path) for path in paths)), None)
    if found is not None:
        path, limit = found
        message, hint = f"no space left in {path}, which holds {limit.text()}", f"Enlarge {limit.key}."
        return Cause(reason=Reason.DISK_FULL, message=message, hint=hint, key="docker.tmpfs", likely=True)
    limited = _disk_limit(evidence, line, paths)
    if limited:
        hint = "Raise resource_limits.disk in config.yml, or remove files."
        return Cause(
            reason=Reason.DISK_FULL, message=limited, hint=hint, key="resource_limits.disk", likely=True
        )
    where = f" ({', '.join(evidence.full_mounts)})" if evidence.full_mounts else ""
    hint = "Enlarge docker.tmpfs, or free space where the workspace lies."
    return Cause(
        reason=Reason.DISK_FULL, message=f"no space left{where}", hint=hint, key="docker.tmpfs", likely=True
    )


def _disk_limit(evidence: Evidence, line: str, paths: Sequence[str]) -> str:
    """How the disk limit was met: the workspace's volume is full, or the engine's quota; empty if neither."""
    places = (*evidence.full_mounts, *paths)
    found = next(filter(None, (volume_limit(evidence.limits, path) for path in places)), None)
    if found is not None:
        path, limit = found
        return f"no space left in {path}, a volume of {limit.text()}"
    if _QUOTA.search(line) and "disk" in evidence.limits:
        return f"the sandbox's own files passed their limit of {evidence.limit('disk').text()}"
    return ""


def _has_room(path: str, evidence: Evidence) -> bool:
    """Whether the nearest mount above a path is a bind that has space."""
    tmpfs = (name.removeprefix("tmpfs:") for name in evidence.limits if name.startswith("tmpfs:"))
    places = (*evidence.roomy_mounts, *evidence.full_mounts, *tmpfs)
    covering = [place for place in places if path == place or path.startswith(place.rstrip("/") + "/")]
    return bool(covering) and max(covering, key=len) in evidence.roomy_mounts


#: What programs say, or die of, when a ulimit stops them -> its name.
_ULIMIT_WORDS = (
    (re.compile(r"Too many open files|\bEMFILE\b"), 0, "nofile"),
    (re.compile(r"File too large|File size limit exceeded|\bEFBIG\b"), signal.SIGXFSZ, "fsize"),
    (re.compile(r"CPU time limit exceeded"), signal.SIGXCPU, "cpu"),
    (re.compile(r"[Cc]annot fork|fork: (retry|Resource)|Resource temporarily unavailable"), 0, "nproc"),
)


def _ulimit(evidence: Evidence) -> Cause | None:
    for words, signum, name in _ULIMIT_WORDS:
        died = signum and evidence.result.exit_code == 128 + signum
        if name in evidence.limits and (died or words.search(evidence.last_words)):
            limit = evidence.limits[name]
            return Cause(
                reason=Reason.ULIMIT,
                message=f"it ran into the {name} limit of {limit.text()}",
                hint=f"Raise {limit.key}.",
                key=f"docker.ulimits.{name}",
                likely=True,
            )
    return None


def _last_line(pattern: re.Pattern[str], text: str) -> str:
    """The last line in which a pattern occurs; empty if there is none."""
    return next((line for line in reversed(text.splitlines()) if pattern.search(line)), "")


def _seccomp(message: str) -> Cause:
    return Cause(
        reason=Reason.SECCOMP,
        message=message,
        hint="Which one: strace -f outside the sandbox. A filter of your own: docker.seccompProfile.",
        key="docker.seccompProfile",
        likely=True,
    )


def _denied(evidence: Evidence) -> Cause | None:
    """A write that the mounts forbid; a permission problem of the files themselves is not ours."""
    line = next(
        (
            line
            for line in reversed(evidence.last_words.splitlines())
            if _READ_ONLY.search(line) or _DENIED.search(line)
        ),
        "",
    )
    found = _PATH.search(line)
    path = found[1] if found else ""
    why = _why_read_only(path, evidence.read_only_paths)
    if not why and not _READ_ONLY.search(line):
        return None
    return Cause(
        reason=Reason.DENIED_WRITE,
        message=f"it may not write {path or 'there'}" + (f": {why}" if why else ""),
        hint="See what is writable: openclaw-sandbox explain --path " + (path or "/workspace"),
        key="workspaceAccess",
        likely=True,
    )


def _why_read_only(path: str, read_only: Mapping[str, str]) -> str:
    """The nearest mount above the path decides."""
    covering = [mount for mount in read_only if path == mount or path.startswith(mount.rstrip("/") + "/")]
    return read_only[max(covering, key=len)] if path and covering else ""


def _plain(evidence: Evidence) -> Cause:
    code = evidence.result.exit_code
    if code == 0:
        killed = evidence.usage.oom_kills
        note = f"{killed} of its processes ran out of memory" if killed else ""
        return Cause(reason=Reason.OK, message=note, key="docker.memory" if killed else "")
    if code > 128 and (code - 128) in set(signal.Signals):
        name = signal.Signals(code - 128).name
        # An engine reports a death by signal and a plain exit with 128 + n the same way.
        return Cause(reason=Reason.KILLED, message=f"ended by {name}, or exited {code} itself", likely=True)
    return Cause(reason=Reason.NONZERO)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
