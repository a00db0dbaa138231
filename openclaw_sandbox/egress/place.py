"""Where a gateway's files are on the host, and how it is asked whether it is well."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.settings import LOG_FILE, SETTINGS_FILE, SOCKET_FILE, Caller, greeting
from openclaw_sandbox.errors import EgressError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.policy.model import EffectivePolicy

_HEALTH_S = 2.0
_MAX_HEALTH_BYTES = 4 << 20
#: Only the owner of the state folder comes past this one; what lies below may be open to the helpers' uid.
_PRIVATE = 0o700
_FOLDERS = {"etc": 0o755, "run": 0o777, "log": 0o777}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a gateway says of itself. `forwarders` are the tickets of those that listen now."""

    digest: str
    build: str
    forwarders: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder of one gateway: `etc` (settings), `run` (socket), `log` (decisions), `lock`."""

    root: Path
    key: str

    @property
    def settings_dir(self) -> Path:
        """Read-only for the gateway."""
        return self.root / "etc"

    @property
    def socket_dir(self) -> Path:
        """Writable for the gateway, read-only for forwarders."""
        return self.root / "run"

    @property
    def log_dir(self) -> Path:
        """Writable for the gateway."""
        return self.root / "log"

    @property
    def log_file(self) -> Path:
        """The decisions."""
        return self.log_dir / Path(LOG_FILE).name

    def write_settings(self, text: str) -> None:
        """Make the folders, and put the settings there unless they already are.

        Raises:
            EgressError: the state folder cannot be written.
        """
        path = self.settings_dir / Path(SETTINGS_FILE).name
        try:
            complete = all((self.root / name).is_dir() for name in _FOLDERS)
            if complete and path.is_file() and path.read_text(encoding="utf-8") == text:
                return
            self.root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self.root.chmod(_PRIVATE)
            for name, mode in _FOLDERS.items():
                (self.root / name).mkdir(exist_ok=True)
                (self.root / name).chmod(mode)
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.chmod(0o644)
            fresh.replace(path)
        except OSError as error:
            raise EgressError(
                f"The egress gateway's folder cannot be written: {self.root}: {error.strerror or error}.",
                hint="Free space there, or correct its owner and mode.",
            ) from None

    def health(self) -> Health | None:
        """What the gateway answers now; None if it does not."""
        try:
            with self._connected() as sock:
                sock.sendall(greeting(Caller.HEALTH, "tool"))
                answer = b""
                while len(answer) < _MAX_HEALTH_BYTES and (part := sock.recv(1 << 16)):
                    answer += part
            document = json.loads(answer)
            return Health(
                digest=str(document["digest"]),
                build=str(document["build"]),
                forwarders=frozenset(document["forwarders"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        # A socket's address holds 108 bytes, and state folders can be deep: the way leads over a descriptor.
        folder = os.open(self.socket_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(_HEALTH_S)
                sock.connect(f"/proc/self/fd/{folder}/{Path(SOCKET_FILE).name}")
                yield sock
        finally:
            os.close(folder)


def egress_root(state_dir: Path) -> Path:
    """The folder of all gateways of a state folder."""
    return state_dir / "sandbox" / "egress"


def place_of(policy: EffectivePolicy) -> Place:
    """The place of the gateway that `policy` needs. Those of a state folder that decide and resolve alike
    share one.

    Raises:
        EgressError: the policy has no egress.
    """
    if policy.egress is None:
        raise EgressError("This sandbox has no egress: no hosts are allowed.")
    # The folder too: two of them on one engine, with the same hosts, must not want the same container's name.
    text = json.dumps([policy.egress.digest, list(policy.hardening.dns), str(policy.state_dir)])
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Place(root=egress_root(policy.state_dir) / key, key=key)


def places(state_dir: Path) -> list[Place]:
    """All places there are in a state folder."""
    root = egress_root(state_dir)
    try:
        return [Place(root=path, key=path.name) for path in sorted(root.iterdir()) if path.is_dir()]
    except OSError:
        return []
