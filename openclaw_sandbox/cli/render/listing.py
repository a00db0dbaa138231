"""What `list` shows: a table for people, OpenClaw's JSON and more for programs."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.render.table import Column, lay_out, terminal_width
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.stock import Role, State
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.lifecycle.judge import Verdict
    from openclaw_sandbox.lifecycle.stock import Item

_STYLES = {
    "running": "ok",
    "missing": "warning",
    "orphan": "warning",
    "half-made": "warning",
    "foreign-state": "dim",
}


class Shown:
    """The rows of one listing. `sizes` are bytes in the workspace by container name, where asked for."""

    def __init__(
        self,
        items: Sequence[Item],
        verdicts: Sequence[Verdict],
        *,
        now_ms: int,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.items, self.verdicts, self.now_ms, self.sizes = items, verdicts, now_ms, sizes

    def table(self, ui: Ui) -> None:
        """The table on stdout; what it cannot show on stderr."""
        import sys

        def paint(text: str, title: str) -> str:
            style = _STYLES.get(text.strip()) if title == "STATE" else None
            return ui.paint(text, style, sys.stdout) if style else text

        table = lay_out(self._columns(), terminal_width(), paint=paint)
        ui.out("\n".join(table.lines))
        if table.left_out:
            ui.note(
                f"No room for: {', '.join(t.lower() for t in table.left_out)}. A pipe or --json shows all."
            )
        self._summary(ui)

    def _columns(self) -> list[Column]:
        items, verdicts = self.items, self.verdicts
        columns = [
            Column(title="SESSION", cells=[item.scope_key or "?" for item in items], worth=0),
            Column(title="STATE", cells=[_state(item) for item in items], worth=0),
            Column(title="DRIFT", cells=list(map(_drift, items, verdicts)), worth=9),
            Column(title="AGE", cells=[self._age(item) for item in items], worth=7),
            Column(title="IDLE", cells=[self._idle(item) for item in items], worth=8),
            Column(title="AGENT", cells=[item.agent_id or "-" for item in items], worth=3),
            Column(title="NAME", cells=[item.name for item in items], worth=5),
            Column(title="IMAGE", cells=[item.image or "-" for item in items], worth=2),
            Column(title="WORKSPACE", cells=[v.workspace_dir or "-" for v in verdicts], worth=1),
        ]
        if self.sizes is not None:
            written = [item.observed.size_bytes if item.observed else None for item in items]
            columns[5:5] = [
                Column(title="WRITTEN", cells=[size_text(size) for size in written], worth=6, numeric=True),
                Column(
                    title="WORKSPACE SIZE",
                    cells=[size_text(self.sizes.get(item.name)) for item in items],
                    worth=6,
                    numeric=True,
                ),
            ]
        return columns

    def _age(self, item: Item) -> str:
        return duration(self.now_ms - item.created_at_ms) if item.created_at_ms else "-"

    def _idle(self, item: Item) -> str:
        return "-" if item.last_used_at_ms is None else duration(self.now_ms - item.last_used_at_ms)

    def _summary(self, ui: Ui) -> None:
        running = sum(item.running for item in self.items)
        ui.note(f"Total: {len(self.items)} ({running} running)")
        drifted = sum(verdict.match is Match.DRIFTED for verdict in self.verdicts)
        if drifted:
            ui.note(f"{drifted} drifted. Bring up to date: openclaw-sandbox recreate --drifted")
        pairs = zip(self.items, self.verdicts, strict=True)
        unknown = Counter(
            v.reason for i, v in pairs if v.match is Match.UNKNOWN and v.reason and _compared(i)
        )
        for reason, count in unknown.items():
            ui.note(f"{count} not compared: {reason}")
        states = Counter(item.state for item in self.items)
        if states[State.ORPHAN] or states[State.HALF_MADE] or states[State.MISSING]:
            ui.note("Tidy up: openclaw-sandbox prune")

    def document(self) -> list[dict[str, Any]]:
        """One object per container: the registry's own fields, then this tool's."""
        return [self._object(i, v) for i, v in zip(self.items, self.verdicts, strict=True)]

    def _object(self, item: Item, verdict: Verdict) -> dict[str, Any]:
        entry: dict[str, Any] = dict(item.entry.document()) if item.entry else {}
        observed = item.observed
        config_hash = observed.labels.get(labels.CONFIG_HASH) if observed else None
        if config_hash is not None:
            entry.setdefault("configHash", config_hash)
        found: dict[str, Any] = {
            "containerName": item.name,
            "sessionKey": item.scope_key,
            "createdAtMs": item.created_at_ms,
            "lastUsedAtMs": item.last_used_at_ms,
            "image": item.image,
            **entry,
            "running": item.running,
            "imageMatch": _image_match(item, verdict),
            "state": item.state.value,
            "role": item.role.value,
            "registered": item.entry is not None,
            "agentId": item.agent_id or None,
            "workspaceDir": verdict.workspace_dir or None,
            "stateDir": item.state_dir or None,
            "ageMs": max(0, self.now_ms - item.created_at_ms),
            "idleMs": None if item.last_used_at_ms is None else max(0, self.now_ms - item.last_used_at_ms),
            "containerId": observed.id if observed else None,
            "engineState": observed.state.value if observed else None,
            "imageId": observed.image_id if observed else None,
            "drift": {
                "status": verdict.match.value,
                "reason": verdict.reason or None,
                "parts": list(verdict.parts),
                "configMatch": verdict.config_match,
                "wantedImage": verdict.wanted_image or None,
                "wantedImageId": verdict.wanted_image_id or None,
            },
        }
        if self.sizes is not None:
            found["writtenBytes"] = observed.size_bytes if observed else None
            found["workspaceBytes"] = self.sizes.get(item.name)
        return found


def _image_match(item: Item, verdict: Verdict) -> bool:
    """By image id where both are known; by name, as OpenClaw compares, where not."""
    if verdict.image_match is not None:
        return verdict.image_match
    return bool(item.image) and item.image == (verdict.wanted_image or item.image)


def _state(item: Item) -> str:
    if item.state in (State.ORPHAN, State.FOREIGN) and item.running:
        return f"{item.state.value} (running)"
    if item.role in (Role.SANDBOX, Role.BROWSER):
        return item.state.value
    return f"{item.state.value} ({item.role.value})"


def _compared(item: Item) -> bool:
    """Whether there is anything that a policy could ask for."""
    return item.ours and item.observed is not None and item.role in (Role.SANDBOX, Role.BROWSER)


def _drift(item: Item, verdict: Verdict) -> str:
    if not _compared(item):
        return "-"
    match verdict.match:
        case Match.MATCHES:
            return "-"
        case Match.DRIFTED:
            return ", ".join(verdict.parts)
        case Match.UNUSED | Match.UNKNOWN:
            return verdict.match.value if verdict.reason else "-"


def duration(milliseconds: int) -> str:
    """A time as OpenClaw's `list` writes it: `45s`, `2m 5s`, `1h 30m`, `3d 4h`."""
    if milliseconds <= 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    seconds = (milliseconds + 500) // 1000
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    for (unit, size), (smaller, smaller_size) in itertools.pairwise(units):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size}{unit} {rest}{smaller}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"


def size_text(size: int | None) -> str:
    """Bytes as Docker's CLI writes them."""
    if size is None:
        return "-"
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g}{unit}" if unit != "B" else f"{size}B"
