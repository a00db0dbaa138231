"""Programs of the host that `setup` starts: their lines as they come, a deadline, and no survivors."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import VerbFailedError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

_TAIL_LINES = 20
_GRACE_S = 15.0  # for mmdebstrap and apt to clean up after themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended: its status (negative: the signal that ended it) and its last lines."""

    status: int
    tail: tuple[str, ...]
    timed_out: bool = False


def run(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None],
    timeout_s: float,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end, stdout and stderr together, without input.

    When the deadline passes or the caller is interrupted, the program and its children are ended first.

    Raises:
        VerbFailedError: there is no such program, or it may not be executed.
    """
    import subprocess

    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            text=True,
            errors="replace",
            # A group of its own: Ctrl-C reaches us alone, and we end the whole group in good order.
            process_group=0,
        )
    except OSError as error:
        raise VerbFailedError(f"{argv[0]} cannot be started: {error.strerror}.") from None
    passed = threading.Event()

    def end() -> None:
        passed.set()
        _end_group(child)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        tail = _read(child, on_line)
        status = child.wait()
    except BaseException:
        _end_group(child)
        raise
    finally:
        timer.cancel()
    return Finished(status=status, tail=tail, timed_out=passed.is_set())


def _read(child: subprocess.Popen[str], on_line: Callable[[str], None]) -> tuple[str, ...]:
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with child.stdout or io.StringIO() as lines:
        for raw in lines:
            if line := raw.rstrip():
                tail.append(line)
                on_line(line)
    return tuple(tail)


def _end_group(child: subprocess.Popen[str]) -> None:
    import subprocess

    _signal_group(child, signal.SIGTERM)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    # What runs through sudo may not be signalled by us; it ends when its output has nowhere to go.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
