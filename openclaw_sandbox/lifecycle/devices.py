"""Which disk holds a folder? Rates are limited per whole disk: partitions have no queue of their own."""

from __future__ import annotations

import os
from pathlib import Path

from openclaw_sandbox.errors import SpecRefusedError

_SYS_BLOCK = Path("/sys/dev/block")


def block_devices(folders: list[str]) -> tuple[str, ...]:
    """The disks under these folders, as device paths, each once.

    Raises:
        SpecRefusedError: a folder lies on no block device (a network or memory file system): its rate cannot
            be limited, and nothing is accepted and then ignored.
    """
    found = dict.fromkeys(_disk_of(folder) for folder in folders)
    return tuple(found)


def _disk_of(folder: str) -> str:
    nearest = Path(folder)
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    number = nearest.stat().st_dev
    entry = _SYS_BLOCK / f"{os.major(number)}:{os.minor(number)}"
    if not entry.exists():
        raise SpecRefusedError(
            f"The disk rates cannot be limited: {folder} lies on no block device.",
            hint="Remove resource_limits.disk_iops, disk_read_bps and disk_write_bps from config.yml.",
        )
    real = entry.resolve()
    disk = real.parent if (real / "partition").exists() else real
    return f"/dev/{disk.name.replace('!', '/')}"
