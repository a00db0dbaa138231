from __future__ import annotations

import pytest

from openclaw_sandbox.policy.sizes import human_size, size_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512m", 512 << 20),
        ("1.5g", 1536 << 20),
        ("2 GiB", 2 << 30),
        ("1kb", 1024),
        ("7b", 7),
        ("7", 7),
        ("1.", 1),
        (".5k", 512),
        ("0.0000000001g", 0),
        (536870912, 536870912),
        (1.9, 1),
        ("1T", 1 << 40),
        ("1p", 1 << 50),
    ],
)
def test_size_bytes(text: str | float, count: int) -> None:
    assert size_bytes(text) == count


@pytest.mark.parametrize(
    "text", ["", "lots", "-1", "1e3", "0x10", "1mib b", "1 2m", "99999999999p", True, "1m "[:-1] + "x"]
)
def test_not_a_size(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is not a size|more than any machine"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2 << 30, "2 GiB"),
        (1536 << 20, "1536 MiB"),
        (1 << 10, "1 KiB"),
        (1000, "1000 B"),
        ((1 << 30) + 1, "1.0 GiB"),
    ],
)
def test_human_size(count: int, text: str) -> None:
    assert human_size(count) == text
