from __future__ import annotations

import pytest

from openclaw_sandbox.policy.prune import is_due

_HOUR = 3_600_000


@pytest.mark.parametrize(
    ("idle_hours", "max_age_days", "idle_ms", "age_ms", "due"),
    [
        (24, 7, 24 * _HOUR, 168 * _HOUR, False),
        (24, 7, 24 * _HOUR + 1, 0, True),
        (24, 7, 0, 168 * _HOUR + 1, True),
        (0, 0, 10**15, 10**15, False),
    ],
)
def test_is_due(idle_hours: float, max_age_days: float, idle_ms: int, age_ms: int, due: bool) -> None:
    found = is_due(idle_hours=idle_hours, max_age_days=max_age_days, idle_ms=idle_ms, age_ms=age_ms)
    assert found is due
