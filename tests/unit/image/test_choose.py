"""Words of the command line, and whether there is anything to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.image.base import choose_architecture
from openclaw_sandbox.image.choose import BaseChoice, BaseKind, Want, parse_base, parse_image, why_build
from openclaw_sandbox.image.recipes import ImageName, recipe
from tests.unit.image.fakes import image

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = recipe(ImageName.SANDBOX)
GOOD = image(
    "sha256:1",
    RECIPE.reference,
    role="image",
    recipe=RECIPE.digest,
    suite="bookworm",
    base="sha256:b",
    baseSource="bootstrap bookworm amd64",
)


def want(
    kind: BaseKind = BaseKind.AUTO,
    *,
    suite: str | None = None,
    force: bool = False,
    base_id: str | None = None,
) -> Want:
    return Want(recipe=RECIPE, base=BaseChoice(kind=kind), suite=suite, force=force, base_id=base_id)


def test_an_up_to_date_image_is_left_alone() -> None:
    assert why_build(want(), GOOD) is None
    assert why_build(want(BaseKind.BOOTSTRAP, suite="bookworm", base_id="sha256:b"), GOOD) is None


@pytest.mark.parametrize(
    ("wanted", "found", "reason"),
    [
        (want(), None, "there is none yet"),
        (want(), image("sha256:2", RECIPE.reference), "was not made by this tool"),
        (want(force=True), GOOD, "--force"),
        (want(), image("sha256:3", role="image", recipe="sha256:old"), "the recipe has changed"),
        (want(suite="trixie"), GOOD, "it holds bookworm, not trixie"),
        (want(base_id="sha256:other"), GOOD, "its base has changed"),
        (want(BaseKind.REGISTRY), GOOD, "its base came from bootstrap, not from registry"),
    ],
)
def test_reasons_to_build(wanted: Want, found: object, reason: str) -> None:
    assert reason in (why_build(wanted, found) or "")  # type: ignore[arg-type]  (a table of mixed values)


def test_words_for_the_base(tmp_path: Path) -> None:
    assert parse_base("auto").attempts == (BaseKind.LOCAL, BaseKind.REGISTRY, BaseKind.BOOTSTRAP)
    assert parse_base("registry").attempts == (BaseKind.REGISTRY,)
    bundle = tmp_path / "b.tar"
    bundle.touch()
    assert parse_base(str(bundle)) == BaseChoice(kind=BaseKind.BUNDLE, bundle=bundle)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("boostrap", "Did you mean 'bootstrap'?"),
        ("zzz", "Use auto, local"),
        ("bundle", "Use auto, local"),
        ("./missing.tar", "setup --save"),
    ],
)
def test_unknown_bases_name_the_way_out(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_base(text)
    assert words in caught.value.hint


def test_images_by_name() -> None:
    assert parse_image("common") is ImageName.COMMON
    with pytest.raises(UsageError) as caught:
        parse_image("comon")
    assert "Did you mean 'common'?" in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "engine", "chosen"),
    [
        (None, "x86_64", "amd64"),
        (None, "aarch64", "arm64"),
        ("amd64", "x86_64", "amd64"),
        ("i386", "x86_64", "i386"),
        (None, "loongarch64", "loongarch64"),
    ],
)
def test_architecture(asked: str | None, engine: str, chosen: str) -> None:
    assert choose_architecture(asked, engine) == chosen


def test_an_architecture_that_the_engine_does_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="runs amd64, not 'arm64'"):
        choose_architecture("arm64", "x86_64")
