"""How `setup` shows its work: a live line on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import field
from typing import TYPE_CHECKING, Any, assert_never

from openclaw_sandbox.cli.ui import printable
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.image.progress import Event, Kind
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.progress import Progress, TaskID

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.image.outcome import Outcome
    from openclaw_sandbox.image.progress import Listener
    from openclaw_sandbox.image.proof import Shown
    from openclaw_sandbox.image.uninstall import Item, Removal


@contextlib.contextmanager
def progress(ui: Ui) -> Iterator[Listener]:
    """The listener that fits the place: who looks, a pipe or a program."""
    if ui.as_json:
        yield _JsonLines(ui)
    elif ui.quiet or ui.verbose or not sys.stderr.isatty():
        yield _Lines(ui)
    else:
        with _live(ui) as listener:
            yield listener


@dataclass(frozen=True, slots=True)
class _JsonLines:
    """One object per event on stdout; the verb's answer is the last line."""

    ui: Ui
    started: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        line: dict[str, Any] = {"event": event.kind.value, "phase": event.phase.value, "text": event.text}
        if event.of:
            line |= {"number": event.number, "of": event.of}
        self.ui.out(compact(line | {"elapsed_s": round(time.monotonic() - self.started, 2)}))


@dataclass(frozen=True, slots=True)
class _Lines:
    """One plain line per step; what tools print is shown with -v."""

    ui: Ui
    started: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        match event.kind:
            case Kind.OUTPUT:
                self.ui.debug(f"        {event.text}")
            case Kind.WARNING:
                self.ui.warn(event.text)
            case Kind.STEP | Kind.NOTE | Kind.DONE:
                self.ui.note(f"{time.monotonic() - self.started:6.1f}s {_words(event)}")
            case _:
                assert_never(event.kind)


@contextlib.contextmanager
def _live(ui: Ui) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=not ui.colored(sys.stderr), highlight=False)
    words = TextColumn("{task.description}", markup=False)
    with Progress(SpinnerColumn(), words, TimeElapsedColumn(), console=console, transient=True) as shown:
        yield _Live(ui, shown)


class _Live:
    """The current step with its time; what is over is a line above it."""

    def __init__(self, ui: Ui, shown: Progress) -> None:
        self._ui, self._shown = ui, shown
        self._task: TaskID | None = None
        self._begun = time.monotonic()
        self._text = ""

    def __call__(self, event: Event) -> None:
        match event.kind:
            case Kind.STEP:
                self._end_step()
                self._begin_step(_words(event))
            case Kind.OUTPUT:
                pass  # the spinner says that something happens; -v shows what
            case Kind.DONE:
                self._end_step()
                self._line(f"{self._ui.paint('✓', 'ok', sys.stderr)} {_words(event)}")
            case Kind.NOTE:
                self._line(f"  {_words(event)}")
            case Kind.WARNING:
                self._line(f"{self._ui.paint('warning:', 'warning', sys.stderr)} {_words(event)}")
            case _:
                assert_never(event.kind)

    def _begin_step(self, text: str) -> None:
        self._text, self._begun = text, time.monotonic()
        width = max(20, self._shown.console.width - 16)
        self._task = self._shown.add_task(text if len(text) <= width else f"{text[: width - 1]}…", total=None)

    def _end_step(self) -> None:
        if self._task is not None:
            self._shown.remove_task(self._task)
            self._line(f"  {self._text} ({time.monotonic() - self._begun:.1f} s)")
            self._task = None

    def _line(self, text: str) -> None:
        from rich.text import Text

        self._shown.console.print(Text.from_ansi(text), soft_wrap=True)


def _words(event: Event) -> str:
    count = f" {event.number}/{event.of}" if event.of else ""
    return printable(f"{event.phase.value}{count}: {event.text}")


def compact(value: object) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


# ---- images


def image_facts(image: ImageInfo, reference: str, *, now: datetime) -> dict[str, Any]:
    """What is known of an image, for JSON and for the lines of `--check`."""
    said = image.labels
    return {
        "reference": reference,
        "id": image.id,
        "digest": image.digests[0] if image.digests else None,
        "size_bytes": image.size_bytes,
        "created_at": image.created_at,
        "age_s": _age_s(image, now),
        "version": said.get(labels.VERSION),
        "recipe": said.get(labels.RECIPE),
        "base": said.get(labels.BASE_DIGEST),
        "base_source": said.get(labels.BASE_SOURCE),
        "suite": said.get(labels.SUITE),
        "tools": said.get(labels.TOOLS, "").split(),
    }


def _age_s(image: ImageInfo, now: datetime) -> int | None:
    from datetime import datetime

    try:
        made = datetime.fromisoformat(image.labels.get(labels.BUILT_AT, ""))
        return max(0, round((now - made).total_seconds()))
    except (ValueError, TypeError):  # no label, or a time without a zone
        return None


def outcome_json(outcome: Outcome, *, now: datetime) -> dict[str, Any]:
    """One image of a set-up."""
    return {
        "name": outcome.name,
        "action": outcome.action,
        "why": outcome.why,
        "seconds": round(outcome.seconds, 2),
        **image_facts(outcome.image, outcome.reference, now=now),
    }


def check_lines(ui: Ui, facts: dict[str, Any], shown: Sequence[Shown]) -> str:
    """One image and what its sandbox showed, as a text block."""
    rows = [
        ("image", facts["reference"]),
        ("id", facts["id"]),
        ("digest", facts["digest"] or "none (built here, never in a registry)"),
        ("size", f"{facts['size_bytes'] / 1e6:.0f} MB"),
        ("age", age_words(facts["age_s"])),
        ("base", f"{facts['base_source'] or 'unknown'}, {facts['base'] or 'unknown'}"),
    ]
    lines = [f"{name:8} {value}" for name, value in rows]
    lines += [
        f"  {ui.paint('ok  ' if item.ok else 'FAIL', 'ok' if item.ok else 'error', sys.stdout)} "
        f"{item.name:18} {printable(item.found)[:80]}"
        for item in shown
    ]
    return "\n".join(lines)


def age_words(seconds: int | None) -> str:
    """An age in its largest unit."""
    if seconds is None:
        return "unknown"
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


# ---- removal


def removal_lines(removal: Removal) -> list[str]:
    """The preview: what goes, then what stays and why."""
    lines = [f"remove {item.thing.value} {item.name}" for item in removal.going]
    return lines + [f"keep   {item.thing.value} {item.name}: {item.kept}" for item in removal.staying]


def removal_json(removal: Removal) -> dict[str, Any]:
    """What went and what stays."""
    return {
        "removed": [_item(item) for item in removal.going],
        "kept": [{**_item(item), "reason": item.kept} for item in removal.staying],
    }


def _item(item: Item) -> dict[str, str]:
    return {"kind": item.thing.value, "name": item.name, "id": item.id}
