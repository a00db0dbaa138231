"""`set_up`: what is made, what is kept, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.image import setup as room
from openclaw_sandbox.image.bundle import save_bundle
from openclaw_sandbox.image.choose import BaseChoice, BaseKind
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, ImageName, base_reference, recipe
from openclaw_sandbox.image.setup import Bench, Request, plan, save, set_up
from openclaw_sandbox.spec import labels
from tests.unit.image.fakes import Ears, FakeStore, image
from tests.unit.image.test_machine import machine

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX, COMMON = recipe(ImageName.SANDBOX), recipe(ImageName.COMMON)


@pytest.fixture
def store() -> FakeStore:
    found = FakeStore()
    found.add(image("sha256:local", base_reference("bookworm")))
    return found


def bench(store: FakeStore, ears: Ears | None = None) -> Bench:
    return Bench(
        images=store,
        engine_architecture="x86_64",
        machine=machine("debian"),
        env={},
        listener=ears or Ears(),
    )


def test_a_fresh_engine_gets_the_sandbox_image(store: FakeStore) -> None:
    (outcome,) = set_up(bench(store), Request())
    assert (outcome.action, outcome.why) == ("built", "there is none yet")
    assert outcome.image.labels[labels.BASE_SOURCE] == "local debian:bookworm-slim"
    assert len(store.built) == 1


def test_a_second_time_nothing_is_built(store: FakeStore) -> None:
    set_up(bench(store), Request())
    ears = Ears()
    (outcome,) = set_up(bench(store, ears), Request())
    assert outcome.action == "kept"
    assert "up to date" in ears.texts("done")[0]
    assert len(store.built) == 1
    assert plan(bench(store), Request()) == (f"keep {SANDBOX.reference}: it is up to date",)


def test_common_stands_on_the_sandbox_and_follows_it(store: FakeStore) -> None:
    both = Request(images=(ImageName.COMMON,))
    sandbox, common = set_up(bench(store), both)
    assert common.image.labels[labels.BASE_DIGEST] == sandbox.image.id
    assert common.image.labels[labels.SUITE] == "bookworm"
    set_up(bench(store), Request(force=True))
    again = set_up(bench(store), both)
    assert [(o.action, o.why) for o in again] == [("kept", "up to date"), ("built", "its base has changed")]


def test_force_rebuilds_what_was_named_and_not_what_it_stands_on(store: FakeStore) -> None:
    set_up(bench(store), Request(images=(ImageName.COMMON,)))
    outcomes = set_up(bench(store), Request(images=(ImageName.COMMON,), force=True))
    assert [outcome.action for outcome in outcomes] == ["kept", "built"]


def test_a_local_base_that_changed_is_noticed(store: FakeStore) -> None:
    set_up(bench(store), Request())
    store.remove("sha256:local")
    store.add(image("sha256:newer", base_reference("bookworm")))
    (outcome,) = set_up(bench(store), Request())
    assert outcome.why == "its base has changed"


def test_the_plan_changes_nothing(store: FakeStore) -> None:
    before = dict(store.images)
    lines = plan(bench(store), Request(images=(ImageName.COMMON,)))
    assert lines[0] == "find a base image: local, then registry, then bootstrap"
    assert lines[1] == f"build {SANDBOX.reference}: there is none yet"
    assert lines[2] == f"build {COMMON.reference}: there is none yet"
    assert store.images == before


def test_a_bundle_takes_the_place_of_a_build(tmp_path: Path) -> None:
    far, path, ears = FakeStore(), tmp_path / "b.tar", Ears()
    found = far.add(image("sha256:1", SANDBOX.reference, role="image", build="b1", recipe="r1"))
    save_bundle(far, [(SANDBOX.reference, found)], path, Reporter(Phase.SAVE, Ears()))
    here = FakeStore()
    request = Request(base=BaseChoice(kind=BaseKind.BUNDLE, bundle=path))
    (outcome,) = set_up(bench(here, ears), request)
    assert outcome.action == "loaded"
    assert here.built == []
    assert "another recipe" in ears.texts("warning")[0]
    assert plan(bench(here), request) == (f"load {SANDBOX.reference} from {path}",)


def test_a_bundle_may_bring_the_image_of_the_egress_helpers(tmp_path: Path) -> None:
    far, path = FakeStore(), tmp_path / "b.tar"
    packed = [
        (reference, far.add(image(image_id, reference, role="image", build="b1", recipe="r1")))
        for image_id, reference in (("sha256:1", SANDBOX.reference), ("sha256:2", GATEWAY_REFERENCE))
    ]
    save_bundle(far, packed, path, Reporter(Phase.SAVE, Ears()))
    request = Request(base=BaseChoice(kind=BaseKind.BUNDLE, bundle=path))
    outcomes = set_up(bench(FakeStore()), request)
    assert [(item.name, item.action) for item in outcomes] == [("sandbox", "loaded"), ("egress", "loaded")]


def test_what_was_set_up_can_be_saved(store: FakeStore, tmp_path: Path) -> None:
    outcomes = set_up(bench(store), Request())
    digest = save(bench(store), outcomes, tmp_path / "b.tar")
    assert len(digest) == 64
    assert (tmp_path / "b.tar").is_file()


def test_a_bootstrap_tool_may_be_installed_when_somebody_asked_for_one(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[bool] = []

    class Finder(room.BaseFinder):
        def open(self, choice: BaseChoice, suite: str | None):  # type: ignore[no-untyped-def]  (as its base)
            allowed.append(self.get_tool is not None)
            return super().open(BaseChoice(), suite)

    monkeypatch.setattr(room, "BaseFinder", Finder)
    for request in (
        Request(force=True),
        Request(force=True, may_install=True),
        Request(force=True, base=BaseChoice(kind=BaseKind.BOOTSTRAP)),
    ):
        set_up(bench(store), request)
    assert allowed == [False, True, True]
