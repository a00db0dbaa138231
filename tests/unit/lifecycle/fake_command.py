"""A command made of threads and events: no process, no socket."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ExecStatus
from openclaw_sandbox.errors import EngineError, EngineLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Sink

OUT, ERR = "out", "err"
PATIENCE_S = 20.0


@dataclass
class FakeStream:
    """Plays `script`: (OUT or ERR, bytes) is output, an event is waited for, an exception raised."""

    script: list[tuple[str, bytes] | threading.Event | Exception]
    endless: tuple[str, bytes] | None = None
    closed: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    stdin: bytearray = field(default_factory=bytearray)
    stdin_closed: threading.Event = field(default_factory=threading.Event)
    reads_stdin: bool = True

    def pump(self, stdout: Sink, stderr: Sink) -> None:
        sinks = {OUT: stdout, ERR: stderr}
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                self._await(step)
            else:
                sinks[step[0]](memoryview(step[1]))
        while self.endless and not self.over.is_set():
            self._raise_if_closed()
            sinks[self.endless[0]](memoryview(self.endless[1]))

    def _await(self, event: threading.Event) -> None:
        for _ in range(int(PATIENCE_S / 0.005)):
            if event.wait(0.005):
                return
            self._raise_if_closed()
        raise AssertionError("the script waited in vain")

    def _raise_if_closed(self) -> None:
        if self.closed.is_set():
            raise EngineLostError("closed")

    def write(self, data: bytes) -> bool:
        if self.reads_stdin:
            self.stdin += data
        return self.reads_stdin

    def close_stdin(self) -> None:
        self.stdin_closed.set()

    def resize(self, *, rows: int, columns: int) -> bool:
        raise AssertionError("there is no terminal")

    def set_deadline(self, timeout_s: float | None) -> None:
        raise AssertionError("an execution has its own deadline")

    def close(self) -> None:
        self.closed.set()


@dataclass
class FakeCommand:
    """Runs until `over` is set; `end` and, unless it is stubborn, INT set it."""

    stream: FakeStream
    exit_code: int = 0
    pid: int = 4711
    stubborn: bool = False
    container_survives: bool = True
    end_error: EngineError | None = None
    immortal: bool = False
    signals: list[str] = field(default_factory=list)
    ends: int = 0
    on_end: Callable[[], None] = lambda: None

    @property
    def over(self) -> threading.Event:
        return self.stream.over

    def status(self) -> ExecStatus:
        if not self.over.is_set():
            return ExecStatus(running=True, exit_code=None, pid=self.pid)
        return ExecStatus(running=False, exit_code=137 if self.ends else self.exit_code, pid=self.pid)

    def signal(self, name: str) -> None:
        self.signals.append(name)
        if not self.stubborn:
            self.over.set()

    def end(self) -> bool:
        self.on_end()
        self.ends += 1
        if self.end_error is not None:
            raise self.end_error
        if not self.immortal:
            self.over.set()
        return self.container_survives


def running(*script: tuple[str, bytes] | threading.Event | Exception, **more: object) -> FakeCommand:
    """A command that plays the script and then runs until it is ended."""
    stream = FakeStream([*script])
    stream.script.append(stream.over)
    return FakeCommand(stream, **more)  # type: ignore[arg-type]  # its fields by name


def finished(*script: tuple[str, bytes] | Exception, **more: object) -> FakeCommand:
    """A command that plays the script and exits."""
    command = FakeCommand(FakeStream([*script]), **more)  # type: ignore[arg-type]  # its fields by name
    command.over.set()
    return command
