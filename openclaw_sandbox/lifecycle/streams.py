"""The ends of a command's streams on this side: counted, bounded, held back where the engine may speak."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.docker.failure import may_be_complaint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.engine.base import Sink, Stream

_CHUNK = 1 << 16
_SIZE_PATIENCE_S = 10.0
_HELD_BYTES = 4096
_TAIL_BYTES = 16 * 1024
_WORDS_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """This tool's ends. `stdin` is a file descriptor or None; `tty` a terminal to follow in size."""

    stdout: Sink
    stderr: Sink
    stdin: int | None
    tty: int | None = None


def follow_size(stream: Stream, terminal: int) -> bool:
    """Give the command's terminal the size of ours; False if the engine did not, or ours changed since."""
    size = _size(terminal)
    if size is None:
        return True
    return stream.resize(rows=size.lines, columns=size.columns) and _size(terminal) == size


def _size(terminal: int) -> os.terminal_size | None:
    """None for what is no terminal any more."""
    try:
        return os.get_terminal_size(terminal)
    except OSError:
        return None


def size_from_the_start(stream: Stream, terminal: int | None) -> None:
    """Try in the background until the command has started: it may ask for its size at once."""

    def keep_trying() -> None:
        deadline = time.monotonic() + _SIZE_PATIENCE_S
        while terminal is not None and time.monotonic() < deadline and not follow_size(stream, terminal):
            time.sleep(0.005)

    if terminal is not None:
        threading.Thread(target=keep_trying, daemon=True).start()


def fd_sink(descriptor: int) -> Sink:
    """A sink that writes everything to a file descriptor, waiting as long as its reader does.

    Whoever shares the descriptor may have made it non-blocking: then a full pipe is waited for all the same.
    """

    def write(data: memoryview) -> None:
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                _await(descriptor, select.POLLOUT)

    return write


def read_some(descriptor: int) -> bytes:
    """The next bytes of a file descriptor, blocking or not; empty at its end. Raises OSError."""
    while True:
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            _await(descriptor, select.POLLIN)


def _await(descriptor: int, what: int) -> None:
    poll = select.poll()
    poll.register(descriptor, what)
    poll.poll()


class Outlet:
    """One output stream on its way to its sink: counted, its end remembered, cut at the output limit.

    Beyond the limit only the tail is kept; `flush` delivers it when the command has ended.
    """

    def __init__(self, sink: Sink, budget: Budget) -> None:
        self.total = 0
        self.left_out = 0
        self.busy_since: float | None = None
        self._sink = sink
        self._budget = budget
        self._tail = bytearray()
        self._words = bytearray()

    def __call__(self, data: memoryview) -> None:
        self.total += len(data)
        granted = self._budget.take(len(data))
        head, rest = data[:granted], data[granted:]
        self._words = (self._words + head[-_WORDS_BYTES:])[-_WORDS_BYTES:]
        if head:
            self.busy_since = time.monotonic()
            self._sink(head)
            self.busy_since = None
        if rest:
            grown = self._tail + rest
            self.left_out += max(0, len(grown) - _TAIL_BYTES)
            self._tail = grown[-_TAIL_BYTES:]

    def flush(self) -> None:
        """Deliver the tail."""
        if self._tail:
            tail, self._tail = bytes(self._tail), bytearray()
            self._sink(memoryview(tail))

    @property
    def last_words(self) -> bytes:
        """The last bytes, of the tail if there is one."""
        return bytes(self._words + self._tail)[-_WORDS_BYTES:]


class Budget:
    """The bytes that both streams may still deliver; `exhausted` is called once."""

    def __init__(self, limit: int | None, exhausted: Callable[[], None]) -> None:
        self._left = limit
        self._exhausted: Callable[[], None] | None = exhausted

    def take(self, wanted: int) -> int:
        """How many of `wanted` bytes may go on."""
        if self._left is None:
            return wanted
        granted = min(wanted, self._left)
        self._left -= granted
        if granted < wanted and self._exhausted is not None:
            self._exhausted()
            self._exhausted = None
        return granted


@dataclass(slots=True)
class HoldBack:
    """Keeps the first output back while it looks like the engine's own complaint."""

    sink: Sink
    held: bytearray = field(default_factory=bytearray)
    open: bool = False

    def __call__(self, data: memoryview) -> None:
        if self.open:
            self.sink(data)
            return
        self.held += data
        if not may_be_complaint(bytes(self.held)) or len(self.held) > _HELD_BYTES:
            self.release()

    def release(self) -> None:
        """It was not the engine: let it go."""
        self.open = True
        if self.held:
            self.sink(memoryview(bytes(self.held)))
            self.held.clear()


@contextlib.contextmanager
def raw_terminal(descriptor: int | None) -> Iterator[None]:
    """Every key goes to the command, Ctrl-C too; the terminal is put back whatever happens."""
    if descriptor is None:
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSADRAIN)  # what was typed ahead stays
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # it hung up: there is nothing to put back
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
