"""Bind mounts: parsing `docker.binds`, and judging which host paths a sandbox may never see.

The list of sensitive paths starts from OpenClaw's own (2026.2.17 and 2026.9.6) and goes further. A source is
refused when it is, lies under, or contains a sensitive path, both as written and after symlinks.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.model import Bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.host import HostFacts

#: Nothing of these is ever shown to a sandbox.
SENSITIVE: tuple[str, ...] = (
    *("/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/run", "/var/run", "/var/log", "/var/spool/cron"),
    *("/private/etc", "/private/var/run", "/private/var/log"),
    *(
        "/var/lib/docker",
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/kubelet",
        "/var/lib/rancher",
    ),
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd", "/run/podman"),
)

#: Host programs and libraries: reading them is harmless, writing them is owning the host.
SYSTEM: tuple[str, ...] = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt/containerd")

#: Folders and files below a home that hold credentials.
HOME_CREDENTIALS: tuple[str, ...] = (
    *(".aws", ".azure", ".cargo", ".config", ".docker", ".git-credentials", ".gnupg", ".kube"),
    *(".netrc", ".npm", ".npmrc", ".password-store", ".pypirc", ".ssh", ".local/share/keyrings"),
)

#: Below the state folder: what decides about sandboxes, and what holds credentials or other sessions.
STATE: tuple[str, ...] = ("openclaw.json", "config.yml", "credentials", "agents", "sandbox", "state", ".env")

#: Where the homes of people are. Each of them is a home, whoever asks.
_HOME_ROOTS = ("/home", "/Users")

ENGINE_SOCKETS: tuple[str, ...] = (
    "docker.sock",
    "containerd.sock",
    "podman.sock",
    "crio.sock",
    "buildkitd.sock",
)

#: Container folders that a bind may not replace; of the first group nothing below either.
RESERVED_TREES = ("/proc", "/sys", "/dev")
_RESERVED = (
    "/",
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib64",
    "/run",
    "/sbin",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/var",
)
AGENT_TARGET = "/agent"
WORKSPACE_TARGET = "/workspace"

#: Options of `-v` without any effect on Linux.
_NO_EFFECT = frozenset({"consistent", "cached", "delegated", "rprivate", "private"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitive:
    """A path that must stay hidden, and its name for messages. `if_written`: only if writable."""

    path: str
    label: str
    if_written: bool = False


def normalize(path: str) -> str:
    """Collapse `.`, `..`, `//` and a trailing slash of an absolute path."""
    return "/" + posixpath.normpath(path).lstrip("/")


def is_under(path: str, root: str) -> bool:
    """Whether a normalized path is `root` or lies below it."""
    return path == root or root == "/" or path.startswith(f"{root}/")


def source_of(text: str) -> str:
    """The host part of a bind: everything before the first colon that is not its first character."""
    entry = trim(text)
    colon = entry.find(":", 1)
    return entry if colon < 0 else entry[:colon]


def sensitive_paths(*, homes: Iterable[Path], state_dir: Path, config_file: Path) -> tuple[Sensitive, ...]:
    """Everything that must stay hidden on this host."""
    found = [Sensitive(path=path, label=path) for path in SENSITIVE]
    found += [Sensitive(path=path, label=path, if_written=True) for path in SYSTEM]
    for home in dict.fromkeys(homes):
        found += [
            Sensitive(path=normalize(f"{home}/{name}"), label=f"{home}/{name}") for name in HOME_CREDENTIALS
        ]
    found += [Sensitive(path=normalize(f"{state_dir}/{name}"), label=f"{state_dir}/{name}") for name in STATE]
    found.append(Sensitive(path=normalize(str(config_file)), label=str(config_file)))
    return tuple(found)


def _credentials(home: str) -> list[Sensitive]:
    names = (f"{home}/{name}" for name in HOME_CREDENTIALS)
    return [Sensitive(path=normalize(name), label=name) for name in names]


def _somebodys_home(path: str) -> str | None:
    """The home folder that a path under /home is, or lies in."""
    _, root, name, *_ = [*path.split("/"), "", ""]
    return f"/{root}/{name}" if f"/{root}" in _HOME_ROOTS and name else None


def _resolved(paths: Sequence[Sensitive], host: HostFacts) -> list[Sensitive]:
    """The same paths as they are after symlinks, in addition: /var/run is /run on most hosts."""
    real = [
        Sensitive(path=normalize(host.realpath(entry.path)), label=entry.label, if_written=entry.if_written)
        for entry in paths
    ]
    return list(dict.fromkeys([*paths, *real]))


def _forbidden(entry: Sensitive) -> str:
    return f"{entry.label}, which a sandbox may not {'write' if entry.if_written else 'see'}"


class BindJudge:
    """Judges sources against one host's sensitive paths, which are resolved once."""

    def __init__(self, sensitive: Sequence[Sensitive], host: HostFacts) -> None:
        self._host = host
        self._plain = sensitive
        self._all: list[Sensitive] | None = None

    def objection(self, source: str, *, read_only: bool) -> str | None:
        """Why this absolute source is refused, as the end of a sentence about it; None if it is not."""
        if self._all is None:
            self._all = _resolved(self._plain, self._host)
        written = normalize(source)
        real = normalize(self._host.realpath(written))
        # Spaces are part of a path, but who writes "/etc " means /etc: OpenClaw judges it without them.
        for path in dict.fromkeys((written, normalize(trim(source)), real)):
            reason = self._socket(path) or self._match(path, read_only=read_only)
            if reason is not None:
                by_link = path == real != written
                return f"leads through a symlink to {path}, which {reason}" if by_link else reason
        return None

    def places(self, path: str) -> tuple[str, ...]:
        """An absolute path as written, and where it leads through links if that is elsewhere."""
        written = normalize(path)
        return tuple(dict.fromkeys((written, normalize(self._host.realpath(written)))))

    def _match(self, path: str, *, read_only: bool) -> str | None:
        if path == "/" or path in _HOME_ROOTS:
            return "is the whole host" if path == "/" else "holds everybody's home folder"
        home = _somebodys_home(path)
        entries = (*(self._all or ()), *(_credentials(home) if home else ()))
        counting = [entry for entry in entries if not (entry.if_written and read_only)]
        above = [entry for entry in counting if is_under(path, entry.path)]
        if above:
            entry = max(above, key=lambda found: len(found.path))
            return f"{'is' if path == entry.path else 'lies under'} {_forbidden(entry)}"
        below = next((entry for entry in counting if is_under(entry.path, path)), None)
        return None if below is None else f"contains {_forbidden(below)}"

    def _socket(self, path: str) -> str | None:
        """An engine's socket is the whole host, wherever it stands."""
        if posixpath.basename(path) in ENGINE_SOCKETS:
            return "is a container engine's socket, which controls this host"
        inside = next((n for n in ENGINE_SOCKETS if self._host.is_socket(f"{path}/{n}")), None)
        return None if inside is None else f"contains {inside}, a container engine's socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRules:
    """What besides the source matters: the workspace's target, and the long keys that lift a rule."""

    workdir: str
    allow_reserved_targets: bool = False


