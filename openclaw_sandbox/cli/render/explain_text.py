"""`explain` for a human: the verdict first, then what is wrong, then only what differs from the defaults."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.layout import columns_of, paragraph, width
from openclaw_sandbox.config.origin import OriginKind
from openclaw_sandbox.policy.findings import errors
from openclaw_sandbox.policy.model import Severity
from openclaw_sandbox.policy.paths import Mount, MountKind
from openclaw_sandbox.policy.sizes import human_size
from openclaw_sandbox.policy.tighten import LIMITS
from openclaw_sandbox.policy.toolcall import exec_place
from openclaw_sandbox.policy.volume import wants_volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding, Resolved

_MARKS = {
    Severity.ERROR: ("refused", "error"),
    Severity.WARNING: ("warning", "warning"),
    Severity.INFO: ("note", "dim"),
}
#: A key of config.yml that a key of openclaw.json stands for: shown once.
_ALIASES = {limit.key: limit.value_key for limit in LIMITS if limit.key != limit.value_key} | {
    "default_image": "docker.image",
    "seccomp_profile": "docker.seccompProfile",
    "apparmor_profile": "docker.apparmorProfile",
}
_SIZES = frozenset(
    {"docker.memory", "docker.memorySwap", "docker.shmSize", "tmpfs_size"}
    | {key for limit in LIMITS if limit.show is human_size for key in (limit.key, limit.value_key)}
)


def short_path(path: str, home: Path) -> str:
    """A path with the home folder as `~`."""
    root = str(home)
    return f"~{path[len(root) :]}" if root != "/" and (path == root or path.startswith(f"{root}/")) else path


def where(origin: Origin | None, view: View, *, with_key: bool = False) -> str:
    """`openclaw.json:12`, with the key path if asked; built-in layers by their name."""
    if origin is None:
        return ""
    if origin.kind is not OriginKind.FILE or origin.file is None:
        return origin.key or origin.kind.value
    main = origin.file == str(view.config.paths.config_file)
    name = Path(origin.file).name if main else short_path(origin.file, view.config.paths.home)
    place = origin.location()
    text = f"{name}:{place.line}" if place else name
    return f"{text} {origin.key}" if with_key else text


def _asked_in_vain(value: Resolved[Any]) -> bool:
    return any(candidate.origin.kind is OriginKind.FILE for candidate in value.overridden)


def shown(resolved: Resolved[Any], view: View) -> str:
    """A value on one line."""
    return show_value(resolved.key, resolved.value, view)


def show_value(key: str, value: Any, view: View) -> str:
    """A value on one line, secrets hidden, sizes readable."""
    safe = view.redactor.value(key, value)
    if safe is None:
        return "(unset)"
    if key in _SIZES and isinstance(safe, int) and safe > 0:
        return human_size(safe)
    if isinstance(safe, bool):
        return "true" if safe else "false"
    if isinstance(safe, list):
        return ", ".join(map(_item, safe)) or "(empty)"
    if isinstance(safe, dict):
        return ", ".join(f"{name}={item}" for name, item in safe.items()) or "(empty)"
    return str(safe) if safe != "" else '""'


def _item(item: Any) -> str:
    """One element of a list: a mount of config.yml as a bind is written, a port like one."""
    if isinstance(item, dict) and {"source", "target", "mode"} <= item.keys():
        return f"{item['source']}:{item['target']}:{item['mode']}"
    return str(item)


def _is_alias(value: Resolved[Any], values: Mapping[str, Resolved[Any]]) -> bool:
    other = values.get(_ALIASES.get(value.key, ""))
    return other is not None and other.origin == value.origin


class TextView:
    """Writes one view, line by line."""

    def __init__(self, view: View, ui: Ui) -> None:
        self._view = view
        self._ui = ui
        self._width = width()
        self.lines: list[str] = []

    def heading(self, text: str) -> None:
        """A blank line and a title."""
        self.lines += ["", self._ui.paint(text, "bold", sys.stdout)]

    def verdict(self) -> None:
        """Sandboxed or not, why, and whether `run` would start."""
        policy = self._view.policy
        answer = "Sandboxed" if policy.sandboxed_by_openclaw else "Not sandboxed"
        style = "ok" if policy.sandboxed_by_openclaw else "warning"
        self.lines.append(f"{self._ui.paint(answer, style, sys.stdout)}: {self._view.why()}.")
        stopping = errors(self._view.findings)
        if stopping:
            count = "one thing is" if len(stopping) == 1 else f"{len(stopping)} things are"
            word = self._ui.paint("Refused", "error", sys.stdout)
            self.lines.append(f"{word}: run does not start, {count} not allowed.")
        self.lines += columns_of(self._summary(), indent="", total=self._width)

    def _summary(self) -> list[tuple[str, str]]:
        policy, view = self._view.policy, self._view
        config = policy.config_file or f"none ({view.config.paths.config_file} does not exist)"
        return [
            ("agent", f"{policy.agent_id}   session {policy.session_key}"),
            ("config", short_path(config, view.config.paths.home)),
            ("container", f"{policy.container_name}   scope {policy.scope.value}"),
            ("exec", exec_sentence(policy)),
        ]

    def findings(self, *, notes: bool) -> None:
        """Errors and warnings, each with its place and the key or command that fixes it."""
        wanted = [f for f in self._view.findings if notes or f.severity is not Severity.INFO]
        if wanted:
            self.lines.append("")
        for finding in wanted:
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        word, style = _MARKS[finding.severity]
        place = where(finding.origin, self._view)
        in_file = finding.origin is not None and finding.origin.kind is OriginKind.FILE
        message = self._view.redactor.text(finding.message + (f" [{place}]" if in_file else ""))
        wrapped = paragraph(message, first=f"{word}: ", rest="  ", columns=self._width)
        wrapped[0] = wrapped[0].replace(f"{word}:", self._ui.paint(f"{word}:", style, sys.stdout), 1)
        self.lines += wrapped
        if finding.hint:
            hint = self._view.redactor.text(finding.hint)
            self.lines += paragraph(hint, first="  fix: ", rest="       ", columns=self._width)

    def values(self, *, everything: bool) -> None:
        """What a file or flag set, or every value."""
        values = self._view.policy.values
        chosen = [
            value
            for key, value in sorted(values.items())
            if not _is_alias(value, values)
            and (everything or value.origin.kind is not OriginKind.BUILT_IN or _asked_in_vain(value))
        ]
        self.heading("Every value" if everything else "Differs from the defaults")
        rows = [(value.key, shown(value, self._view), self._origin(value)) for value in chosen]
        self.lines += columns_of(rows, total=self._width) or ["  nothing: every value is a default"]

    def _origin(self, value: Resolved[Any]) -> str:
        lost = [c for c in value.overridden if c.origin.kind is not OriginKind.BUILT_IN]
        text = where(value.origin, self._view)
        if not lost:
            return text
        last = lost[-1]
        was = f"{show_value(value.key, last.value, self._view)}, {where(last.origin, self._view)}"
        return f"{text} ({was}, does not count)" if last.why_lost else f"{text} (over {was})"

    def mounts(self) -> None:
        """What the sandbox sees of the host, and where it can write."""
        self.heading("What the sandbox sees")
        rows = [
            (
                mount.destination,
                _rights(mount),
                "in memory" if mount.kind is MountKind.TMPFS else mount.source or _why_empty(mount),
            )
            for mount in self._view.paths.mounts
        ]
        root = "read-write" if not self._view.policy.hardening.read_only_root else "read-only"
        self.lines += columns_of([*rows, ("/ (the image)", root, "")], total=self._width)

    def limits(self) -> None:
        """The hardening in one glance."""
        hardening = self._view.policy.hardening
        memory = human_size(hardening.memory_bytes) if hardening.memory_bytes else "unlimited"
        parts = [
            f"network {hardening.network}",
            f"capabilities dropped: {', '.join(hardening.cap_drop) or 'none'}",
            f"seccomp {hardening.seccomp.path or hardening.seccomp.kind.value}",
            f"memory {memory}",
            f"pids {hardening.pids_limit}",
            f"cpus {hardening.cpus:g}" if hardening.cpus else "cpus unlimited",
            f"user {hardening.user or 'the owner of the workspace, never root'}",
            *_file_limits(self._view.policy),
        ]
        self.heading("Enforced by run")
        self.lines += paragraph("; ".join(parts) + ".", first="  ", rest="  ", columns=self._width)

    def tools(self) -> None:
        """The sandbox stage of the tool policy, and elevated."""
        policy = self._view.policy
        self.heading("Tools")
        for word, names, source in (
            ("allow", policy.tools.allow, policy.tools.allow_source),
            ("deny", policy.tools.deny, policy.tools.deny_source),
        ):
            text = ", ".join(names) or ("everything" if word == "allow" else "nothing")
            first = f"  {word} ({source['source']}): "
            self.lines += paragraph(text, first=first, rest="    ", columns=self._width)
        self.lines += paragraph(elevated_sentence(self._view), first="  elevated: ", columns=self._width)

    def more(self) -> None:
        """Where to look next."""
        notes = sum(1 for f in self._view.findings if f.severity is Severity.INFO)
        count = f" ({notes} notes)" if notes > 1 else " (1 note)" if notes else ""
        self.lines += ["", f"More: --all{count}, --tool NAME, --path PATH, --key KEY, --json"]


def _file_limits(policy: EffectivePolicy) -> list[str]:
    """What only config.yml can say, as far as it does."""
    hardening = policy.hardening
    said = (
        ("time", f"{hardening.timeout_s:g} s" if hardening.timeout_s else None),
        ("disk", human_size(hardening.disk_bytes) if hardening.disk_bytes else None),
        ("the workspace in a volume", "" if wants_volume(policy) else None),
        ("output", human_size(hardening.max_output_bytes) if hardening.max_output_bytes else None),
        ("runtime", hardening.runtime),
        ("processors", hardening.cpuset),
        ("AppArmor", hardening.apparmor),
        ("SELinux", hardening.selinux_label),
        ("calls refused on top:", ", ".join(hardening.seccomp.blocked) or None),
        ("capabilities in the bounding set:", ", ".join(hardening.cap_add) or None),
    )
    return [f"{name} {value}".rstrip() for name, value in said if value is not None]


def _rights(mount: Mount) -> str:
    if not mount.visible:
        return "hidden"
    return "read-write" if mount.writable else "read-only"


def _why_empty(mount: Mount) -> str:
    return f"empty: {mount.key}"


def exec_sentence(policy: EffectivePolicy) -> str:
    """Where OpenClaw runs commands of this session, and why."""
    _, why = exec_place(policy.exec_host.setting, sandboxed=policy.sandboxed_by_openclaw)
    return why[0].lower() + why[1:].rstrip(".")


def elevated_sentence(view: View) -> str:
    """The state of the way out, in one line."""
    elevated = view.policy.elevated
    if elevated.always_allowed_by_config:
        return f"open to everyone on {elevated.channel}"
    if elevated.allowed_by_config:
        return f"open to the senders in tools.elevated.allowFrom.{elevated.channel}"
    failures = [f"{failure['gate']} ({failure['key']})" for failure in elevated.wire["failures"]]
    if failures:
        return f"shut: {', '.join(failures)}"
    return "no chat channel known for this session; see --channel"


def explain_text(view: View, ui: Ui, *, everything: bool) -> str:
    """The whole page."""
    page = TextView(view, ui)
    page.verdict()
    page.findings(notes=everything)
    page.values(everything=everything)
    page.mounts()
    page.limits()
    if everything:
        page.tools()
    page.more()
    return "\n".join(page.lines)
