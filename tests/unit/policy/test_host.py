from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.host import RealHost

if TYPE_CHECKING:
    import pytest

HOST = RealHost()


def test_realpath_follows_links_above_what_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert HOST.realpath(str(tmp_path / "link" / "not-there")) == "/etc/not-there"


def test_realpath_bears_loops_and_impossible_names(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert HOST.realpath(str(tmp_path / "loop" / "x")).endswith("loop/x")
    assert HOST.realpath("/a\0b/../c") == "/c"


def test_realpath_bears_an_engine_that_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: str) -> str:
        raise OSError("input/output error")

    monkeypatch.setattr(os.path, "realpath", fail)
    assert HOST.realpath("/a/../b") == "/b"


def test_exists(tmp_path: Path) -> None:
    assert HOST.exists(str(tmp_path))
    assert not HOST.exists(str(tmp_path / "x"))
    assert not HOST.exists("a\0b")


def test_is_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert HOST.is_socket(str(tmp_path / "s"))
    assert not HOST.is_socket(str(tmp_path))
    assert not HOST.is_socket(str(tmp_path / "absent"))


def test_read_json(tmp_path: Path) -> None:
    (tmp_path / "good").write_text('{"a": 1}')
    (tmp_path / "bad").write_text("{")
    assert HOST.read_json(str(tmp_path / "good")) == {"a": 1}
    assert HOST.read_json(str(tmp_path / "bad")) is None
    assert HOST.read_json(str(tmp_path / "absent")) is None


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert HOST.read_json(str(huge)) is None


def test_cwd_survives_its_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert HOST.cwd == tmp_path.resolve()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Path("/") == HOST.cwd


def test_homes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Path("/somewhere") in HOST.homes
    monkeypatch.setenv("HOME", "relative")
    assert all(home.is_absolute() for home in HOST.homes)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert HOST.homes == ()
