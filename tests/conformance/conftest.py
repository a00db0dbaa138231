"""Collects these tests only where the recorded answers are; where they are not, one line says so.

Where they are, every case runs: a skipped one is a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance import data

if TYPE_CHECKING:
    from collections.abc import Generator

collect_ignore_glob = [] if data.present() else ["test_*.py"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped:
        report.outcome, report.longrepr = "failed", "a recorded answer was skipped"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not data.present():
        terminalreporter.write_line(f"conformance: not collected, no recorded answers in {data.folder()}")
