"""What `setup` tells while it works. Plain data: terminal, pipe and JSON each show it their way."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Phase(enum.Enum):
    """The parts of the work, in their order."""

    ENGINE = "engine"
    BASE = "base"
    BUILD = "build"
    LOAD = "load"
    SAVE = "save"
    CHECK = "check"
    REMOVE = "remove"


class Kind(enum.Enum):
    """What an event is."""

    STEP = "step"  # something has begun; it lasts until the next step or the end
    OUTPUT = "output"  # a line that a tool printed
    DONE = "done"  # a phase has ended, with its result
    NOTE = "note"  # worth knowing
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`number` and `of` count the steps of a phase from 1; both are 0 where nobody counts."""

    kind: Kind
    phase: Phase
    text: str
    number: int = 0
    of: int = 0


Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Reporter:
    """A phase's voice."""

    phase: Phase
    listener: Listener

    def step(self, text: str, *, number: int = 0, of: int = 0) -> None:
        """Something has begun."""
        self.listener(Event(kind=Kind.STEP, phase=self.phase, text=text, number=number, of=of))

    def output(self, text: str) -> None:
        """A tool printed this line."""
        self.listener(Event(kind=Kind.OUTPUT, phase=self.phase, text=text))

    def note(self, text: str) -> None:
        """Worth knowing."""
        self.listener(Event(kind=Kind.NOTE, phase=self.phase, text=text))

    def warn(self, text: str) -> None:
        """The operator must know."""
        self.listener(Event(kind=Kind.WARNING, phase=self.phase, text=text))

    def done(self, text: str) -> None:
        """The phase has ended."""
        self.listener(Event(kind=Kind.DONE, phase=self.phase, text=text))
