"""Answers of image scanners."""

from __future__ import annotations

import json

import pytest

from openclaw_sandbox.doctor.scanner import parse_scan

TRIVY = {"Results": [{"Vulnerabilities": [{"Severity": "HIGH"}, {"Severity": "LOW"}]}, {"Target": "x"}]}
GRYPE = {"matches": [{"vulnerability": {"severity": "High"}}, {"vulnerability": {}}]}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (json.dumps(TRIVY), {"HIGH": 1, "LOW": 1}),
        ("a warning\n" + json.dumps(TRIVY), {"HIGH": 1, "LOW": 1}),
        (json.dumps(GRYPE), {"HIGH": 1, "UNKNOWN": 1}),
        ('{"Results": null}', {}),
        ("", None),
        ("no answer", None),
        ("[]", None),
        ('{"error": 1}', None),
    ],
)
def test_counts(text: str, wanted: dict[str, int] | None) -> None:
    assert parse_scan(text) == wanted
