"""Locks on files: two holders never meet, whoever removes the file meanwhile."""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.flock import FileLock, lock_file

if TYPE_CHECKING:
    from pathlib import Path


def taken(path: Path, timeout_s: float = 0) -> FileLock:
    lock = lock_file(path, timeout_s=timeout_s)
    assert lock is not None
    return lock


def test_a_lock_excludes_a_second_one_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = taken(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lock_file(path, timeout_s=0) is None
    lock.release()
    lock.release()
    taken(path).release()


def test_it_waits_no_longer_than_it_was_told(tmp_path: Path) -> None:
    lock = taken(tmp_path / "lock")
    started = time.monotonic()
    assert lock_file(tmp_path / "lock", timeout_s=0.05) is None
    assert time.monotonic() - started >= 0.05
    lock.release()


def test_whoever_waits_gets_it_in_the_end(tmp_path: Path) -> None:
    lock = taken(tmp_path / "lock")
    threading.Timer(0.05, lock.release).start()
    taken(tmp_path / "lock", timeout_s=10).release()


def test_a_file_that_was_removed_guards_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    old = taken(path)
    path.unlink()
    new = taken(path)
    assert lock_file(path, timeout_s=0) is None
    old.release()
    assert lock_file(path, timeout_s=0) is None
    new.release()


def test_a_file_that_was_removed_while_it_was_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fstat = tmp_path / "lock", os.fstat

    def removed_once(descriptor: int) -> os.stat_result:
        monkeypatch.undo()
        path.unlink()
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", removed_once)
    lock = taken(path, timeout_s=5)
    assert path.exists()
    assert lock_file(path, timeout_s=0) is None
    lock.release()


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock_file(tmp_path / "absent" / "lock", timeout_s=0)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        lock_file(tmp_path / "link", timeout_s=0)
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_stays_open_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    real = os.open

    def remember(*args: object) -> int:
        opened.append(real(*args))  # type: ignore[arg-type]  # passed through
        return opened[-1]

    def fail(_descriptor: int) -> os.stat_result:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", remember)
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", fail)
    with pytest.raises(KeyboardInterrupt):
        lock_file(tmp_path / "lock", timeout_s=0)
    monkeypatch.undo()
    with pytest.raises(OSError, match="Bad file descriptor"):
        fstat(opened[0])
