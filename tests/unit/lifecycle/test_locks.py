"""Who enters a container and who removes it never do so at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import SandboxBusyError
from openclaw_sandbox.lifecycle.locks import entering, sandbox_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_any_number_may_enter(tmp_path: Path) -> None:
    with entering(tmp_path, "sbx"), entering(tmp_path, "sbx"), entering(tmp_path, "other"):
        pass


@pytest.mark.parametrize("locked_before", [False, True])
def test_nobody_has_the_lock_meanwhile(tmp_path: Path, *, locked_before: bool) -> None:
    if locked_before:
        with sandbox_lock(tmp_path, "sbx"):
            pass
    with entering(tmp_path, "sbx"):
        with pytest.raises(SandboxBusyError), sandbox_lock(tmp_path, "sbx", timeout_s=0):
            pass
        with sandbox_lock(tmp_path, "other", timeout_s=0):
            pass
    with sandbox_lock(tmp_path, "sbx", timeout_s=0):
        pass


def test_who_enters_waits_for_who_has_it(tmp_path: Path) -> None:
    done: list[str] = []

    def enter() -> None:
        with entering(tmp_path, "sbx"):
            done.append("entered")

    with sandbox_lock(tmp_path, "sbx"):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(0.2)
        done.append("removed")
    thread.join(10)
    assert done == ["removed", "entered"]


def test_where_nothing_can_be_written_nobody_removes_either(tmp_path: Path) -> None:
    (tmp_path / "sandbox").write_text("no folder")
    with entering(tmp_path, "sbx"):
        pass
