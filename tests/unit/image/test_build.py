"""A build: its labels, its name, and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.image.aptfiles import AptFiles
from openclaw_sandbox.image.base import Base
from openclaw_sandbox.image.build import Build, build_image, stages, sweep, sweep_killed
from openclaw_sandbox.image.held import build_lock, held
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.recipes import ImageName, recipe
from openclaw_sandbox.spec import labels
from tests.unit.image.fakes import Ears, FakeStore, image

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = recipe(ImageName.SANDBOX)
BUILD = Build(
    recipe=RECIPE,
    base=Base(image_id="sha256:base", source="bootstrap bookworm amd64", suite="bookworm"),
    apt=AptFiles(sources=(), keyrings={}, trusted={}, settings=()),
    env={"http_proxy": "http://proxy.example", "HOME": "/root", "NO_PROXY": "", "https_proxy": "http://p"},
    build_id="b1",
)


def test_a_built_image_says_where_it_came_from_and_gets_the_name() -> None:
    store, ears = FakeStore(), Ears()
    image_id = build_image(store, BUILD, Reporter(Phase.BUILD, ears))
    made = store.find(RECIPE.reference)
    assert made is not None
    assert made.id == image_id
    assert made.labels[labels.ROLE] == "image"
    assert made.labels[labels.RECIPE] == RECIPE.digest
    assert made.labels[labels.BASE_DIGEST] == "sha256:base"
    assert made.labels[labels.SUITE] == "bookworm"
    assert list(store.images) == [image_id], "the stage is gone"
    assert store.built[0].arguments == {
        "BASE": "sha256:base",
        "BUILD_ID": "b1",
        "http_proxy": "http://proxy.example",
        "https_proxy": "http://p",
    }
    assert ears.texts("step") == ["FROM ${BASE} AS packages", "installing packages"]
    assert ears.texts("output") == ["a line"]


@pytest.mark.parametrize("failure", [VerbFailedError("no"), KeyboardInterrupt()])
def test_a_build_that_ends_early_leaves_the_old_image_and_nothing_else(failure: BaseException) -> None:
    store = FakeStore(fails=failure)
    old = store.add(image("sha256:old", RECIPE.reference, role="image"))
    with pytest.raises(type(failure)):
        build_image(store, BUILD, Reporter(Phase.BUILD, Ears()))
    assert store.images == {"sha256:old": old}


def test_the_old_image_goes_unless_it_is_used_or_somebody_elses() -> None:
    store = FakeStore()
    store.add(image("sha256:old", RECIPE.reference, role="image"))
    build_image(store, BUILD, Reporter(Phase.BUILD, Ears()))
    assert store.find("sha256:old") is None

    store, ears = FakeStore(in_use={"sha256:old": "container abc uses it"}), Ears()
    store.add(image("sha256:old", RECIPE.reference, role="image"))
    build_image(store, BUILD, Reporter(Phase.BUILD, ears))
    assert "until they are recreated" in ears.texts("note")[0]

    store = FakeStore()
    store.add(image("sha256:foreign", RECIPE.reference))
    build_image(store, BUILD, Reporter(Phase.BUILD, Ears()))
    assert store.find("sha256:foreign") is not None


def test_stages_of_this_build_and_forgotten_ones_go_newest_first() -> None:
    new, old = "2999-01-01T00:00:02Z", "2001-01-01T00:00:00Z"
    found = [
        image("a", created_at="2999-01-01T00:00:01Z", role="build", build="mine"),
        image("b", created_at=new, role="build", build="mine"),
        image("c", created_at=new, role="build", build="somebody's"),
        image("d", created_at=old, role="build", build="killed"),
    ]
    assert stages(found, "mine") == ["b", "a", "d"]
    assert set(stages(found, None)) == {"a", "b", "c", "d"}


def test_what_a_killed_build_left_goes_with_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = FakeStore()
    for build in ("aa", "bb", "../cc"):
        store.add(image(build, created_at="2999-01-01T00:00:00Z", role="build", build=build))
    build_lock("aa").touch()  # and nobody holds it
    (tmp_path.parent / "cc.lock").touch()
    with held(build_lock("bb")):
        sweep_killed(store)
        assert set(store.images) == {"bb", "../cc"}
    assert list(tmp_path.iterdir()) == []


def test_where_no_build_was_killed_the_engine_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = FakeStore()
    store.labelled = None  # type: ignore[method-assign,assignment]  (whoever asks, fails)
    sweep_killed(store)


def test_sweeping_waits_for_the_engine_to_let_go_of_a_broken_build(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore(in_use={"s": "conflict: container 1 is using it"})
    store.add(image("s", role="build", build="b1"))
    monkeypatch.setattr("time.sleep", lambda _seconds: store.in_use.clear())
    sweep(store, "b1", patient=True)
    assert store.images == {}
