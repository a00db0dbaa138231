"""Collects these tests only where the recorded answers are; where they are not, one line says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance import data

if TYPE_CHECKING:
    import pytest

collect_ignore_glob = [] if data.present() else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not data.present():
        terminalreporter.write_line(f"conformance: not collected, no recorded answers in {data.folder()}")
