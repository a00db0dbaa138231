"""What an engine's answer means: which of our errors, and who failed, the command or we. Pure.

Engines have no error codes beyond the HTTP status, so parts of this recognise sentences. A sentence nobody
recognises becomes an error that repeats it.
"""

from __future__ import annotations

import contextlib
import enum
import json
import re
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import (
    EngineError,
    EngineLostError,
    ImageMissingError,
    SandboxConflictError,
    SandboxGoneError,
    SpecRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def message_of(body: bytes) -> str:
    """The engine's own sentence in an error answer; the text as it is when it is not JSON."""
    text = body.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text[:2000]
    said = value.get("message") if isinstance(value, dict) else None
    return said if isinstance(said, str) else text[:2000]


#: sentence in the engine's refusal -> (our sentence, hint). Docker 20.10 to 29.
_REFUSALS: tuple[tuple[str, str, str], ...] = (
    (
        r"bind source path does not exist: (?P<what>.+)",
        "The mount source {what} does not exist.",
        "Create it, or correct the bind in the config (`openclaw-sandbox explain` shows where it stands).",
    ),
    (
        r"no space left on device",
        "The engine's disk is full.",
        "Free space below its data folder: docker system df, docker system prune",
    ),
    (
        r"error setting rlimit type (?P<what>\d+)",
        "The engine may not raise a ulimit as high as the sandbox asks for (rlimit {what}).",
        "Lower docker.ulimits in the config, or raise the engine's own limits.",
    ),
    (
        r"network (?P<what>\S+) not found",
        "The network {what} does not exist.",
        "Create it with `docker network create`, or correct docker.network in the config.",
    ),
    (
        r"[Uu]nknown runtime specified (?P<what>\S+)|unknown or invalid runtime name: (?P<what2>\S+)",
        "The engine has no runtime {what}.",
        "Register it in the engine's daemon.json, or choose another one.",
    ),
    (
        r"could not find bridge (?P<what>\S+)",
        "The engine's network bridge is gone ({what}).",
        "Restart the engine: sudo systemctl restart docker",
    ),
    (
        r"[Dd]ecoding seccomp profile failed",
        "The engine cannot read the seccomp profile.",
        "Correct docker.seccompProfile in the config.",
    ),
    (
        r"apparmor.*(no such file|not found|failed)|unable to apply apparmor profile",
        "The engine cannot apply the AppArmor profile.",
        "Load it on the host (apparmor_parser -r FILE), or correct docker.apparmorProfile.",
    ),
    (
        r"(?P<what>[Rr]ange of CPUs is from \S+ to \S+)",
        "More CPUs than the host has: {what}.",
        "Lower docker.cpus in the config.",
    ),
    (
        r"Requested CPUs are not available.*available: (?P<what>[0-9,-]+)",
        "resource_limits.cpuset names processors that this host does not have; it has {what}.",
        "Correct resource_limits.cpuset in config.yml.",
    ),
    (
        r"[Ff]ailed to limit qgroup.*quota exceeded",
        "resource_limits.disk is less than the image, which this engine's quota counts too.",
        "Raise resource_limits.disk in config.yml above the image's size: docker image ls",
    ),
    (
        r"closing exec fds: open /proc/self/fd: too many open files",
        "ulimits.nofile is so low that no container starts.",
        "Raise ulimits.nofile in config.yml, or docker.ulimits.nofile.",
    ),
    (
        r"less than memory reservation",
        "resource_limits.memory_reservation is more than the memory limit.",
        "Lower resource_limits.memory_reservation in config.yml.",
    ),
    (
        r"[Mm]inimum memory limit (?:allowed|can not be less than) +(?:is )?(?P<what>[0-9]\S*)",
        "The memory limit is below the engine's minimum ({what}).",
        "Raise docker.memory in the config.",
    ),
    (
        r"unable to find user (?P<what>[^:]+)",
        "The image knows no user {what}.",
        "Use a numeric uid:gid, or a user that the image has.",
    ),
)


def create_failure(status: int, body: bytes, image: str) -> EngineError:
    """The error of a refused create or start. Nothing was made by a refused create."""
    said = message_of(body)
    if status == 404 and re.search(r"[Nn]o such image", said):
        return ImageMissingError(
            f"The image {image} is not on this machine.",
            hint="Make it: openclaw-sandbox setup"
            if "openclaw-sandbox" in image
            else f"Load or build {image} first.",
        )
    if status == 409:
        return SandboxConflictError("The container's name is already taken.", details=[said])
    for pattern, sentence, hint in _REFUSALS:
        if found := re.search(pattern, said):
            what = next((g for n, g in found.groupdict().items() if g and n.startswith("what")), "")
            return SpecRefusedError(sentence.format(what=what), hint=hint, details=[said])
    return SpecRefusedError("The engine refused to make the sandbox.", details=[said])


def plain_failure(status: int, body: bytes, doing: str) -> EngineError:
    """Any other refused call."""
    return EngineError(f"The engine could not {doing} (status {status}).", details=[message_of(body)])


@contextlib.contextmanager
def parsing(address: str, doing: str) -> Iterator[None]:
    """An answer that is JSON and still none: a proxy or another program sits at the socket."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise EngineLostError(
            f"The engine at {address} was asked to {doing} and gave an answer that makes no sense.",
            hint="Look at what listens there, and at its log: journalctl -u docker",
            details=[f"{type(error).__name__}: {error}"[:300]],
        ) from None


def exec_failure(status: int, body: bytes) -> EngineError:
    """The error of a refused exec: no process was started."""
    if status not in (404, 409):
        return plain_failure(status, body, "start a command")
    return SandboxGoneError(
        "The sandbox was stopped, paused or removed at that moment.",
        hint="Run the command again.",
        details=[message_of(body)],
    )


class NotStarted(enum.Enum):
    """Why a command never ran."""

    NOT_FOUND = "not-found"
    NOT_EXECUTABLE = "not-executable"
    SANDBOX = "sandbox"
    GONE = "gone"  # the container stopped between the look and the exec: worth another try

    @property
    def exit_status(self) -> int:
        """As `docker run` and shells have it."""
        return {NotStarted.NOT_FOUND: 127, NotStarted.NOT_EXECUTABLE: 126}.get(self, 125)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecFailure:
    """The engine could not start the command. `said` is its sentence, for `-v`."""

    reason: NotStarted
    brief: str
    said: str


#: How the engine's complaint begins on the stream of an exec that never started (Docker 20.10 to 29).
FAILURE_PREFIXES = (b"OCI runtime exec failed", b"cannot exec in a stopped", b"container not running")
#: How the container's init complains of its main process, and the runtime's child of what it was to become.
_LAST_STEP = re.compile(
    r"(?:\[FATAL tini \(\d+\)\] )?exec (?P<what>[^\n]+?)(?: failed)?: "
    r"(?P<why>no such file or directory|permission denied|is a directory|exec format error"
    r"|argument list too long|text file busy|too many levels of symbolic links|input/output error)\r?\n?",
    re.IGNORECASE,
)
_INIT, _INIT_PREFIX = "/sbin/docker-init", b"[FATAL tini ("

#: Words in a complaint -> why, and our sentence. "{}" is the command.
_WHY: tuple[tuple[str, NotStarted, str], ...] = (
    (r"chdir to cwd|getcwd: ", NotStarted.SANDBOX, "the working directory does not exist in the sandbox"),
    (
        r"unable to find (user|group)|no matching entries in passwd",
        NotStarted.SANDBOX,
        "the image knows no such user",
    ),
    (r"argument list too long", NotStarted.NOT_EXECUTABLE, "{}: its arguments are too long"),
    (
        r"exec format error",
        NotStarted.NOT_EXECUTABLE,
        "{}: no program for this machine, and no script with a #! line",
    ),
    (
        r"executable file not found|no such file or directory",
        NotStarted.NOT_FOUND,
        "{}: command not found in the sandbox",
    ),
    (r"", NotStarted.NOT_EXECUTABLE, "{}: cannot be executed in the sandbox"),
)


def may_be_complaint(output: bytes) -> bool:
    """Whether the first piece of output may be, or begin, words of the engine, the init or the runtime."""
    if output.startswith((*FAILURE_PREFIXES, _INIT_PREFIX)):
        return True
    return len(output) <= _LONGEST and _LAST_STEP.fullmatch(output.decode("utf-8", "replace")) is not None


#: A complaint of the last step names a path and a reason.
_LONGEST = 4200


def _explain(said: str, command: str) -> ExecFailure:
    reason, sentence = next((why, text) for words, why, text in _WHY if re.search(words, said, re.IGNORECASE))
    return ExecFailure(reason=reason, brief=sentence.format(command), said=said.strip())


def classify_exec(exit_code: int, pid: int, first_output: bytes, command: str) -> ExecFailure | None:
    """Did the engine start the command? None: it did, its output and status are its own.

    An exec that never started has no process id; a command that prints the same words and exits 126 has one.
    """
    if exit_code == 0 or pid != 0 or not first_output.startswith(FAILURE_PREFIXES):
        return None
    said = first_output.decode("utf-8", "replace").strip()
    if not said.startswith("OCI"):
        return ExecFailure(reason=NotStarted.GONE, brief="the sandbox was stopped at that moment", said=said)
    known = "permission denied|is a directory|" + "|".join(words for words, _, _ in _WHY if words)
    if not re.search(known, said):
        brief = "the sandbox could not start the command"
        return ExecFailure(reason=NotStarted.SANDBOX, brief=brief, said=said)
    return _explain(said, command)


def classify_last_step(exit_code: int, output: bytes, command: str) -> ExecFailure | None:
    """Did the process become the command? None: it did. `output` is all that came, on both streams.

    The container's init exits 126 or 127 if it did not, the runtime's child 1; both name what they tried.
    """
    found = _LAST_STEP.fullmatch(output.decode("utf-8", "replace"))
    if exit_code not in (1, 126, 127) or found is None:
        return None
    tried = found["what"]
    if tried not in (command, _INIT) and not tried.endswith(f"/{command}"):
        return None
    return _explain(found[0], command)
