"""One command in a running container: its streams, its signals, its time limit, its end.

Two threads move bytes (output, input); the main thread decides. They meet in one queue, so that a slow
reader, a silent engine and a signal at the wrong moment all end in the same place.
"""

from __future__ import annotations

import contextlib
import enum
import queue
import signal
import threading
import time
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.docker.failure import classify_exec, classify_last_step
from openclaw_sandbox.errors import EngineError, EngineLostError
from openclaw_sandbox.lifecycle.streams import Budget, HoldBack, Outlet, follow_size, read_some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.engine.base import ExecStatus, Stream
    from openclaw_sandbox.engine.docker.failure import ExecFailure
    from openclaw_sandbox.lifecycle.streams import Streams

#: After everything was killed, the streams end at once; an engine that needs longer is lost.
_KILL_GRACE_S = 10.0
#: A reader that takes nothing for so long, while the command is being ended, gets no more.
_STUCK_READER_S = 0.3
#: A younger command that was silent so far may not even hear a signal yet, and has little to tidy up: it is
#: ended.
_GROWN_S = 1.0
#: How often somebody may look at the counters while the command runs.
_TICK_S = 0.1


class Ending(enum.Enum):
    """How the command came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"  # by a signal to this tool
    READER_GONE = "reader-gone"  # stdout or stderr was closed, or could not be written
    TOO_MUCH_OUTPUT = "too-much-output"
    DISK_FULL = "disk-full"  # the workspace passed its limit
    NOT_STARTED = "not-started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`exit_code` is the command's own (137 if we killed it); `signum` what this tool was sent."""

    ending: Ending
    exit_code: int
    signum: int = 0
    output_error: str = ""  # why its output could not be written, unless the reader just went away
    failure: ExecFailure | None = None
    container_ended: bool = False
    duration_s: float = 0.0
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    left_out_bytes: int = 0  # beyond the output limit, between the head and the tail
    last_words: bytes = field(default=b"", repr=False)  # the end of stderr


class Command(Protocol):
    """A started command, however it was started."""

    stream: Stream

    def status(self) -> ExecStatus:
        """Its state now."""
        ...

    def signal(self, name: str) -> None:
        """Send it, and all it started, a signal ("INT")."""
        ...

    def end(self) -> bool:
        """Kill it and all it started. False: the container ended with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What ends a command besides itself: seconds, and bytes of output on both streams together."""

    timeout_s: float | None = None
    output_limit: int | None = None


_SIGNALS = {signal.SIGINT: "INT", signal.SIGTERM: "TERM", signal.SIGHUP: "HUP"}


@dataclass(slots=True)
class _Event:
    kind: str  # "ended", "broken", "reader-gone", "stop", "signal"
    signum: int = 0
    error: Exception | None = None
    ending: Ending | None = None


