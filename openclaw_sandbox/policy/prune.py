"""When a sandbox is old enough to go. Pure; who removes it is the lifecycle's business."""

from __future__ import annotations

_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 24 * _MS_PER_HOUR


def is_due(*, idle_hours: float, max_age_days: float, idle_ms: int, age_ms: int) -> bool:
    """True if unused for more than `idle_hours` or older than `max_age_days`; 0 switches that rule off."""
    too_idle = idle_hours > 0 and idle_ms > idle_hours * _MS_PER_HOUR
    too_old = max_age_days > 0 and age_ms > max_age_days * _MS_PER_DAY
    return too_idle or too_old
