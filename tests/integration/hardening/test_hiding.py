"""What `file_access` makes on the host, and what it refuses to follow. Needs a file system, and no engine."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import WorkspaceError
from openclaw_sandbox.lifecycle.hiding import prepare_hiding
from openclaw_sandbox.policy.resolve import survey
from tests.fake_host import FakeHost, config_of

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy


@pytest.fixture
def policy(tmp_path: Path) -> EffectivePolicy:
    data = {"agents": {"defaults": {"sandbox": {"workspaceAccess": "rw"}, "workspace": str(tmp_path / "ws")}}}
    (tmp_path / "ws").mkdir()
    return survey(config_of(data, state=tmp_path / "state"), session=None, agent=None, host=FakeHost())


def hiding(policy: EffectivePolicy, *hidden: str, visible: tuple[str, ...] | None = None) -> EffectivePolicy:
    return replace(policy, hardening=replace(policy.hardening, hidden_paths=hidden, visible_paths=visible))


def test_missing_places_are_made_like_the_folder_above(policy: EffectivePolicy, tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    if os.getuid() == 0:
        os.chown(workspace, 1234, 1234)
    asked = hiding(policy, "/workspace/a/secret", visible=("/workspace/a", "/workspace/out"))
    assert prepare_hiding(asked, touch=False).files == frozenset()
    assert list(workspace.iterdir()) == []
    prepare_hiding(asked, touch=True)
    made = sorted(str(path.relative_to(workspace)) for path in workspace.rglob("*"))
    assert made == ["a", "a/secret", "out"]
    assert {path.stat().st_uid for path in workspace.rglob("*")} == {workspace.stat().st_uid}


def test_a_file_is_covered_by_an_empty_one(policy: EffectivePolicy, tmp_path: Path) -> None:
    (tmp_path / "ws" / "key").write_text("secret")
    for _again in range(2):
        found = prepare_hiding(hiding(policy, "/workspace/key"), touch=True)
        assert found.files == {"/workspace/key"}
        assert Path(found.empty_file).read_bytes() == b""
    assert (tmp_path / "ws" / "key").read_text() == "secret"


@pytest.mark.parametrize(
    ("link", "hidden", "visible"),
    [
        ("a", ("/workspace/a/secret",), None),
        ("a", ("/workspace/a",), None),
        ("a/b", ("/workspace/a/b/c",), None),
        ("a", (), ("/workspace/a",)),
        ("a", (), ("/workspace/a/etc",)),
    ],
)
def test_no_link_is_followed(
    link: str,
    hidden: tuple[str, ...],
    visible: tuple[str, ...] | None,
    policy: EffectivePolicy,
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "ws" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    with pytest.raises(WorkspaceError, match="file_access"):
        prepare_hiding(hiding(policy, *hidden, visible=visible), touch=True)
    assert list(outside.iterdir()) == []


def test_a_file_in_the_way(policy: EffectivePolicy, tmp_path: Path) -> None:
    (tmp_path / "ws" / "a").write_text(json.dumps({}))
    with pytest.raises(WorkspaceError, match="no folder"):
        prepare_hiding(hiding(policy, "/workspace/a/b"), touch=True)
