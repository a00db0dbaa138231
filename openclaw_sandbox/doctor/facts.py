"""What the checks are judged by: plain values, so that a recorded machine can be checked like this one.

None means that it could not be found out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.engine.base import EngineInfo, ImageInfo, Observed
    from openclaw_sandbox.errors import SandboxError
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A file system: bytes and inodes. Some file systems count no inodes: 0."""

    path: str
    total_bytes: int
    free_bytes: int
    total_inodes: int
    free_inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The engine and what it needs of the host. `bridge_*`: its default network, the host's interface."""

    address: str
    source: str
    error: SandboxError | None = None
    info: EngineInfo | None = None
    space: Space | None = None
    bridge_known: bool | None = None
    bridge_link: bool | None = None
    group: tuple[str, ...] | None = None  # members of the group that owns the socket
    listens: tuple[str, ...] | None = None  # addresses of dockerd beyond unix sockets
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """uname -r and -v, and the sysctls that matter, by name; absent ones are left out."""

    release: str
    build: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a sandbox of the image told. `packages`: Debian's name -> version."""

    user: int
    setuid_files: tuple[str, ...]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """The image that sandboxes are made of. `why_rebuild`: empty if `setup` would leave it alone."""

    reference: str
    found: ImageInfo | None
    why_rebuild: str = ""
    age_days: int | None = None
    inside: Inside | None = None
    inside_error: str = ""
    #: Newest versions that the host's own package lists know, by name; None: no lists for this release.
    candidates: Mapping[str, str] | None = None
    scanner: str = ""  # its name; empty if none is installed
    scan: Mapping[str, int] | None = None  # severity -> count


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """The containers with our label, sorted by what `list` says of them: names."""

    running: tuple[Observed, ...] = ()
    browsers: tuple[Observed, ...] = ()  # those of them that are a browser's
    drifted: tuple[tuple[str, str], ...] = ()  # name, reason
    orphans: tuple[str, ...] = ()
    half_made: tuple[str, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()  # name, whose
    impostors: tuple[str, ...] = ()  # they carry our label and nothing of what we make


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFacts:
    """The state folder."""

    folder: str
    registry_problem: str = ""
    registry_hint: str = ""  # what only its owner can do about it; empty: --fix mends it
    workspace_problems: tuple[tuple[str, str, str], ...] = ()  # agent, problem, hint
    half_made_markers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything."""

    engine: EngineFacts
    kernel: Kernel
    image: ImageFacts | None = None
    policies: tuple[EffectivePolicy, ...] = ()
    config_error: SandboxError | None = None
    refused_agents: tuple[tuple[str, str], ...] = ()  # agent, why its config cannot even be judged
    observed: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)  # by agent; see explain
    containers: ContainerFacts | None = None
    state: StateFacts
    gateway_problems: tuple[str, ...] | None = None
    completion: bool | None = None
    no_loop: str = ""  # why this user cannot mount a file here; empty if he can
    monitors: tuple[str, ...] = ()  # programs that watch behaviour: falco, tetragon
    offline: bool = False
    gvisor: str = ""  # what `runsc --version` says, where the engine has that runtime
    broke_off: tuple[str, ...] = ()  # why the engine stopped answering while it was looked at
