"""Times as people write them: `30`, `30s`, `5m`, `1.5h`."""

from __future__ import annotations

import re

from openclaw_sandbox.errors import UsageError

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
#: Longer is a mistake, and more than threading can wait for.
_MAX_S = 30 * 86400.0


def parse_duration(text: str, *, flag: str) -> float:
    """Seconds; more than zero, at most 30 days.

    Raises:
        UsageError: not a time; names the flag.
    """
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= _MAX_S:
        raise UsageError(
            f"{flag} {text!r} is not a time.", hint="Write seconds or a unit, up to 30 days: 30, 30s, 5m, 2h."
        )
    return seconds
