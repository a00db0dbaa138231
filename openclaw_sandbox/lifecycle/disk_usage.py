"""How much disk a folder takes: what removing it would free."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def bytes_in(folder: Path | str) -> int:
    """Bytes on the disk below a folder, links not followed; of a file with several names none are counted.

    What cannot be looked at counts as nothing: untrusted code may be changing the folder.
    """
    total = 0
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                continue
            if found.st_nlink == 1 or name in folders:
                total += found.st_blocks * 512
    return total
