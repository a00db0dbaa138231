"""The fence around tests that must stay inside their process. The conftest of a folder puts it up."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import NoReturn

import pytest


def refuse(*args: object, **kwargs: object) -> NoReturn:
    pytest.fail("this test started a process or opened a connection; move it to tests/integration")


@pytest.fixture(autouse=True)
def stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    for call in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve"):
        monkeypatch.setattr(os, call, refuse)
