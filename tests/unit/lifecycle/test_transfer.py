"""`cp`: all of a file or nothing, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.lifecycle import transfer
from openclaw_sandbox.lifecycle.transfer import Inside, copy_in, copy_out
from openclaw_sandbox.spec.model import BindMount

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = os.urandom(100_000)


@dataclass
class Place:
    """A folder outside, and a workspace."""

    outside: Path
    workspace: Path

    def inside(self, name: str) -> Inside:
        mount = BindMount(
            source=str(self.workspace), destination="/workspace", read_only=False, key="workspaceAccess"
        )
        return Inside(mount=mount, parts=(name,), path=f"/workspace/{name}")

    def copy_in(self) -> int:
        user = f"{os.getuid()}:{os.getgid()}"
        return copy_in(self.outside / "a", self.inside("a"), user=user, force=True)

    def copy_out(self) -> int:
        return copy_out(self.inside("b"), self.outside / "b", force=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "outside", tmp_path / "workspace")
    for folder, name in ((made.outside, "a"), (made.workspace, "b")):
        folder.mkdir()
        (folder / name).write_bytes(CONTENT)
    return made


@pytest.mark.parametrize("nameless", [True, False])
def test_in_and_out(place: Place, monkeypatch: pytest.MonkeyPatch, *, nameless: bool) -> None:
    if not nameless:
        without_nameless_files(monkeypatch)
    assert (place.copy_in(), place.copy_out()) == (len(CONTENT), len(CONTENT))
    assert (place.workspace / "a").read_bytes() == (place.outside / "b").read_bytes() == CONTENT
    assert names(place.workspace) == names(place.outside) == ["a", "b"]


def without_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)


def test_who_is_killed_in_the_middle_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    real = transfer._copy

    def copy(source: int, target: int) -> int:
        seen.append(names(place.workspace))
        return real(source, target)

    monkeypatch.setattr(transfer, "_copy", copy)
    place.copy_in()
    assert seen == [["b"]], "there is no half a file that anybody could find"


def test_a_disk_that_takes_a_part_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda target, data: real(target, data[:999]))
    place.copy_in()
    assert (place.workspace / "a").read_bytes() == CONTENT


def test_a_disk_that_is_full_at_the_last_byte(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what fits, and says so only when it is asked again."""
    real, room = os.write, [len(CONTENT) - 1]

    def write(target: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(target, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(VerbFailedError, match="No space left on device"):
        place.copy_in()
    assert names(place.workspace) == ["b"]


def test_a_file_that_becomes_shorter(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer is untrusted, and works at the same time."""
    real = os.lseek

    def cut(descriptor: int, offset: int, how: int) -> int:
        found = real(descriptor, offset, how)
        if how == os.SEEK_HOLE:
            (place.workspace / "b").write_bytes(b"short")
        return found

    monkeypatch.setattr(os, "lseek", cut)
    with pytest.raises(VerbFailedError, match="became shorter"):
        place.copy_out()
    assert names(place.outside) == ["a"]
