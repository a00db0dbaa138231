"""How one command is driven to its end: time, signals, readers that stall or leave, engines that vanish."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine.docker.failure import NotStarted
from openclaw_sandbox.errors import EngineError, EngineHangingError, EngineLostError
from openclaw_sandbox.lifecycle import execute
from openclaw_sandbox.lifecycle.execute import Bounds, Ending, Execution, Result, exit_status
from openclaw_sandbox.lifecycle.streams import Streams
from tests.unit.lifecycle.fake_command import ERR, OUT, PATIENCE_S, FakeCommand, FakeStream, finished, running

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND = (
    b'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file '
    b"not found in $PATH: unknown\r\n"
)


class Run:
    """One execution and what came out of it."""

    def __init__(
        self, command: FakeCommand, *, bounds: Bounds | None = None, stdin: int | None = None
    ) -> None:
        self.command = command
        self.out, self.err = bytearray(), bytearray()
        streams = Streams(stdout=self.out.extend, stderr=self.err.extend, stdin=stdin)
        self.execution = Execution(command, streams, bounds=bounds or Bounds(), name="nope")

    def __call__(self) -> Result:
        return self.execution.run()


def go(command: FakeCommand, **bounds: Any) -> tuple[Result, Run]:
    run = Run(command, bounds=Bounds(**bounds))
    return run(), run


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_KILL_GRACE_S", 0.3)
    monkeypatch.setattr(execute, "_STUCK_READER_S", 0.06)
    monkeypatch.setattr(execute, "_TICK_S", 0.01)
    monkeypatch.setattr(execute, "_GROWN_S", 0.0)


def test_output_is_apart_and_the_status_its_own() -> None:
    result, run = go(finished((OUT, b"a"), (ERR, b"x"), (OUT, b"b"), exit_code=7))
    assert (bytes(run.out), bytes(run.err)) == (b"ab", b"x")
    assert (result.ending, result.exit_code, exit_status(result)) == (Ending.EXITED, 7, 7)
    assert (result.stdout_bytes, result.stderr_bytes, result.last_words) == (2, 1, b"x")
    assert run.command.ends == 0


@pytest.mark.parametrize("status", [0, 1, 124, 125, 126, 127, 130, 137, 143, 255])
def test_every_status_is_passed_on(status: int) -> None:
    result, _ = go(finished((OUT, b"x"), exit_code=status))
    assert exit_status(result) == status


def test_a_time_limit_ends_it() -> None:
    result, run = go(running((OUT, b"before")), timeout_s=0.03)
    assert (result.ending, exit_status(result)) == (Ending.TIMED_OUT, 124)
    assert run.out == b"before"
    assert run.command.ends == 1
    assert not result.container_ended


def test_a_time_limit_counts_after_the_streams_were_closed_too() -> None:
    daemon = FakeCommand(FakeStream([(OUT, b"detached")]))
    result, _ = go(daemon, timeout_s=0.03)
    assert result.ending is Ending.TIMED_OUT
    assert daemon.ends == 1


def test_the_last_resort_is_told() -> None:
    result, _ = go(running(container_survives=False), timeout_s=0.01)
    assert result.container_ended


def test_a_command_that_does_not_die_is_the_engines_fault() -> None:
    with pytest.raises(EngineLostError, match="does not end a command that was killed"):
        go(running(immortal=True), timeout_s=0.01)


def test_an_engine_that_cannot_end_it_is_heard() -> None:
    command = running(end_error=EngineHangingError("no answer"), immortal=True)
    with pytest.raises(EngineHangingError):
        go(command, timeout_s=0.01)
    assert command.ends == 1


def test_too_much_output_ends_it_and_the_end_of_it_is_kept() -> None:
    stop = threading.Event()
    command = running((OUT, b"head"), (OUT, b"." * 50_000 + b"tail"), stop)
    command.on_end = stop.set
    result, run = go(command, output_limit=10)
    assert (result.ending, exit_status(result)) == (Ending.TOO_MUCH_OUTPUT, 137)
    assert run.out.startswith(b"head......")
    assert run.out.endswith(b"tail")
    assert result.stdout_bytes == 4 + 50_004
    assert len(run.out) + result.left_out_bytes == result.stdout_bytes


def test_a_limit_that_is_met_exactly_is_no_limit() -> None:
    result, run = go(finished((OUT, b"12345"), (ERR, b"67890")), output_limit=10)
    assert result.ending is Ending.EXITED
    assert result.left_out_bytes == 0
    assert run.out + run.err == b"1234567890"


# ---- readers


def test_a_reader_that_left_ends_it() -> None:
    command = FakeCommand(FakeStream([], endless=(OUT, b"y\n")))
    run = Run(command)

    def gone(_: memoryview) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    streams = Streams(stdout=gone, stderr=run.err.extend, stdin=None)
    result = Execution(command, streams, bounds=Bounds(), name="yes").run()
    assert (result.ending, exit_status(result), result.output_error) == (Ending.READER_GONE, 141, "")
    assert command.ends == 1
    assert command.stream.closed.is_set()


def test_a_full_disk_is_no_reader_that_left() -> None:
    command = running((OUT, b"data"))

    def full(_: memoryview) -> None:
        raise OSError(28, "No space left on device")

    streams = Streams(stdout=full, stderr=full, stdin=None)
    result = Execution(command, streams, bounds=Bounds(), name="dd").run()
    assert (exit_status(result), result.output_error) == (125, "No space left on device")
    assert command.ends == 1


@pytest.fixture
def stalled() -> Any:
    """A sink that takes nothing until the test is over."""
    release = threading.Event()

    def take(_: memoryview) -> None:
        release.wait(PATIENCE_S)

    yield take
    release.set()


def test_a_reader_that_stalls_does_not_keep_a_time_limit_from_ending_it(stalled: Callable[..., None]) -> None:
    command = FakeCommand(FakeStream([], endless=(OUT, b"y\n")))
    streams = Streams(stdout=stalled, stderr=stalled, stdin=None)
    result = Execution(command, streams, bounds=Bounds(timeout_s=0.03), name="yes").run()
    assert result.ending is Ending.TIMED_OUT
    assert command.stream.closed.is_set()


def test_a_reader_that_stalls_at_the_last_moment_is_no_fault_of_the_engine(
    stalled: Callable[..., None],
) -> None:
    last_words = threading.Event()
    command = running(last_words, (OUT, b"last words"))
    command.on_end = last_words.set
    streams = Streams(stdout=stalled, stderr=stalled, stdin=None)
    result = Execution(command, streams, bounds=Bounds(timeout_s=0.03), name="sh").run()
    assert result.ending is Ending.TIMED_OUT
    assert command.stream.closed.is_set()


def test_a_slow_reader_gets_everything() -> None:
    command = finished(*[(OUT, bytes([n])) for n in range(20)])
    run = Run(command)
    pause = threading.Event()

    def slow(data: memoryview) -> None:
        pause.wait(0.005)
        run.out.extend(data)

    Execution(command, Streams(stdout=slow, stderr=slow, stdin=None), bounds=Bounds(), name="x").run()
    assert run.out == bytes(range(20))


# ---- signals to this tool


def interrupted(command: FakeCommand, *signums: signal.Signals, **bounds: Any) -> tuple[Result, Run]:
    """Run it, and at each tick get the next of these signals."""
    run = Run(command, bounds=Bounds(**bounds))
    left = list(signums)
    ticks = [0]

    def on_tick() -> None:
        ticks[0] += 1
        if left and ticks[0] > 1:  # the first tick comes before the handlers
            signal.raise_signal(left.pop(0))

    run.execution.on_tick = on_tick
    return run(), run


def test_the_first_interrupt_is_passed_on_and_what_is_left_is_ended() -> None:
    command = running()
    result, run = interrupted(command, signal.SIGINT)
    assert command.signals == ["INT"]
    assert (result.ending, result.signum) == (Ending.INTERRUPTED, signal.SIGINT)
    assert run.command.ends == 1, "its detached children"
    assert exit_status(result) == 130


def test_a_command_that_tidies_up_has_the_last_word() -> None:
    command = running(exit_code=3)
    ended = threading.Event()
    command.on_end = ended.set
    result, _ = interrupted(command, signal.SIGINT)
    assert ended.is_set()
    assert exit_status(result) == 3


def test_a_command_that_cannot_hear_yet_is_ended_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_GROWN_S", PATIENCE_S)
    command = running(stubborn=True)
    result, _ = interrupted(command, signal.SIGINT)
    assert (command.signals, command.ends) == ([], 1)
    assert exit_status(result) == 130


def test_a_command_that_the_engine_has_yet_to_start_cannot_hear_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execute, "_GROWN_S", 0.0)
    command = running(stubborn=True, pid=0)
    result, _ = interrupted(command, signal.SIGINT)
    assert (command.signals, command.ends) == ([], 1)
    assert exit_status(result) == 130


def test_a_command_that_was_heard_of_has_started_whatever_the_engine_says() -> None:
    command = running((OUT, b"up"), exit_code=3, pid=0)
    result, _ = interrupted(command, signal.SIGINT)
    assert command.signals == ["INT"]
    assert exit_status(result) == 3


def test_an_interrupt_whose_exception_got_lost_counts_all_the_same() -> None:
    class Second:
        pending = True

        def __call__(self, *_: object) -> None:
            return

    signal.signal(signal.SIGINT, Second())
    command = running()
    result, _ = interrupted(command)
    assert (command.signals, command.ends) == (["INT"], 1)
    assert exit_status(result) == 130


def test_the_second_interrupt_ends_it() -> None:
    command = running(stubborn=True)
    result, _ = interrupted(command, signal.SIGINT, signal.SIGINT)
    assert command.signals == ["INT"]
    assert command.ends == 1
    assert exit_status(result) == 130


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_end_it_at_once(signum: signal.Signals, status: int) -> None:
    command = running(stubborn=True)
    result, _ = interrupted(command, signum)
    assert (command.signals, command.ends) == ([], 1)
    assert exit_status(result) == status


def test_an_interrupted_command_that_goes_on_still_meets_its_time_limit() -> None:
    result, _ = interrupted(running(stubborn=True), signal.SIGINT, timeout_s=0.1)
    assert exit_status(result) == 124


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    interrupted(running(), signal.SIGINT)
    go(finished())
    with pytest.raises(EngineLostError):
        go(running(immortal=True), timeout_s=0.01)
    assert before == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


# ---- the engine


def test_a_stream_that_breaks_is_the_engines_fault() -> None:
    with pytest.raises(EngineLostError, match="broke"):
        go(finished((OUT, b"half"), EngineLostError("it broke")))


def test_a_status_that_cannot_be_had_is_heard() -> None:
    command = finished((OUT, b"done"))
    command.status = lambda: (_ for _ in ()).throw(EngineError("gone"))  # type: ignore[method-assign]  (an engine that is gone)
    with pytest.raises(EngineError, match="gone"):
        go(command)


def test_after_a_kill_a_missing_status_is_the_kill() -> None:
    command = running()
    command.status = lambda: (_ for _ in ()).throw(EngineError("gone"))  # type: ignore[method-assign]  (an engine that is gone)
    result, _ = go(command, timeout_s=0.01)
    assert (result.exit_code, exit_status(result)) == (137, 124)


# ---- the engine's own words


def test_a_command_that_never_started_prints_nothing() -> None:
    result, run = go(finished((OUT, NOT_FOUND), exit_code=126, pid=0))
    assert (result.ending, exit_status(result)) == (Ending.NOT_STARTED, 127)
    assert result.failure is not None
    assert result.failure.reason is NotStarted.NOT_FOUND
    assert run.out == b""


def test_a_command_that_only_talks_like_the_engine_is_heard() -> None:
    result, run = go(finished((OUT, NOT_FOUND), exit_code=126))
    assert (result.ending, exit_status(result)) == (Ending.EXITED, 126)
    assert run.out == NOT_FOUND


@pytest.mark.parametrize("first", [b"c", b"O", b"OCI runtime ", b"\n", b"cannot"])
def test_first_letters_are_not_kept_back(first: bytes) -> None:
    seen = threading.Event()
    command = running((OUT, first), seen)
    run = Run(command)

    def take(data: memoryview) -> None:
        run.out.extend(data)
        seen.set()
        command.over.set()

    streams = Streams(stdout=take, stderr=take, stdin=None)
    Execution(command, streams, bounds=Bounds(), name="x").run()
    assert run.out == first


# ---- stdin


def feed(data: bytes) -> int:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


def test_stdin_arrives_and_ends() -> None:
    stream = FakeStream([])
    stream.script = [stream.stdin_closed]
    command = FakeCommand(stream)
    command.over.set()
    reader = feed(b"some input")
    Run(command, stdin=reader)()
    os.close(reader)
    assert stream.stdin == b"some input"


def test_input_that_nobody_reads_is_no_failure() -> None:
    stream = FakeStream([(OUT, b"done")], reads_stdin=False)
    command = FakeCommand(stream, exit_code=0)
    command.over.set()
    reader = feed(b"x" * 1000)
    result = Run(command, stdin=reader)()
    os.close(reader)
    assert exit_status(result) == 0


def test_a_stdin_that_cannot_be_read_is_an_empty_one() -> None:
    stream = FakeStream([])
    stream.script = [stream.stdin_closed]
    command = FakeCommand(stream)
    command.over.set()
    reader, writer = os.pipe()
    Run(command, stdin=writer)()  # the end that cannot be read
    os.close(reader)
    os.close(writer)
    assert stream.stdin == b""
