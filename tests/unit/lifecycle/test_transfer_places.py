"""`cp`: regular files only, through the mount only, all of a file or nothing; hostile names and places."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.lifecycle.transfer import Inside, copy_in, copy_out
from openclaw_sandbox.spec.model import BindMount

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"content\n"
LONG = "x" * 300


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace as an agent may leave it."""
    folder = tmp_path / "workspace"
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_bytes(TEXT)
    (folder / "link").symlink_to("file")
    (folder / "root").symlink_to("/")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Path:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "file").write_bytes(TEXT)
    return folder


def inside(workspace: Path, path: str) -> Inside:
    mount = BindMount(source=str(workspace), destination="/workspace", read_only=False)
    return Inside(mount=mount, parts=tuple(path.split("/")) if path else (), path=f"/workspace/{path}")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put_in(source: Path, place: Inside, *, force: bool = False) -> int:
    return copy_in(source, place, user=f"{os.getuid()}:{os.getgid()}", force=force)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is a folder"),
        ("folder", "/workspace/folder is a folder; cp moves regular files"),
        ("pipe", "/workspace/pipe is not a regular file"),
        ("link", "is a link or no folder, and cp follows none"),
        ("root/etc/passwd", "is a link or no folder, and cp follows none"),
        ("file/below", "is a link or no folder, and cp follows none"),
        ("absent", "No such file"),
        (LONG, "File name too long"),
    ],
)
def test_what_does_not_come_out(path: str, words: str, workspace: Path, host: Path) -> None:
    with pytest.raises(VerbFailedError, match=words):
        copy_out(inside(workspace, path), host / "new", force=True)
    assert names(host) == ["file"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "absent" / "new", "absent/new cannot be written: No such file"),
        (lambda folder: folder / LONG, "cannot be written: File name too long"),
        (lambda folder: Path("/dev/null"), "/dev/null is not a regular file; cp replaces nothing else"),
        (lambda folder: folder / "pipe", "pipe is not a regular file; cp replaces nothing else"),
    ],
)
def test_where_nothing_goes_out_to(
    make: Callable[[Path], Path], words: str, workspace: Path, host: Path
) -> None:
    os.mkfifo(host / "pipe")
    with pytest.raises((UsageError, VerbFailedError), match=words):
        copy_out(inside(workspace, "file"), make(host), force=True)
    assert names(host) == ["file", "pipe"]


def test_a_link_is_replaced_and_what_it_names_is_not(workspace: Path, host: Path) -> None:
    (host / "link").symlink_to("file")
    (host / "file").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        copy_out(inside(workspace, "file"), host / "link", force=False)
    assert copy_out(inside(workspace, "file"), host / "link", force=True) == len(TEXT)
    assert (host / "file").read_bytes() == b"mine"
    assert (host / "link").read_bytes() == TEXT


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder, "host is a folder; cp moves regular files"),
        (lambda folder: folder / "pipe", "is not a regular file"),
        (lambda folder: Path("/dev/zero"), "is not a regular file"),
        (lambda folder: folder / "absent", "cannot be copied: No such file"),
        (lambda folder: folder / LONG, "cannot be copied: File name too long"),
    ],
)
def test_what_does_not_go_in(make: Callable[[Path], Path], words: str, workspace: Path, host: Path) -> None:
    os.mkfifo(host / "pipe")
    before = names(workspace)
    with pytest.raises(VerbFailedError, match=words):
        put_in(make(host), inside(workspace, "new"), force=True)
    assert names(workspace) == before


def test_where_it_goes_in(workspace: Path, host: Path) -> None:
    assert put_in(host / "file", inside(workspace, "folder")) == len(TEXT)
    assert (workspace / "folder" / "file").read_bytes() == TEXT
    with pytest.raises(UsageError, match="/workspace/folder/file exists already"):
        put_in(host / "file", inside(workspace, "folder"))
    with pytest.raises(VerbFailedError, match="is a link or no folder"):
        put_in(host / "file", inside(workspace, "root/tmp/new"))


def test_a_disk_that_takes_parts_and_then_nothing(
    workspace: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    assert copy_out(inside(workspace, "file"), host / "new", force=False) == len(TEXT)
    assert (host / "new").read_bytes() == TEXT

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(VerbFailedError, match="newer cannot be written: No space left"):
        copy_out(inside(workspace, "file"), host / "newer", force=False)
    assert names(host) == ["file", "new"]
