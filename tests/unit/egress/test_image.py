"""The helpers' image: why it is made, what `setup` foretells, and what is cleared away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.egress.image import build_digest, make_image, plan_image, why_build
from openclaw_sandbox.errors import ImageMissingError
from openclaw_sandbox.image.bundle import save_bundle
from openclaw_sandbox.image.choose import BaseChoice, BaseKind
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, ImageName, recipe, reference_of
from openclaw_sandbox.image.setup import Bench, Request
from tests.unit.image.fakes import Ears, FakeStore, image
from tests.unit.image.test_machine import machine

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = reference_of(ImageName.SANDBOX)
QUIET = Reporter(Phase.BUILD, Ears())


@pytest.fixture
def store() -> FakeStore:
    found = FakeStore()
    found.add(
        image("sha256:base", SANDBOX, role="image", build="b1", recipe=recipe(ImageName.SANDBOX).digest)
    )
    return found


def bench(store: FakeStore) -> Bench:
    return Bench(
        images=store, engine_architecture="x86_64", machine=machine("debian"), env={}, listener=Ears()
    )


def test_why_the_image_is_made(store: FakeStore) -> None:
    base = store.images["sha256:base"]
    good = image("sha256:1", recipe=build_digest(), base="sha256:base")
    assert why_build(None, base) == "there is none yet"
    assert why_build(good, base) == ""
    assert why_build(good, image("sha256:other", SANDBOX, role="image", build="b2")) == "its base has changed"
    assert why_build(image("sha256:1"), base) == "its code has changed"
    assert why_build(good, base, force=True) == "--force"


def test_an_image_loaded_into_another_kind_of_store_still_stands_on_its_base() -> None:
    found = image("sha256:1", recipe=build_digest(), build="b1", base="sha256:elsewhere")
    assert why_build(found, image("sha256:here", SANDBOX, role="image", build="b1")) == ""
    by_hand = image("sha256:here", SANDBOX, role="build", build="b1")
    assert why_build(found, by_hand) == "its base has changed", "hand-made images share the word by-hand"


def test_it_is_built_once_and_its_output_is_told(store: FakeStore) -> None:
    ears = Ears()
    made = make_image(store, Reporter(Phase.BUILD, ears))
    assert (made.name, made.action, made.why) == ("egress", "built", "there is none yet")
    assert ears.texts("output") == ["a line"]
    assert ears.texts("step")
    again = make_image(store, QUIET)
    assert (again.action, again.image.id) == ("kept", made.image.id)
    assert len(store.built) == 1


def test_without_a_sandbox_image_there_is_none() -> None:
    with pytest.raises(ImageMissingError, match=SANDBOX):
        make_image(FakeStore(), QUIET)


def test_a_sandbox_image_that_was_replaced_goes_with_the_helpers_that_stood_on_it(store: FakeStore) -> None:
    first = make_image(store, QUIET)
    store.add(image("sha256:newer", role="image", build="b2"))
    store.tag("sha256:newer", SANDBOX)  # the engine kept the old one: the helpers' image is its child
    second = make_image(store, QUIET)
    assert second.why == "its base has changed"
    assert store.find(first.image.id) is None
    assert store.find("sha256:base") is None


def test_what_a_gateway_still_runs_on_stays_with_its_base(store: FakeStore) -> None:
    first = make_image(store, QUIET)
    store.in_use[first.image.id] = "in use by container 1"
    make_image(store, QUIET, force=True)
    assert store.find(first.image.id) is not None
    assert store.find("sha256:base") is not None


def test_a_named_base_stays(store: FakeStore) -> None:
    make_image(store, QUIET)
    make_image(store, QUIET, force=True)
    assert store.find(SANDBOX) is not None


def test_the_plan_names_it(store: FakeStore) -> None:
    assert plan_image(bench(store), Request()) == (f"build {GATEWAY_REFERENCE}: there is none yet",)
    make_image(store, QUIET)
    assert plan_image(bench(store), Request()) == (f"keep {GATEWAY_REFERENCE}: it is up to date",)
    assert plan_image(bench(store), Request(force=True)) == (
        f"build {GATEWAY_REFERENCE}: its base will be new",
    )
    assert plan_image(bench(FakeStore()), Request()) == (f"build {GATEWAY_REFERENCE}: its base will be new",)


@pytest.mark.parametrize(
    ("code", "plan"),
    [
        (None, (f"build {GATEWAY_REFERENCE}: the bundle holds none",)),
        ("older", (f"build {GATEWAY_REFERENCE}: its code has changed",)),
        ("this", ()),
    ],
)
def test_the_plan_of_a_bundle(
    code: str | None, plan: tuple[str, ...], store: FakeStore, tmp_path: Path
) -> None:
    path = tmp_path / "b.tar"
    packed = [(SANDBOX, store.images["sha256:base"])]
    if code is not None:
        digest = build_digest() if code == "this" else "sha256:older"
        packed.append((GATEWAY_REFERENCE, image("sha256:1", GATEWAY_REFERENCE, role="image", recipe=digest)))
    save_bundle(store, packed, path, QUIET)
    request = Request(base=BaseChoice(kind=BaseKind.BUNDLE, bundle=path))
    assert plan_image(bench(FakeStore()), request) == plan
