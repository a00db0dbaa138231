from __future__ import annotations

import pytest

from openclaw_sandbox.config.origin import Location, Origin, OriginKind
from openclaw_sandbox.errors import ConfigError
from openclaw_sandbox.policy.findings import Findings, by_severity, errors, refuse
from openclaw_sandbox.policy.model import Severity

_ORIGIN = Origin(kind=OriginKind.FILE, key="a.b", file="/f", locate=lambda: Location(line=3, column=5))


def _notes() -> Findings:
    notes = Findings()
    notes.info("i", "info")
    notes.warn("w", "warning")
    notes.error("e", "error", hint="do it", origin=_ORIGIN)
    notes.error("e", "error", hint="do it", origin=_ORIGIN)
    return notes


def test_errors_first_and_each_once() -> None:
    assert [finding.severity for finding in by_severity(_notes().found)] == [
        Severity.ERROR,
        Severity.WARNING,
        Severity.INFO,
    ]
    assert len(errors(_notes().found)) == 1


def test_nothing_to_refuse() -> None:
    refuse([finding for finding in _notes().found if finding.severity is not Severity.ERROR])


def test_one_error_speaks_for_itself() -> None:
    with pytest.raises(ConfigError) as raised:
        refuse(_notes().found)
    assert (raised.value.brief, raised.value.hint) == ("error", "do it")
    assert raised.value.issues[0].where() == "/f:3:5"


def test_all_errors_at_once() -> None:
    notes = _notes()
    notes.error("other", "another")
    with pytest.raises(ConfigError, match="2 things") as raised:
        refuse(notes.found)
    assert [issue.message for issue in raised.value.issues] == ["error", "another"]
    assert raised.value.issues[1].where() == ""
