"""The word that a maker leaves before it makes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle import intents


def test_held_while_its_maker_lives_and_gone_when_done(tmp_path: Path) -> None:
    assert not intents.any_declared(tmp_path)
    intent = intents.declare(tmp_path, "sbx")
    assert intents.any_declared(tmp_path)
    assert intents.owner_lives(tmp_path, intent.owner)
    assert intents.abandoned(tmp_path) == []
    intent.done()
    assert not intents.any_declared(tmp_path)
    assert not intents.owner_lives(tmp_path, intent.owner)


def test_what_a_killed_maker_left_is_taken_over_once(tmp_path: Path) -> None:
    left = intents.declare(tmp_path, "openclaw-sbx-a.b-1")
    left.release()  # as the end of its process would
    assert not intents.owner_lives(tmp_path, left.owner)
    assert intents.is_known(tmp_path, left.owner)
    (taken,) = intents.abandoned(tmp_path)
    assert (taken.name, taken.owner) == ("openclaw-sbx-a.b-1", left.owner)
    assert intents.abandoned(tmp_path) == []
    taken.done()
    assert not intents.is_known(tmp_path, left.owner)


def test_two_attempts_for_one_name(tmp_path: Path) -> None:
    first, second = intents.declare(tmp_path, "sbx"), intents.declare(tmp_path, "sbx")
    first.release()
    (taken,) = intents.abandoned(tmp_path)
    assert taken.owner == first.owner
    assert intents.owner_lives(tmp_path, second.owner)
    taken.done()
    second.done()


@pytest.mark.parametrize("look", ["abandoned", "owner_lives"])
def test_one_that_ends_while_somebody_looks_does_not_come_back(
    look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locking makes the file that is locked: an ended intent would look like a killed maker's."""
    intent = intents.declare(tmp_path, "sbx")
    real = intents.acquire

    def acquire(path: Path, *, timeout_s: float) -> Any:
        intent.done()
        return real(path, timeout_s=timeout_s)

    monkeypatch.setattr(intents, "acquire", acquire)
    if look == "abandoned":
        assert intents.abandoned(tmp_path) == []
    else:
        assert not intents.owner_lives(tmp_path, intent.owner)
    assert not intents.any_declared(tmp_path)


def test_an_owner_can_be_given(tmp_path: Path) -> None:
    assert intents.declare(tmp_path, "sbx", owner="0123456789abcdef").owner == "0123456789abcdef"


def test_somebody_takes_it_for_abandoned_before_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removed = intents.acquire, list[Path]()

    def acquire(path: Path, *, timeout_s: float) -> Any:
        lock = real(path, timeout_s=timeout_s)
        if not removed:
            removed.append(path)
            path.unlink()
        return lock

    monkeypatch.setattr(intents, "acquire", acquire)
    intent = intents.declare(tmp_path, "sbx")
    assert intent.path != removed[0]
    assert intent.path.exists()


@pytest.mark.parametrize("owner", ["", "*", "../x", "a.b"])
def test_no_odd_owner_label_finds_anything(tmp_path: Path, owner: str) -> None:
    intents.declare(tmp_path, "sbx").release()
    assert not intents.owner_lives(tmp_path, owner)
    assert not intents.is_known(tmp_path, owner)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    folder = intents.folder_of(tmp_path)
    (folder / "sub.folder").mkdir(parents=True)
    (folder / "noname").touch()
    assert intents.abandoned(tmp_path) == []


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "sandbox").write_text("a file")
    with pytest.raises(StateFileError, match="cannot be written"):
        intents.declare(tmp_path, "sbx")
    assert not intents.any_declared(tmp_path)
    assert intents.abandoned(tmp_path) == []


def test_private(tmp_path: Path) -> None:
    intent = intents.declare(tmp_path, "sbx")
    assert intent.path.stat().st_mode & 0o777 == 0o600
    assert intents.folder_of(tmp_path).stat().st_mode & 0o777 == 0o700
    intent.done()
