"""What a killed verification left goes with the next one; nothing else does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from openclaw_sandbox.verify.traps import sweep

if TYPE_CHECKING:
    from pathlib import Path

_NOBODY = 2**22 + 1  # larger than any process number


def test_only_orphaned_canaries_are_swept(tmp_path: Path) -> None:
    orphan = tmp_path / f".openclaw-sandbox-canary-{_NOBODY}-ab"
    kept = [
        tmp_path / f".openclaw-sandbox-canary-{os.getpid()}-ab",
        tmp_path / f".openclaw-sandbox-canary-{_NOBODY}-filled",
        tmp_path / ".openclaw-sandbox-canary-word",
        tmp_path / "other",
    ]
    for path in (orphan, *kept):
        path.touch()
    kept[1].write_text("content")
    link = tmp_path / f".openclaw-sandbox-canary-{_NOBODY}-link"
    link.symlink_to(kept[3])
    sweep(tmp_path)
    assert not orphan.exists()
    assert all(path.exists() for path in kept)
    assert link.is_symlink()


def test_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "none")
