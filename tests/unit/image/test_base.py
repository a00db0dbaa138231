"""The ways to a base image, in their order."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.image import base as room
from openclaw_sandbox.image.apt import AptSource
from openclaw_sandbox.image.base import BaseFinder
from openclaw_sandbox.image.choose import BaseChoice, BaseKind
from openclaw_sandbox.image.host import Machine
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.reach import Reach
from tests.unit.image.fakes import Ears, FakeStore, image

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = AptSource(
    uris=("http://m.example/debian",), suites=("bookworm",), components=("main",), signed_by="x"
)
MARK = {"openclaw-sandbox.role": "build", "openclaw-sandbox.build": "b1"}


def machine(*sources: AptSource, distribution: str = "debian", suite: str = "bookworm") -> Machine:
    return Machine(
        distribution=distribution,
        like=(),
        suite=suite,
        name="Test",
        architecture="amd64",
        sources=sources,
        apt_settings=(),
    )


def finder(store: FakeStore, here: Machine, **others: object) -> BaseFinder:
    ears = Ears()
    return BaseFinder(
        images=store,
        reach=Reach(here, mirrors=(), ca_file=None, env={}),
        env={},
        architecture="amd64",
        mark=MARK,
        report=Reporter(Phase.BASE, ears),
        **others,  # type: ignore[arg-type]  (only get_tool)
    )


@pytest.fixture(autouse=True)
def no_real_bootstrap(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    @contextlib.contextmanager
    def bootstrapped(wanted: object, **_: object) -> Iterator[Path]:
        made.append(wanted.suite)  # type: ignore[attr-defined]  (a Bootstrap)
        yield Path("rootfs.tar")

    monkeypatch.setattr(room, "bootstrapped", bootstrapped)
    monkeypatch.setattr(room, "bootstrap_tool", lambda: "mmdebstrap")
    return made


def test_a_local_image_comes_first_and_stays() -> None:
    store = FakeStore(registry={"debian:bookworm-slim": "sha256:d"})
    store.add(image("sha256:l", "debian:bookworm-slim"))
    with finder(store, machine()).open(BaseChoice(), None) as base:
        assert base.source == "local debian:bookworm-slim"
    assert store.removed == []


def test_a_registry_is_asked_for_the_digest_and_the_fetched_image_goes_again() -> None:
    store = FakeStore(registry={"debian:bookworm-slim": "sha256:d"})
    with finder(store, machine()).open(BaseChoice(), None) as base:
        assert base.source == "registry debian@sha256:d"
        assert base.image_id in store.images
    assert store.images == {}


def test_without_a_registry_the_base_is_bootstrapped_and_marked(no_real_bootstrap: list[str]) -> None:
    store = FakeStore()
    with finder(store, machine(SOURCE)).open(BaseChoice(), None) as base:
        assert base.source == "bootstrap bookworm amd64"
        assert store.images[base.image_id].labels == MARK
    assert store.images == {}
    assert no_real_bootstrap == ["bookworm"]


def test_ubuntu_bootstraps_its_own_release(no_real_bootstrap: list[str]) -> None:
    own = AptSource(uris=("http://m.example/ubuntu",), suites=("noble",), components=("main",), signed_by="x")
    with finder(FakeStore(), machine(own, distribution="ubuntu", suite="noble")).open(
        BaseChoice(kind=BaseKind.BOOTSTRAP), None
    ) as base:
        assert base.suite == "noble"
    assert no_real_bootstrap == ["noble"]


def test_when_no_way_leads_to_a_base_each_says_why_and_the_bundle_is_left() -> None:
    with pytest.raises(VerbFailedError) as caught, finder(FakeStore(), machine()).open(BaseChoice(), None):
        pass
    assert [line.partition(":")[0] for line in caught.value.details] == ["local", "registry", "bootstrap"]
    assert "setup --base bundle.tar" in caught.value.hint


def test_a_single_way_fails_with_its_own_words() -> None:
    with (
        pytest.raises(VerbFailedError, match="no local image debian:trixie-slim"),
        finder(FakeStore(), machine()).open(BaseChoice(kind=BaseKind.LOCAL), "trixie"),
    ):
        pass
    with (
        pytest.raises(UsageError),
        finder(FakeStore(), machine()).open(BaseChoice(kind=BaseKind.BUNDLE), None),
    ):
        pass


def test_the_tool_is_installed_only_where_that_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "bootstrap_tool", lambda: None)
    asked: list[str] = []
    ways = finder(FakeStore(), machine(SOURCE), get_tool=lambda: asked.append("installed"))
    with ways.open(BaseChoice(kind=BaseKind.BOOTSTRAP), None):
        assert asked == ["installed"]


def test_what_was_made_for_a_build_goes_when_the_build_fails() -> None:
    store = FakeStore()
    with pytest.raises(KeyboardInterrupt), finder(store, machine(SOURCE)).open(BaseChoice(), None):
        raise KeyboardInterrupt
    assert store.images == {}
