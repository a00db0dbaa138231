"""What the host lays out for one verification and takes away again: listeners, random files, a variable."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Folders of the host in which an empty file of a random name is laid, where this user may.
_CANARY_FOLDERS = ("/tmp", "/var/tmp", "/var/log", "/opt", "/srv", "/root", "/etc")
_CANARY = ".openclaw-sandbox-canary-"
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traps:
    """Where they are. A port of 0 or an empty name: it could not be laid."""

    port: int
    loopback_port: int
    abstract: str
    host_ips: tuple[str, ...]
    canaries: tuple[str, ...]
    parent_canary: str
    env_canary: str
    accepted: Counter[str]

    def sprung(self) -> Sprung:
        """What has arrived by now."""
        return Sprung(accepted=dict(self.accepted), env_canary=self.env_canary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprung:
    """Connections that the host accepted, by listener ("any", "loopback", "abstract")."""

    accepted: Mapping[str, int]
    env_canary: str


@contextlib.contextmanager
def laid(workspace: Path) -> Iterator[Traps]:
    """Lay everything, check from this host that the listeners answer, and take all of it away again."""
    accepted: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        anywhere = stack.enter_context(_tcp("0.0.0.0", "any", accepted))  # noqa: S104  the question is who comes
        loopback = stack.enter_context(_tcp("127.0.0.1", "loopback", accepted))
        abstract = stack.enter_context(_abstract(accepted))
        token = secrets.token_hex(8)
        canaries = stack.enter_context(_files([Path(f) for f in (*_CANARY_FOLDERS, Path.home())], token))
        beside = stack.enter_context(_files([workspace.parent], f"{token}-beside"))
        variable = stack.enter_context(_variable(f"OCS_CANARY_{token.upper()}"))
        accepted.clear()  # our own check
        yield Traps(
            port=anywhere,
            loopback_port=loopback,
            abstract=abstract,
            host_ips=host_addresses(),
            canaries=tuple(str(path) for path in canaries),
            parent_canary=beside[0].name if beside else "",
            env_canary=variable,
            accepted=accepted,
        )


@contextlib.contextmanager
def _tcp(address: str, name: str, accepted: Counter[str]) -> Iterator[int]:
    """The port, or 0 if the listener does not work."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind((address, 0))
            listener.listen(16)
        except OSError:
            yield 0
            return
        port = int(listener.getsockname()[1])
        with _counting(listener, name, accepted):
            works = _answers(socket.AF_INET, ("127.0.0.1", port)) and _arrived(name, accepted)
            yield port if works else 0


@contextlib.contextmanager
def _abstract(accepted: Counter[str]) -> Iterator[str]:
    name = f"ocs-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(f"\0{name}")
            listener.listen(16)
        except OSError:
            yield ""
            return
        with _counting(listener, "abstract", accepted):
            works = _answers(socket.AF_UNIX, f"\0{name}") and _arrived("abstract", accepted)
            yield name if works else ""


def _answers(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE_S)
        return probe.connect_ex(address) == 0


def _arrived(name: str, accepted: Counter[str]) -> bool:
    """Our own connection must have been counted before the count means anything."""
    deadline = time.monotonic() + _PATIENCE_S
    while not accepted[name] and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(accepted[name])


@contextlib.contextmanager
def _counting(listener: socket.socket, name: str, accepted: Counter[str]) -> Iterator[None]:
    """Accepts, counts and closes; nothing is read or sent."""
    listener.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                listener.accept()[0].close()
            except TimeoutError:
                continue
            except OSError:
                return
            accepted[name] += 1

    thread = threading.Thread(target=serve, name=f"listener-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def _files(folders: list[Path], token: str) -> Iterator[list[Path]]:
    """Empty files, one in each folder where this user may make one."""
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(folders):
            sweep(folder)
            path = folder / f"{_CANARY}{os.getpid()}-{token}"
            with contextlib.suppress(OSError):
                path.touch(mode=0o644, exist_ok=False)
                made.append(path)
        yield made
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a verification that was killed left: empty files of this user whose maker is gone."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_CANARY}*"):
            maker = path.name.removeprefix(_CANARY).partition("-")[0]
            found = path.lstat()
            ours = stat.S_ISREG(found.st_mode) and found.st_size == 0 and found.st_uid == os.getuid()
            if ours and maker.isdigit() and not Path("/proc", maker).exists():
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _variable(name: str) -> Iterator[str]:
    os.environ[name] = "1"
    try:
        yield name
    finally:
        del os.environ[name]


def host_addresses() -> tuple[str, ...]:
    """This host's own IPv4 addresses, as the kernel's routing table lists them; loopback left out."""
    try:
        lines = Path("/proc/net/fib_trie").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    return parse_local_addresses(lines)


def parse_local_addresses(lines: list[str]) -> tuple[str, ...]:
    """Every address that a following line calls `/32 host LOCAL`."""
    found, last = set(), ""
    for line in lines:
        text = line.strip()
        if text.startswith("|--"):
            last = text[3:].strip()
        elif text.startswith("/32 host LOCAL") and not last.startswith("127."):
            found.add(last)
    return tuple(sorted(found))
