"""A real terminal with a program in front of it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType


class Terminal:
    """A pseudo terminal of some size, and the session that has it as its controlling one."""

    def __init__(self, *, rows: int = 24, columns: int = 80) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(rows=rows, columns=columns)
        self.process: subprocess.Popen[bytes] | None = None
        self.seen = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        for descriptor in {self.master, self.slave} - {-1}:
            os.close(descriptor)

    def start(self, argv: Sequence[str | bytes | Path], *, env: dict[str, str], **popen: Any) -> None:
        """Start a program with this as its controlling terminal and its streams on it, or as `popen` says."""
        streams = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **popen}
        session = ["setsid", "--ctty", "--wait"] if streams["stdin"] == self.slave else []
        self.process = subprocess.Popen([*session, *argv], env=env, **streams)

    def resize(self, *, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def read_until(self, words: bytes, *, timeout_s: float = 30.0) -> bytes:
        """Everything that was shown so far, once it holds these words."""
        deadline = time.monotonic() + timeout_s
        while words not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, bytes(self.seen)
            if select.select([self.master], [], [], left)[0]:
                self._read()
        return bytes(self.seen)

    def _read(self) -> bool:
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += piece
        return bool(piece)

    def finish(self, *, timeout_s: float = 60.0) -> int:
        """Wait for the program's end; its status."""
        assert self.process is not None
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, bytes(self.seen)
            if select.select([self.master], [], [], 0.05)[0]:
                self._read()
        while select.select([self.master], [], [], 0)[0] and self._read():
            pass
        return self.process.returncode

    def is_raw(self) -> bool:
        """Whether keys reach the program one by one, Ctrl-C as a byte."""
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ISIG | termios.ECHO)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1