class Execution:
    """Drives one command from its start to its end. Use `run` once.

    `on_tick` is called about ten times a second while it runs; `killed`: it was ended, or that was tried.
    """

    def __init__(
        self,
        command: Command,
        streams: Streams,
        *,
        bounds: Bounds,
        name: str,
    ) -> None:
        self._command = command
        self._streams = streams
        self._bounds = bounds
        self._name = name
        self.on_tick: Callable[[], None] = lambda: None
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        budget = Budget(bounds.output_limit, lambda: self.stop(Ending.TOO_MUCH_OUTPUT))
        self._stdout, self._stderr = Outlet(streams.stdout, budget), Outlet(streams.stderr, budget)
        self._held = HoldBack(self._stdout)
        self._held_err = HoldBack(self._stderr)
        self._started = 0.0
        self._ending = Ending.EXITED
        self._signum = 0
        self._output_error = ""
        self._container_ended = False
        self.killed = False
        self._stream_dropped = False

    def run(self) -> Result:
        """Wait for the end of the command, serving its streams.

        Raises:
            EngineLostError: the engine went away; whether the command still runs is unknown.
        """
        self._started = time.monotonic()
        deadline = None if self._bounds.timeout_s is None else self._started + self._bounds.timeout_s
        self.on_tick()
        with self._signals():
            threading.Thread(target=self._pump_output, daemon=True).start()
            if self._streams.stdin is not None:
                feed = (self._streams.stdin,)
                threading.Thread(target=self._pump_input, args=feed, daemon=True).start()
            self._serve_until_streams_end(deadline)
            status = self._await_exit(deadline)
            self.on_tick()
            if self._ending is Ending.INTERRUPTED and not self.killed:
                self._end()  # what outlived the interrupted command
        return self._result(status, time.monotonic() - self._started)

    def stop(self, ending: Ending) -> None:
        """End the command for a reason that somebody else found; may be called from `on_tick`."""
        self._events.put(_Event("stop", ending=ending))

    def _result(self, status: ExecStatus, duration_s: float) -> Result:
        code = -1 if status.exit_code is None else status.exit_code
        out, err = bytes(self._held.held), bytes(self._held_err.held)
        failure = classify_exec(code, status.pid, out, self._name)
        if failure is None and not (self._stdout.total or self._stderr.total):
            failure = classify_last_step(code, out + err, self._name)
        if failure is None and not self._stream_dropped:
            with contextlib.suppress(OSError):
                self._held.release()
                self._held_err.release()
                self._stdout.flush()
                self._stderr.flush()
        return Result(
            ending=Ending.NOT_STARTED if failure else self._ending,
            exit_code=code,
            signum=self._signum,
            output_error=self._output_error,
            failure=failure,
            container_ended=self._container_ended,
            duration_s=duration_s,
            stdout_bytes=self._stdout.total,
            stderr_bytes=self._stderr.total,
            left_out_bytes=self._stdout.left_out + self._stderr.left_out,
            last_words=self._stderr.last_words or self._stdout.last_words,
        )

    # ---- the main thread

    def _serve_until_streams_end(self, deadline: float | None) -> None:
        while True:
            event = self._next_event(deadline)
            if event is None:
                self._ending = Ending.TIMED_OUT
                self._end()
            elif event.kind == "ended":
                return
            elif event.kind == "broken" and not self.killed:
                raise event.error or EngineLostError("The connection to the engine broke.")
            elif event.kind == "reader-gone":
                self._ending, self._output_error = Ending.READER_GONE, _why_unwritten(event.error)
                self._drop_stream()
                self._end()
            elif event.kind == "stop" and event.ending is not None and not self.killed:
                self._ending = event.ending
                self._end()
            elif event.kind == "signal":
                self._on_signal(event.signum)
            if self._stream_dropped or (event is not None and event.kind == "broken"):
                return
            if self.killed:
                deadline = time.monotonic() + _KILL_GRACE_S

    def _next_event(self, deadline: float | None) -> _Event | None:
        """The next event; None when the time is up."""
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0 and self.killed:
                if not self._reader_stuck():
                    raise EngineLostError("The engine does not end a command that was killed.")
                self._drop_stream()
                return _Event("broken")
            try:
                return self._events.get(timeout=_TICK_S if left is None else min(max(left, 0), _TICK_S))
            except queue.Empty:
                if left is not None and left <= 0:
                    return None
                self.on_tick()

    def _on_signal(self, signum: int) -> None:
        first = self._ending is not Ending.INTERRUPTED
        self._ending, self._signum = Ending.INTERRUPTED, signum
        if signum == signal.SIGINT and first and self._can_hear():
            self._command.signal("INT")  # the command may have something to tidy up
        else:
            self._end()

    def _can_hear(self) -> bool:
        """Whether the command is far enough for a signal to reach it, and to have something to tidy up."""
        if self._stdout.total or self._stderr.total:
            return True  # an engine may pass on its output before it knows of its start
        return time.monotonic() - self._started > _GROWN_S and not self._status().starting

    def _end(self) -> None:
        """Kill the command. Meanwhile its output must flow or be dropped.

        An engine cannot even report the death of a process whose output nobody takes, and until then it
        answers nothing else about that container (Docker 20.10 with containerd 1.6).
        """
        if self.killed:
            return
        self.killed = True
        outcome: list[bool | EngineError] = []

        def kill() -> None:
            try:
                outcome.append(self._command.end())
            except EngineError as error:
                outcome.append(error)

        worker = threading.Thread(target=kill, daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(_STUCK_READER_S / 3)
            if self._reader_stuck():
                self._drop_stream()
        if outcome and isinstance(outcome[0], EngineError):
            raise outcome[0]
        self._container_ended = outcome == [False]

    def _reader_stuck(self) -> bool:
        now = time.monotonic()
        waits = (outlet.busy_since for outlet in (self._stdout, self._stderr))
        return any(since is not None and now - since > _STUCK_READER_S for since in waits)

    def _drop_stream(self) -> None:
        if not self._stream_dropped:
            self._stream_dropped = True
            self._command.stream.close()

    def _await_exit(self, deadline: float | None) -> ExecStatus:
        """The streams are closed, the command perhaps not yet: it may have closed them itself."""
        pause_s = 0.002
        while True:
            status = self._status()
            if not status.running:
                return status
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=pause_s)
                if event.kind == "signal":
                    self._on_signal(event.signum)
            if deadline is not None and time.monotonic() > deadline and not self.killed:
                self._ending = Ending.TIMED_OUT
                self._end()
            pause_s = min(pause_s * 2, 0.2)

    def _status(self) -> ExecStatus:
        from openclaw_sandbox.engine.base import ExecStatus

        try:
            return self._command.status()
        except EngineError:
            if self.killed:
                return ExecStatus(running=False, exit_code=137, pid=-1)
            raise

    # ---- the other threads

    def _pump_output(self) -> None:
        try:
            self._command.stream.pump(self._held, self._held_err)
        except OSError as error:
            self._events.put(_Event("reader-gone", error=error))
        except Exception as error:
            self._events.put(_Event("broken", error=error))
        else:
            self._events.put(_Event("ended"))

    def _pump_input(self, stdin: int) -> None:
        with contextlib.suppress(OSError):
            while data := read_some(stdin):
                if not self._command.stream.write(data):
                    return
        self._command.stream.close_stdin()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """While the command runs, signals become events; afterwards they are what they were."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def notice(signum: int, _frame: object) -> None:
            self._events.put(_Event("signal", signum=signum))

        # nohup has us ignore SIGHUP. SIGINT is heard all the same: a script's `kill -INT $!` means this run,
        # although shells without job control start every background job with SIGINT ignored.
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        heard = [signum for signum in _SIGNALS if not (ignored and signum == signal.SIGHUP)]
        before = {signum: signal.signal(signum, notice) for signum in heard}
        if getattr(before[signal.SIGINT], "pending", False):  # it came before, and its exception got lost
            self._events.put(_Event("signal", signum=signal.SIGINT))
        if self._streams.tty is not None:
            before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._resize)
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _resize(self, *_: object) -> None:
        if self._streams.tty is not None:
            follow_size(self._command.stream, self._streams.tty)


def _why_unwritten(error: Exception | None) -> str:
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return error.strerror or str(error)
    return ""


def exit_status(result: Result) -> int:
    """The tool's own exit status for a result (the CLI's contract)."""
    match result.ending:
        case Ending.TIMED_OUT:
            return 124
        case Ending.NOT_STARTED:
            return result.failure.reason.exit_status if result.failure else 125
        case Ending.READER_GONE:
            return 125 if result.output_error else 128 + signal.SIGPIPE
        case Ending.TOO_MUCH_OUTPUT | Ending.DISK_FULL:
            return 128 + signal.SIGKILL
        case Ending.INTERRUPTED if result.signum != signal.SIGINT or result.exit_code in (0, 137):
            return 128 + result.signum
        case _:
            return result.exit_code
