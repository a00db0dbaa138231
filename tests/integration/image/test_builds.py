"""Builds, imports and bundles on a real engine. Recipes are tiny and stand on the sandbox image."""

from __future__ import annotations

import os
import signal
import tarfile
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.engine import open_engine, open_images
from openclaw_sandbox.errors import RegistryError, VerbFailedError
from openclaw_sandbox.image import bundle
from openclaw_sandbox.image.aptfiles import AptFiles
from openclaw_sandbox.image.base import Base
from openclaw_sandbox.image.build import Build, build_image, stage_labels, sweep
from openclaw_sandbox.image.bundle import load_bundle, save_bundle
from openclaw_sandbox.image.host import DEBIAN_ARCHITECTURES
from openclaw_sandbox.image.progress import Event, Phase, Reporter
from openclaw_sandbox.image.recipes import ImageName, Recipe, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openclaw_sandbox.engine.images import ImageStore

pytestmark = [pytest.mark.engine, pytest.mark.alone]

RECIPE = """\
ARG BASE
FROM ${BASE} AS packages
ARG BUILD_ID
LABEL openclaw-sandbox.role="build" openclaw-sandbox.build="${BUILD_ID}"
COPY Dockerfile host-apt* /run/host-apt/
RUN : first words; echo one; ls /run/host-apt
RUN : second words; %s
FROM scratch
ARG BUILD_ID
LABEL openclaw-sandbox.role="build" openclaw-sandbox.build="${BUILD_ID}"
COPY --from=packages /etc/os-release /os-release
"""


CHILD = "ARG BASE\nFROM ${BASE}\nCOPY Dockerfile /Dockerfile\n"


@pytest.fixture(scope="module")
def images() -> ImageStore:
    return open_images(os.environ)


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def report(heard: list[Event]) -> Reporter:
    return Reporter(Phase.BUILD, heard.append)


@pytest.fixture
def build(images: ImageStore, octest_name: Callable[[str], str]) -> Iterator[Build]:
    sandbox = images.find(reference_of(ImageName.SANDBOX))
    assert sandbox is not None, "make it first: openclaw-sandbox setup"
    name = octest_name("build")
    yield Build(
        recipe=Recipe(
            name=ImageName.SANDBOX, reference=f"{name}:tiny", dockerfile="Dockerfile", text=RECIPE % "true"
        ),
        base=Base(image_id=sandbox.id, source="local test", suite="bookworm"),
        apt=AptFiles(sources=(), keyrings={}, trusted={}, settings=()),
        env={},
        build_id=name,
    )
    if made := images.find(f"{name}:tiny"):
        images.remove(made.id)
    sweep(images, name)


def left_of(images: ImageStore, build: Build) -> set[str]:
    return {image.id for image in images.labelled(f"{labels.BUILD}={build.build_id}")}


def test_a_build_is_labelled_named_and_leaves_no_stage(
    images: ImageStore, build: Build, report: Reporter, heard: list[Event]
) -> None:
    image_id = build_image(images, build, report)
    made = images.find(build.recipe.reference)
    assert made is not None
    assert made.id == image_id
    assert made.labels[labels.RECIPE] == build.recipe.digest
    assert made.labels[labels.ROLE] == "image"
    assert left_of(images, build) == {image_id}
    titles = [event.text for event in heard if event.kind.value == "step" and "words" in event.text]
    assert titles == ["first words", "second words"]
    assert "apt.conf" in [event.text for event in heard if event.kind.value == "output"]


def test_a_failing_build_names_the_step_and_leaves_the_old_image(
    images: ImageStore, build: Build, report: Reporter
) -> None:
    old = build_image(images, build, report)
    failing = replace(build, recipe=replace(build.recipe, text=RECIPE % "echo oh dear; exit 3"))
    with pytest.raises(VerbFailedError) as caught:
        build_image(images, failing, report)
    assert "second words" in caught.value.brief
    assert caught.value.brief.endswith("exit status 3")
    assert caught.value.details[-1] == "oh dear"
    assert left_of(images, build) == {old}
    assert images.find(build.recipe.reference) is not None