def _options(text: str, options: Sequence[str], origin: Origin, notes: Findings) -> tuple[bool, str] | None:
    """(read only, relabel) of the third part; None if it is refused."""
    known = {"ro", "rw", "z", "Z"} | _NO_EFFECT
    unknown = [option for option in options if option not in known]
    if unknown:
        message = f'Bind "{text}": the option "{unknown[0]}" is not supported.'
        notes.error("bind.option", message, hint="Allowed: ro, rw, z, Z.", origin=origin)
        return None
    if {"ro", "rw"} <= set(options) or {"z", "Z"} <= set(options):
        notes.error("bind.option", f'Bind "{text}": its options contradict each other.', origin=origin)
        return None
    relabel = next((option for option in options if option in ("z", "Z")), "")
    return "ro" in options, relabel


def _target_objection(target: str, rules: BindRules) -> str | None:
    reserved = dict.fromkeys((WORKSPACE_TARGET, AGENT_TARGET, normalize(rules.workdir)))
    if not rules.allow_reserved_targets:
        for root in reserved:
            if is_under(target, root):
                return f"hides {root}, where the sandbox's own folders are mounted"
    if target in _RESERVED or any(is_under(target, root) for root in RESERVED_TREES):
        return f"replaces {target}, which belongs to the container's system"
    return None


