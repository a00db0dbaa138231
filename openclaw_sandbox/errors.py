"""What a user can meet: a stable code, an exit status, one sentence, and a way out.

A class of its own exists only where a caller acts differently, or where the exit status differs.
`DESIGN` of the exit statuses: 1 the verb failed, 2 usage or config, 124 timed out,
125 sandbox or engine failed, 126/127 not executable / not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong in a file or a flag.

    `path` is dotted, list indexes are bare numbers (`agents.list.0.sandbox.mode`), empty means the whole
    document. `line` and `column` count from 1. `excerpt` is the offending line as it stands in the file.
    """

    path: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    hint: str | None = None

    def where(self) -> str:
        """`file:line:column`, as far as it is known; empty if nothing is."""
        parts = [self.file] if self.file else []
        parts += [str(n) for n in (self.line, self.column) if n is not None]
        return ":".join(parts)


class SandboxError(Exception):
    """Base of what a user can meet. `code` is stable: scripts and logs match on it.

    `brief` is one sentence, `details` further lines (what an engine or a build said), `hint` the command or
    key that helps. None of them may hold a secret.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    #: Why a `run` that never came to its command ended; empty for what is no run's cause.
    reason: ClassVar[str] = ""

    def __init__(
        self, brief: str, *, hint: str = "", details: Sequence[str] = (), issues: Sequence[Issue] = ()
    ) -> None:
        super().__init__(brief)
        self.brief = brief
        self.hint = hint
        self.details = tuple(details)
        self.issues = tuple(issues)


class UsageError(SandboxError):
    """The command line cannot be carried out as it stands."""

    code, exit_code = "usage", 2


class ConfigError(SandboxError):
    """A config file is unreadable, invalid, or asks for what is refused. Nothing runs."""

    code, exit_code = "config.invalid", 2


class UnknownAgentError(ConfigError):
    """`--agent` or a session key names an agent that the config does not know."""

    code = "config.unknown-agent"


class SandboxDisabledError(ConfigError):
    """`enabled: false` in config.yml: `run` and `verify` refuse."""

    code = "config.disabled"


class PromptRefusedError(SandboxError):
    """A confirmation was declined, or could not be asked for without a terminal."""

    code, exit_code = "prompt.refused", 2


class VerbFailedError(SandboxError):
    """The verb's own work failed: a removal, a build step, a check."""

    code, exit_code = "failed", 1


class RegistryError(VerbFailedError):
    """No image registry answers, or it does not have the image. `setup` then looks elsewhere."""

    code = "registry.failed"


class EngineError(SandboxError):
    """The engine answered, and refused or failed."""

    code, exit_code, reason = "engine.failed", 125, "engine"


class EngineUnavailableError(EngineError):
    """No engine, or none that answers. The subclasses say which; each has its own way out."""

    code = "engine.unavailable"


class EngineMissingError(EngineUnavailableError):
    """No engine's socket was found."""

    code = "engine.missing"


class EngineDeadError(EngineUnavailableError):
    """The socket exists and nobody answers behind it."""

    code = "engine.dead"


class EngineForbiddenError(EngineUnavailableError):
    """This user may not talk to the engine."""

    code = "engine.forbidden"


class EngineHangingError(EngineUnavailableError):
    """The engine took the connection and did not answer in time."""

    code = "engine.hanging"


class EngineLostError(EngineUnavailableError):
    """The engine went away in the middle of a call; the result is unknown."""

    code = "engine.lost"


class ImageMissingError(EngineError):
    """The image is not in the local store. Nothing is ever pulled by `run`."""

    code, reason = "image.missing", "image"


class SpecRefusedError(EngineError):
    """The engine cannot enforce, or refused, a field of the spec. No container was left."""

    code = "spec.refused"


class SandboxConflictError(EngineError):
    """A container of this name exists and is not ours to use."""

    code = "sandbox.conflict"


class SandboxBusyError(EngineError):
    """The container must be replaced, and a command is running in it."""

    code = "sandbox.busy"


class SandboxGoneError(EngineError):
    """The container was stopped, paused or removed before a command could enter it. The command never ran."""

    code = "sandbox.gone"


class NetworkTakenError(EngineError):
    """A network's name or subnet is somebody else's."""

    code = "network.taken"


class EgressError(EngineError):
    """The way out that the policy promises is not provably there. The sandbox has no network then."""

    code, reason = "egress.unavailable", "egress"


class WorkspaceError(EngineError):
    """The workspace cannot be used by the sandbox as the policy promises."""

    code = "workspace.unusable"


class StateFileError(EngineError):
    """A file of the state folder (registry, lock, intent) cannot be read or written, or is too new."""

    code = "state.unusable"
