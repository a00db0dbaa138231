"""Names that an archive of an image would give away."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from openclaw_sandbox.image.archive import DamagedArchiveError, names_in
from tests.unit.image.fakes import archive_of

NAMED = {"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "latest"}}, {}, 3]}
CONTAINERD = {"manifests": [{"annotations": {"io.containerd.image.name": "docker.io/library/debian:1"}}]}


def names(archive: bytes, *, piece: int = 700) -> tuple[str, ...]:
    packed = gzip.compress(archive)
    return names_in(packed[at : at + piece] for at in range(0, len(packed), piece))


def test_what_is_saved_by_id_has_no_name() -> None:
    assert names(archive_of("sha256:1")) == ()
    assert names(archive_of("sha256:1", [])) == ()


@pytest.mark.parametrize(
    ("archive", "wanted"),
    [
        (archive_of("sha256:1", ["a:1", "b:2"]), ("a:1", "b:2")),
        (archive_of("sha256:1", repositories=b'{"debian": {"1": "abc"}}'), ("debian",)),
        (archive_of("sha256:1", **{"index.json": json.dumps(NAMED).encode()}), ("latest",)),
        (
            archive_of("sha256:1", **{"index.json": json.dumps(CONTAINERD).encode()}),
            ("docker.io/library/debian:1",),
        ),
        # a link to the top, and through it the index
        (archive_of("sha256:1", **{"link/manifest.json": b'[{"RepoTags": ["c:3"]}]'}), ("c:3",)),
        (archive_of("sha256:1", **{"./repositories": b'{"d": {}}'}), ("d",)),
    ],
)
def test_every_place_of_names_is_read(archive: bytes, wanted: tuple[str, ...]) -> None:
    assert names(archive) == wanted


def test_a_name_in_a_second_member_of_the_gzip_file() -> None:
    """An engine reads both; between two entries the first one looks like the whole archive."""
    archive = archive_of("sha256:1", ["a:1"])
    for cut in range(512, len(archive), 512):
        packed = gzip.compress(archive[:cut]) + gzip.compress(archive[cut:])
        assert names_in([packed]) == ("a:1",), cut


def linked(kind: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.type, entry.linkname = kind, "layer.tar"
        tar.addfile(entry)
    return packed.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        b"hello",
        b"",
        linked(tarfile.SYMTYPE),
        linked(tarfile.LNKTYPE),
        archive_of("sha256:1", repositories=b"no JSON"),
        archive_of("sha256:1", repositories=b"[" * 100_000),
        archive_of("sha256:1", repositories=b" " * (5 << 20)),
        archive_of("sha256:1")[:5000],
    ],
)
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(DamagedArchiveError):
        names(archive)


@pytest.mark.parametrize("packed", [b"", b"no gzip", gzip.compress(archive_of("sha256:1"))[:-30]])
def test_what_is_not_packed_is_refused(packed: bytes) -> None:
    with pytest.raises(DamagedArchiveError):
        names_in([packed])