def parse_bind(text: str, origin: Origin, rules: BindRules, notes: Findings) -> Bind | None:
    """One entry of `docker.binds`: `/host/path:/container/path[:ro]`. None if it is refused, and noted."""
    entry = trim(text)
    source = source_of(entry)
    if not source.startswith("/") or "\0" in entry:
        message = f'Bind "{text}": the host path "{source}" is not absolute.'
        notes.error(
            "bind.source", message, hint='Write it as "/host/path:/container/path:ro".', origin=origin
        )
        return None
    _, *rest = [source, *entry[len(source) + 1 :].split(":")] if len(entry) > len(source) else [source]
    if not rest or not rest[0].startswith("/") or len(rest) > 2:
        message = f'Bind "{text}" does not name one absolute path in the container.'
        notes.error(
            "bind.target", message, hint='Write it as "/host/path:/container/path:ro".', origin=origin
        )
        return None
    target = normalize(rest[0])
    options = [option for option in rest[1].split(",") if option] if len(rest) == 2 else []
    parsed = _options(text, options, origin, notes)
    if (objection := _target_objection(target, rules)) is not None:
        hint = "Choose another container path, for instance under /mnt."
        notes.error("bind.target", f'Bind "{text}" {objection}.', hint=hint, origin=origin)
        return None
    if parsed is None:
        return None
    read_only, relabel = parsed
    return Bind(
        source=normalize(source),
        destination=target,
        read_only=read_only,
        text=text,
        origin=origin,
        selinux_relabel=relabel,
    )


def _unique(binds: Sequence[Bind], notes: Findings) -> tuple[Bind, ...]:
    """Equal binds are one; two different ones cannot have the same place."""
    by_target: dict[str, Bind] = {}
    for bind in binds:
        first = by_target.setdefault(bind.destination, bind)
        if (first.source, first.read_only) != (bind.source, bind.read_only):
            notes.error(
                "bind.conflict",
                f'Binds "{first.text}" and "{bind.text}" want the same container path {bind.destination}.',
                hint="Remove one of them.",
                origin=bind.origin,
            )
    return tuple(by_target.values())


def resolve_binds(
    entries: Sequence[tuple[str, Origin]], judge: BindJudge, rules: BindRules, notes: Findings
) -> tuple[Bind, ...]:
    """All binds that may be mounted; every refused one is noted as an error with its reason."""
    kept: list[Bind] = []
    for text, origin in entries:
        bind = parse_bind(text, origin, rules, notes)
        if bind is None:
            continue
        objection = judge.objection(bind.source, read_only=bind.read_only)
        if objection is not None:
            hint = "Bind a project's own folder instead, for instance /srv/project:/project:ro."
            notes.error(
                "bind.sensitive", f'Bind "{text}": {bind.source} {objection}.', hint=hint, origin=origin
            )
            continue
        kept.append(bind)
    return _unique(kept, notes)


def outside_workspaces(binds: Sequence[Bind], roots: Sequence[Path]) -> tuple[Bind, ...]:
    """Binds that OpenClaw 2026.9.6 refuses unless `dangerouslyAllowExternalBindSources` is set."""
    return tuple(
        bind for bind in binds if not any(is_under(bind.source, normalize(str(root))) for root in roots)
    )


def flags(docker: Mapping[str, object], *, workdir: str) -> BindRules:
    """The rules as the `dangerously...` keys leave them."""
    allowed = docker.get("dangerouslyAllowReservedContainerTargets") is True
    return BindRules(workdir=workdir, allow_reserved_targets=allowed)
