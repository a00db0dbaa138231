"""What is brought into a sandbox to measure there, and how it goes again."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.verify import interpreter
from openclaw_sandbox.verify.interpreter import Kit, arrange, imported, lodged

if TYPE_CHECKING:
    from pathlib import Path

FOUND = {
    "program": "/usr/bin/python3.11",
    "libraries": ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"],
    "files": [
        "/usr/lib/python3.11/json/__init__.py",
        "/usr/lib/python3.11/__pycache__/os.cpython-311.pyc",
        "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so",
    ],
    "home": "/usr/lib/python3.11",
    "library": "lib/python3.11",
}


def kit(folder: Path, **places: bytes) -> Kit:
    """Files of these contents; their places with _ for /."""
    files = {}
    for index, (place, content) in enumerate(places.items()):
        files[place.replace("_", "/")] = folder / str(index)
        (folder / str(index)).write_bytes(content)
    return Kit(files=files, loader="lib/ld.so")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def test_the_layout_is_the_one_in_which_python_finds_itself() -> None:
    found = arrange(FOUND)
    assert {place: str(path) for place, path in found.files.items()} == {
        "bin/python3": "/usr/bin/python3.11",
        "lib/libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6",
        "lib/ld-linux-x86-64.so.2": "/lib64/ld-linux-x86-64.so.2",
        "lib/python3.11/json/__init__.py": "/usr/lib/python3.11/json/__init__.py",
        "lib/python3.11/__pycache__/os.cpython-311.pyc": "/usr/lib/python3.11/__pycache__/os.cpython-311.pyc",
        "lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so": FOUND["files"][2],
    }


@pytest.mark.parametrize(
    ("library", "loader"),
    [
        ("/lib64/ld-linux-x86-64.so.2", "lib/ld-linux-x86-64.so.2"),
        ("/lib/ld-linux-aarch64.so.1", "lib/ld-linux-aarch64.so.1"),
        ("/lib/ld-musl-x86_64.so.1", "lib/ld-musl-x86_64.so.1"),
        ("/lib/x86_64-linux-gnu/ld-2.31.so", "lib/ld-2.31.so"),
        ("/usr/lib/libldap.so.2", ""),
    ],
)
def test_the_loader_is_started_by_its_place(library: str, loader: str) -> None:
    found = arrange({**FOUND, "libraries": [library]})
    assert found.loader == loader
    command = found.at("/kit").command
    front = (f"/kit/{loader}", "--library-path", "/kit/lib") if loader else ()
    assert command == (*front, "/kit/bin/python3", "-I", "-S", "-B")


def test_what_is_no_inventory_is_no_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert interpreter.gather.__wrapped__() is None


def test_imports_are_found_wherever_they_stand() -> None:
    text = "import os, json\nfrom typing import Any\nfrom openclaw_sandbox import x\ndef f():\n  import pty\n"
    assert imported([text]) == ["json", "os", "pty", "typing"]


def test_it_is_there_for_the_moment_and_everybody_may_read_it(source: Path, workspace: Path) -> None:
    old = os.umask(0o077)
    try:
        with lodged(kit(source, bin_python3=b"program", lib_a_b=b"text"), workspace) as name:
            top = workspace / name
            assert (top / "lib/a/b").read_bytes() == b"text"
            assert (top / "bin/python3").stat().st_mode & 0o777 == 0o755
            assert (top / "lib/a/b").stat().st_mode & 0o777 == 0o644
            assert {path.stat().st_mode & 0o777 for path in (top, top / "lib/a")} == {0o755}
    finally:
        os.umask(old)
    assert list(workspace.iterdir()) == []


def test_the_loader_reads_no_file_of_the_image(source: Path, workspace: Path) -> None:
    text = b"ELF\0/etc/ld.so.cache\0/etc/ld.so.preload\0more"
    found = Kit(files=kit(source, lib_loader=text).files, loader="lib/loader")
    with lodged(found, workspace) as name:
        changed = (workspace / name / "lib/loader").read_bytes()
    assert b"/etc/ld.so.preload" not in changed
    assert len(changed) == len(text)


def test_what_moves_meanwhile_is_emptied_where_it_went(source: Path, workspace: Path, tmp_path: Path) -> None:
    """Untrusted code renames the folder and puts a link to something dear in its place."""
    dear = tmp_path / "dear"
    dear.mkdir()
    (dear / "file").touch()
    with lodged(kit(source, bin_python3=b"program"), workspace) as name:
        (workspace / name).rename(workspace / "moved")
        (workspace / name).symlink_to(dear)
    assert (dear / "file").exists()
    assert list((workspace / "moved").iterdir()) == []


def test_what_is_added_meanwhile_goes_too_and_no_link_is_followed(
    source: Path, workspace: Path, tmp_path: Path
) -> None:
    dear = tmp_path / "dear"
    dear.mkdir()
    (dear / "file").touch()
    with lodged(kit(source, bin_python3=b"program"), workspace) as name:
        (workspace / name / "more" / "folders").mkdir(parents=True)
        (workspace / name / "more" / "link").symlink_to(dear)
        (workspace / name / "bin" / "file").symlink_to(dear / "file")
    assert list(workspace.iterdir()) == []
    assert (dear / "file").exists()


def test_an_interrupt_leaves_nothing(source: Path, workspace: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lodged(kit(source, bin_python3=b""), workspace):
        raise KeyboardInterrupt
    assert list(workspace.iterdir()) == []


def test_a_file_that_is_gone_leaves_nothing(source: Path, workspace: Path) -> None:
    found = kit(source, bin_python3=b"", lib_x=b"")
    (source / "1").unlink()
    with pytest.raises(FileNotFoundError), lodged(found, workspace):
        raise AssertionError
    assert list(workspace.iterdir()) == []


def test_what_a_killed_one_left_is_swept(source: Path, workspace: Path) -> None:
    left = workspace / ".openclaw-sandbox-verify-99999999-00"
    (left / "lib").mkdir(parents=True)
    (left / "lib" / "x").touch()
    ours = workspace / f".openclaw-sandbox-verify-{os.getpid()}-00"
    foreign = workspace / ".openclaw-sandbox-verify-notes"
    for folder in (ours, foreign):
        folder.mkdir()
    with lodged(kit(source, bin_python3=b""), workspace):
        assert not left.exists()
    assert sorted(workspace.iterdir()) == sorted([ours, foreign])
