"""The fence around unit tests holds: otherwise "no process, no socket" would be a hope."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

OUTSIDE = "started a process or opened a connection"


def test_no_process_can_be_started() -> None:
    with pytest.raises(pytest.fail.Exception, match=OUTSIDE):
        subprocess.run([sys.executable, "-c", ""], check=True)
    with pytest.raises(pytest.fail.Exception, match=OUTSIDE):
        os.system("true")


def test_no_connection_can_be_opened() -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(pytest.fail.Exception, match=OUTSIDE):
        sock.connect("/nonexistent")
