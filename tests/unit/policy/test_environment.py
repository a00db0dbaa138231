from __future__ import annotations

import pytest

from openclaw_sandbox.policy.environment import looks_secret, sanitize


@pytest.mark.parametrize("name", ["GH_TOKEN", "my_password", "X_SECRET", "token", " AWS_SESSION_TOKEN "])
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["PATH", "TOKENS", "API_KEY_ID", "PASSWORD_FILE", "AWS_ACCESS_KEY_ID", "TO\u212aEN", "\u017fECRET"],
)
def test_other_names(name: str) -> None:
    assert not looks_secret(name)


def test_odd_values_pass_with_a_word() -> None:
    verdict = sanitize({"A": "QUJD" * 20, "B": "-" * 32769, "C": "-" * 32768})
    assert set(verdict.allowed) == {"A", "B", "C"}
    assert [name for name, _ in verdict.warnings] == ["A", "B"]


@pytest.mark.parametrize(("times", "odd"), [(16384, False), (16385, True)])
def test_a_character_beyond_the_basic_plane_counts_twice(times: int, odd: bool) -> None:
    assert bool(sanitize({"A": "\U0001f600" * times}).warnings) is odd


def test_names_are_trimmed_and_blank_ones_dropped() -> None:
    verdict = sanitize({" A ": "1", "  ": "2", "N": "a\0b"})
    assert verdict.allowed == {"A": "1"}
    assert verdict.blocked == ("N",)
