"""Bundles: written, read back, and refused when they are not what they say."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import SandboxError, UsageError, VerbFailedError
from openclaw_sandbox.image.bundle import Packed, load_bundle, parse_manifest, render_manifest, save_bundle
from openclaw_sandbox.image.progress import Phase, Reporter
from tests.unit.image.fakes import Ears, FakeStore, archive_of, image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFERENCE = "openclaw-sandbox:bookworm-slim"
REPORT = Reporter(Phase.LOAD, Ears())
MANIFEST = "openclaw-sandbox-bundle.json"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    store = FakeStore()
    found = store.add(image("sha256:1", REFERENCE, role="image", build="b1", recipe="r1"))
    path = tmp_path / "bundle.tar"
    save_bundle(store, [(REFERENCE, found)], path, REPORT)
    return path


def load(
    path: Path, store: FakeStore, *, needed: tuple[str, ...] = (REFERENCE,), architecture: str = "amd64"
) -> None:
    load_bundle(store, path, needed=needed, architecture=architecture, report=REPORT)


def test_what_was_saved_is_loaded_under_its_name(bundle: Path) -> None:
    store = FakeStore()
    load(bundle, store)
    loaded = store.find(REFERENCE)
    assert loaded is not None
    assert loaded.id == "sha256:1"
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle.tar"], "no part is left"


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    store = FakeStore()
    found = store.add(image("sha256:1", REFERENCE, role="image"))
    path = tmp_path / "b.tar"
    digest = save_bundle(store, [(REFERENCE, found)], path, REPORT)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["images/0.tar.gz", MANIFEST]


def test_loading_replaces_an_older_image_of_ours(bundle: Path) -> None:
    store = FakeStore()
    store.add(image("sha256:old", REFERENCE, role="image"))
    load(bundle, store)
    assert store.find("sha256:old") is None


def test_an_engine_that_saves_the_images_own_name_is_no_stranger(bundle: Path) -> None:
    rewrite(bundle, archive_with(archive_of("sha256:1", [f"docker.io/library/{REFERENCE}", "bookworm-slim"])))
    store = FakeStore()
    load(bundle, store)
    assert store.find(REFERENCE) is not None


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with tarfile.open(path) as tar:
        files = {entry.name: (tar.extractfile(entry) or io.BytesIO()).read() for entry in tar}
    change(files)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def manifest_with(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        value = json.loads(files[MANIFEST])
        value["images"][0].update(changes)
        files[MANIFEST] = json.dumps(value).encode()

    return change


def archive_with(content: bytes) -> Callable[[dict[str, bytes]], None]:
    """Another archive, with a manifest that fits."""

    def change(files: dict[str, bytes]) -> None:
        packed = gzip.compress(content)
        files["images/0.tar.gz"] = packed
        manifest_with(size_bytes=len(packed), sha256=hashlib.sha256(packed).hexdigest())(files)

    return change


def flip(files: dict[str, bytes]) -> None:
    files["images/0.tar.gz"] = files["images/0.tar.gz"][:-1] + b"X"


BROKEN: dict[str, tuple[Callable[[dict[str, bytes]], None], type[SandboxError], str]] = {
    "no manifest": (lambda files: files.pop(MANIFEST) and None, UsageError, "it holds no"),
    "not JSON": (lambda files: files.update({MANIFEST: b"{"}), UsageError, "is no bundle for this version"),
    "later format": (
        lambda files: files.update({MANIFEST: b'{"format": 99}'}),
        UsageError,
        "of another version",
    ),
    "no image": (
        lambda files: files.update({MANIFEST: b'{"format": 1, "images": []}'}),
        UsageError,
        "holds no image",
    ),
    "a field is missing": (
        lambda files: files.update({MANIFEST: b'{"format": 1, "images": [{}]}'}),
        UsageError,
        "incomplete",
    ),
    "flipped byte": (flip, VerbFailedError, "damaged"),
    "archive missing": (lambda files: files.pop("images/0.tar.gz") and None, VerbFailedError, "is missing"),
    "another machine": (manifest_with(architecture="arm64"), UsageError, "was made for arm64"),
    "the name of somebody's image": (
        manifest_with(reference="debian:bookworm-slim"),
        UsageError,
        "'debian:bookworm-slim', which is no image of this tool",
    ),
    "an archive that names an image": (
        archive_with(archive_of("sha256:1", ["debian:bookworm-slim"])),
        VerbFailedError,
        "names of its own to images: debian:bookworm-slim",
    ),
    "an archive that is none": (archive_with(b"hello"), VerbFailedError, "is no archive of an image"),
    "nested deeply": (
        lambda files: files.update({MANIFEST: b"[" * 100_000}),
        UsageError,
        "is no bundle for this version",
    ),
    "another image": (manifest_with(build="other"), VerbFailedError, "does not hold what its manifest says"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_bundles_are_refused_and_leave_nothing(how: str, bundle: Path) -> None:
    change, kind, words = BROKEN[how]
    rewrite(bundle, change)
    store = FakeStore()
    with pytest.raises(kind, match=words):
        load(bundle, store)
    assert store.images == {}


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 2048, b"\x1f\x8b" + b"x" * 600])
def test_files_that_are_no_tar(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no bundle"):
        load(path, FakeStore())


def test_a_bundle_that_ends_too_early(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:700])
    with pytest.raises(UsageError, match="is no bundle"):
        load(bundle, FakeStore())


def test_a_bundle_without_what_is_needed(bundle: Path) -> None:
    with pytest.raises(UsageError, match="does not hold openclaw-sandbox-common"):
        load(bundle, FakeStore(), needed=("openclaw-sandbox-common:bookworm-slim",))


def test_an_unwritable_place_and_a_full_disk(tmp_path: Path) -> None:
    store = FakeStore()
    found = store.add(image("sha256:1", REFERENCE, role="image"))
    with pytest.raises(UsageError, match="cannot be written"):
        save_bundle(store, [(REFERENCE, found)], tmp_path / "missing" / "b.tar", REPORT)

    def full(_image_id: str) -> object:
        raise OSError(28, "No space left on device")

    store.save = full  # type: ignore[method-assign,assignment]  (a store whose disk is full)
    with pytest.raises(VerbFailedError, match="disk is full"):
        save_bundle(store, [(REFERENCE, found)], tmp_path / "b.tar", REPORT)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path) -> None:
    store = FakeStore()
    found = store.add(image("sha256:1", REFERENCE, role="image"))
    alive = f".b.tar.{os.getppid()}.part"
    for name in (".b.tar.999999999.part", alive, ".other.tar.999999999.part"):
        (tmp_path / name).touch()
    save_bundle(store, [(REFERENCE, found)], tmp_path / "b.tar", REPORT)
    assert {path.name for path in tmp_path.iterdir()} == {"b.tar", alive, ".other.tar.999999999.part"}


def test_the_manifest_is_read_as_it_was_written() -> None:
    packed = Packed(
        reference=REFERENCE,
        id="sha256:1",
        architecture="amd64",
        build="b",
        recipe="r",
        file="images/0.tar.gz",
        size_bytes=7,
        sha256="ab",
    )
    assert parse_manifest(render_manifest([packed])) == (packed,)
