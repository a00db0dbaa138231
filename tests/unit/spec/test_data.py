"""Shipped files are found in a wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.spec import data

NAME = "seccomp/openclaw-sandbox.x86_64.json"


def test_a_checkout_has_them_at_its_top() -> None:
    assert data.data_path(NAME) == Path(data.__file__).resolve().parents[2] / NAME
    assert data.data_text(NAME).startswith("{")


def test_a_wheel_has_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "_data" / NAME
    inside.parent.mkdir(parents=True)
    inside.write_text("shipped")
    monkeypatch.setattr(data, "_ROOTS", (tmp_path / "_data", tmp_path))
    assert data.data_text(NAME) == "shipped"


def test_a_damaged_installation_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_ROOTS", (tmp_path,))
    with pytest.raises(SandboxError, match=f"its file {NAME} is missing") as caught:
        data.data_text(NAME)
    assert caught.value.details == (f"looked for {tmp_path / NAME}",)


def test_an_unreadable_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_bytes(b"\xff")
    monkeypatch.setattr(data, "_ROOTS", (tmp_path,))
    with pytest.raises(SandboxError, match="Cannot read"):
        data.data_text("text")
