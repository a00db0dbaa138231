"""What a probe is, what it found, what the policy promised, and the verdict."""

from __future__ import annotations

import enum

from openclaw_sandbox.dataclass import dataclass


class Category(enum.Enum):
    """What a probe is about."""

    FILESYSTEM = "filesystem"
    HOST_INTERFACE = "host-interface"
    PROCESS = "process"
    PRIVILEGE = "privilege"
    CREDENTIALS = "credentials"
    NETWORK = "network"
    SYSCALL = "syscall"
    RESOURCE = "resource"


class Severity(enum.Enum):
    """How bad it is if the attempt succeeds. INFO is told and never judged."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


class Verdict(enum.Enum):
    """What became of the attempt. ERROR: nobody knows, which is never a pass."""

    BLOCKED = "blocked"
    OPEN = "open"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"


class Expected(enum.Enum):
    """What the policy promises. ANY: it makes no promise about this."""

    BLOCKED = "blocked"
    OPEN = "open"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One attempt. `setting` is the config key, or the container option, that a success points to.

    `gates`: it decides the exit status whatever `--fail-on` says. `slow`: left out of `--quick`. `heavy`: it
    uses up a limit, so a container in which others work is not asked to do it.
    """

    id: str
    category: Category
    severity: Severity
    attempted: str
    risk: str
    setting: str = ""
    gates: bool = False
    slow: bool = False
    heavy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one observer saw. `items` are the things that stand open, each by a name the policy can allow."""

    verdict: Verdict
    evidence: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The promise about one probe. Open `items` that are all `allowed` keep it.

    `settings` names the setting behind an item, where it is not the probe's own.
    """

    expected: Expected
    allowed: frozenset[str] = frozenset()
    why: str = ""
    settings: tuple[tuple[str, str], ...] = ()


class Observer(enum.Enum):
    """Whose word a verdict rests on."""

    HOST = "host"
    SANDBOX = "sandbox"
    BOTH = "both"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One probe, done. `kept`: the promise held; None where there is nothing to hold it against."""

    probe: Probe
    expectation: Expectation
    verdict: Verdict
    evidence: str
    observer: Observer
    kept: bool | None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All probes of one sandbox. `made`: a container was made for it, and removed."""

    container: str
    agent_id: str
    session_key: str
    image: str
    made: bool
    seconds: float
    results: tuple[Judged, ...]
    #: Who measured inside: "this host's Python 3.11", "the image's python3"; empty if nobody could.
    interpreter: str = ""
    notes: tuple[str, ...] = ()

    def failures(self, fail_on: Severity) -> tuple[Judged, ...]:
        """What decides the exit status: broken promises and unknowns of at least this severity."""
        return tuple(
            r
            for r in self.results
            if r.kept is False and (r.probe.gates or r.probe.severity.rank <= fail_on.rank)
        )
