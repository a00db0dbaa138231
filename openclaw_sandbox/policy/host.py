"""What the policy has to ask this machine. A protocol, so that every decision can be tested without one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Protocol

_MAX_STORE_BYTES = 64 * 1024 * 1024


class HostFacts(Protocol):
    """Read-only questions. None of them raises: what cannot be read does not exist."""

    @property
    def cwd(self) -> Path:
        """The working directory; absolute."""
        ...

    @property
    def homes(self) -> tuple[Path, ...]:
        """Every home folder this user may have credentials in, besides the one OpenClaw uses."""
        ...

    def realpath(self, path: str) -> str:
        """The path with all symlinks resolved, as far down as it exists; the rest is kept as it is."""
        ...

    def exists(self, path: str) -> bool:
        """Whether something is there, links followed."""
        ...

    def is_socket(self, path: str) -> bool:
        """Whether a unix socket is there, links followed."""
        ...

    def read_json(self, path: str) -> Any:
        """The parsed JSON of a file; None if it is absent, unreadable, too large or no JSON."""
        ...


class RealHost:
    """This machine."""

    @property
    def cwd(self) -> Path:
        """The working directory, or `/` if it was deleted."""
        try:
            return Path.cwd()
        except OSError:
            return Path("/")

    @property
    def homes(self) -> tuple[Path, ...]:
        """`$HOME` and the home of the account."""
        import pwd  # absent where there are no accounts; needed by no hot verb

        found = [Path(home)] if (home := os.environ.get("HOME", "")) else []
        try:
            found.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
        except KeyError:
            return tuple(found)
        return tuple(dict.fromkeys(path for path in found if path.is_absolute()))

    def realpath(self, path: str) -> str:
        """See HostFacts. A loop of links is left as it stands."""
        try:
            return os.path.realpath(path)
        except (OSError, ValueError):
            return os.path.normpath(path)

    def exists(self, path: str) -> bool:
        """See HostFacts."""
        return os.path.exists(path)  # noqa: PTH110  paths are text here: they may hold any byte

    def is_socket(self, path: str) -> bool:
        """See HostFacts."""
        try:
            return stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116  paths are text here: they may hold any byte
        except (OSError, ValueError):
            return False

    def read_json(self, path: str) -> Any:
        """See HostFacts."""
        import json

        try:
            if os.stat(path).st_size > _MAX_STORE_BYTES:  # noqa: PTH116  paths are text here: they may hold any byte
                return None
            return json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
