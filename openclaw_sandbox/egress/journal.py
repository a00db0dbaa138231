"""Reading what gateways wrote down: all of it, or as it comes; and what a command needed."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.logfile import log_files
from openclaw_sandbox.egress.records import Record, parse_line, parse_log
from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.policy.egress import DEFAULT_PORTS, why_never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader
    from pathlib import Path

    from openclaw_sandbox.egress.place import Place

_POLL_S = 0.2


def read_all(places: Iterable[Place]) -> list[Record]:
    """Every decision that is still kept, oldest first, with its bytes where they are known."""
    found: list[Record] = []
    for place in places:
        found += parse_log(_all_lines(place.log_file))
    return sorted(found, key=lambda record: record.time)


def _all_lines(path: Path) -> list[str]:
    """The newest file is opened first: one that is turned over meanwhile is met twice, and none is missed."""
    lines: list[str] = []
    with contextlib.ExitStack() as stack:
        opened = [_opened(file) for file in reversed(log_files(path))]
        files = [stack.enter_context(file) for file in opened if file is not None]
        for file in reversed(files):
            lines += file.read().decode("utf-8", "replace").split("\n")
    return lines


def _opened(path: Path) -> BufferedReader | None:
    """A log file; None where there is none. The gateway may write in its folder: nothing odd is followed.

    Raises:
        StateFileError: it cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileError(f"The log {path} cannot be read: {error.strerror or error}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StateFileError(
            f"The log {path} is no regular file.", hint="Remove it: the gateway begins a new one."
        )
    return os.fdopen(descriptor, "rb")


def follow(find: Callable[[], Iterable[Place]]) -> Iterator[Record]:
    """Decisions as they fall, from now on; what was allowed comes again at its end, with its bytes.

    Ends never. A file that is turned over meanwhile is read to its end first. `find` is asked each time:
    the first sandbox of a policy makes a new place.
    """
    tails = {place: _Tail(place) for place in find()}
    open_records: dict[str, Record] = {}
    try:
        while True:
            for line in [line for tail in tails.values() for line in tail.lines()]:
                if (record := _followed(line, open_records)) is not None:
                    yield record
            time.sleep(_POLL_S)
            tails |= {place: _Tail(place, whole=True) for place in find() if place not in tails}
    finally:
        for tail in tails.values():
            tail.close()


def _followed(line: str, open_records: dict[str, Record]) -> Record | None:
    item = parse_line(line)
    if isinstance(item, Record):
        if item.verdict == "allow":
            open_records[item.id] = item
        return item
    if item is None or item.id not in open_records:
        return None
    record = open_records.pop(item.id)
    return replace(record, bytes_up=item.bytes_up, bytes_down=item.bytes_down, error=item.error)


class _Tail:
    """One log file's new lines, across its turning over."""

    def __init__(self, place: Place, *, whole: bool = False) -> None:
        self._path = place.log_file
        self._rest = b""
        self._file = self._open()
        if self._file is not None and not whole:
            self._file.seek(0, 2)

    def lines(self) -> list[str]:
        if self._file is None:
            self._file = self._open()
        if self._file is None:
            return []
        # Looked at before reading: what is written in between belongs to the file we have.
        turned = _turned(self._path, self._file)
        data = self._rest + self._file.read()
        *whole, self._rest = data.split(b"\n")
        if turned:
            self._file.close()
            self._file = None
        return [line.decode("utf-8", "replace") for line in whole]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> BufferedReader | None:
        return _opened(self._path)


def _turned(path: Path, file: BufferedReader) -> bool:
    """Whether `path` is another file by now, or none."""
    try:
        return path.lstat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One host that a command asked for. `entry` is what allowed_hosts would say.

    `never`: why it belongs in no list. `problem`: it was allowed and did not answer.
    """

    entry: str
    requests: int
    bytes_down: int
    never: str = ""
    problem: str = ""


def needs(records: Iterable[Record]) -> list[Need]:
    """The smallest list that covers what was asked for: one entry a host, ports where they are not usual."""
    by_host: dict[str, list[Record]] = {}
    for record in records:
        if record.host:
            by_host.setdefault(record.host, []).append(record)
    return [_need(host, asked) for host, asked in sorted(by_host.items())]


def _need(host: str, asked: list[Record]) -> Need:
    name = f"[{host}]" if ":" in host else host
    ports = sorted({record.port for record in asked})
    usual = all(port in DEFAULT_PORTS for port in ports)
    refused = next((r.reason for r in asked if r.verdict == "deny" and "resolves to" in r.reason), "")
    failed = [record.error for record in asked if record.error]
    reached = any(record.verdict == "allow" and not record.error for record in asked)
    return Need(
        entry=name if usual else f"{name}:{','.join(map(str, ports))}",
        requests=len(asked),
        bytes_down=sum(record.bytes_down or 0 for record in asked),
        never=why_never(host) or refused,
        problem="" if reached or not failed else failed[0],
    )
