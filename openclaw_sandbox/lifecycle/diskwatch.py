"""The last means against a full disk: a bind mount has no quota, so somebody looks while a command runs.

What is counted is what the files occupy (`st_blocks`): a sparse file of a terabyte costs nothing, and a link
names what is counted elsewhere.
"""

from __future__ import annotations

import os
import time
from dataclasses import field

from openclaw_sandbox.dataclass import dataclass

#: Looking takes at most this share of the time.
_SHARE = 0.05
_SHORTEST_PAUSE_S = 0.5


@dataclass(slots=True, kw_only=True)
class DiskWatch:
    """Says when a folder occupies more than `limit_bytes`; looks often at small folders, seldom at large."""

    folder: str
    limit_bytes: int
    _next_look: float = field(default=0.0, init=False)

    def passed(self) -> bool:
        """Whether the limit is passed, as far as the last look knows."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        over = occupied_bytes(self.folder, stop_at=self.limit_bytes) > self.limit_bytes
        took = time.monotonic() - now
        self._next_look = time.monotonic() + max(_SHORTEST_PAUSE_S, took / _SHARE)
        return over


def occupied_bytes(folder: str, *, stop_at: int | None = None) -> int:
    """Bytes that everything below a folder occupies; counting may end early beyond `stop_at`.

    Files that vanish meanwhile and folders that may not be read are passed over; links are not followed.
    """
    total, seen, waiting = 0, set(), [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if found.st_ino in seen:
                            continue
                        seen.add(found.st_ino)
                    total += found.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if stop_at is not None and total > stop_at:
                        return total
        except OSError:
            continue
    return total