def test_an_interrupted_build_leaves_nothing(
    images: ImageStore, build: Build, octest_name: Callable[[str], str]
) -> None:
    mark = octest_name("sleep")
    slow = replace(build, recipe=replace(build.recipe, text=RECIPE % f"echo {mark}; sleep 300"))

    main = threading.get_ident()

    def interrupt(event: Event) -> None:
        if event.text == mark:
            threading.Timer(0.1, signal.pthread_kill, [main, signal.SIGINT]).start()

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        build_image(images, slow, Reporter(Phase.BUILD, interrupt))
    assert time.monotonic() - started < 60
    assert left_of(images, build) == set()
    assert not [item for item in open_engine(os.environ).list() if build.build_id in str(item.labels)]


def test_the_image_that_is_replaced_goes(images: ImageStore, build: Build, report: Reporter) -> None:
    old = build_image(images, build, report)
    newer = replace(build, recipe=replace(build.recipe, text=RECIPE % "echo newer"))
    new = build_image(images, newer, report)
    assert new != old
    assert images.find(old) is None


def test_a_base_that_is_replaced_goes_with_what_was_built_on_it(
    images: ImageStore, build: Build, report: Reporter
) -> None:
    old = build_image(images, build, report)
    child_recipe = replace(build.recipe, reference=build.recipe.reference.replace(":tiny", ":child"))
    child = replace(build, recipe=replace(child_recipe, text=CHILD), base=replace(build.base, image_id=old))
    first = build_image(images, child, report)
    new = build_image(
        images, replace(build, recipe=replace(build.recipe, text=RECIPE % "echo newer")), report
    )
    assert images.find(old) is not None, "the engine does not remove a parent before its child"
    second = build_image(images, replace(child, base=replace(child.base, image_id=new)), report)
    try:
        assert images.find(first) is None
        assert images.find(old) is None
    finally:
        images.remove(second)


def test_a_root_file_system_becomes_a_marked_image(images: ImageStore, tmp_path: Path, build: Build) -> None:
    (tmp_path / "hello").write_text("hello")
    tar = tmp_path / "rootfs.tar"
    with tarfile.open(tar, "w") as out:
        out.add(tmp_path / "hello", "hello")
    image_id = images.import_rootfs(tar, stage_labels(build.build_id))
    made = images.find(image_id)
    assert made is not None
    assert made.tags == ()
    assert made.labels == stage_labels(build.build_id)
    sweep(images, build.build_id)
    assert images.find(image_id) is None


def test_a_broken_root_file_system_is_refused(images: ImageStore, tmp_path: Path, build: Build) -> None:
    (tmp_path / "broken.tar").write_bytes(b"x" * 5000)
    with pytest.raises(VerbFailedError, match="damaged"):
        images.import_rootfs(tmp_path / "broken.tar", stage_labels(build.build_id))
    assert left_of(images, build) == set()


def test_a_bundle_carries_an_image_to_an_engine_that_does_not_have_it(
    images: ImageStore, build: Build, report: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = build_image(images, build, report)
    made = images.find(image_id)
    assert made is not None
    path = tmp_path / "bundle.tar"
    reference = build.recipe.reference
    monkeypatch.setattr(bundle, "_REFERENCES", frozenset({reference}))  # a test makes nothing under our own
    save_bundle(images, [(reference, made)], path, report)
    images.remove(image_id)
    assert images.find(reference) is None

    architecture = DEBIAN_ARCHITECTURES[made.architecture]
    load_bundle(images, path, needed=[reference], architecture=architecture, report=report)
    loaded = images.find(reference)
    assert loaded is not None
    assert loaded.labels == made.labels
    load_bundle(images, path, needed=[reference], architecture=architecture, report=report)
    assert images.find(reference) == loaded, "loading twice changes nothing"


def test_where_no_registry_has_an_image_that_is_said(images: ImageStore) -> None:
    with pytest.raises(RegistryError) as caught:
        images.registry_digest("registry.invalid/octest-none:1", timeout_s=20)
    assert caught.value.details
    with pytest.raises(RegistryError):
        images.pull("registry.invalid/octest-none", f"sha256:{0:064x}", lambda _text: None)


def test_removing_says_who_uses_an_image(images: ImageStore) -> None:
    assert images.remove("octest-there-is-none:1") == ""
    assert images.find("octest-there-is-none:1") is None
