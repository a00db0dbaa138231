"""The archive of an image, as an engine saves and loads it: which names it would give away.

An engine that loads an archive gives its images the names that stand in it, and takes them from the images
that had them. Those that `save` writes hold none; one that does would rename images that are not ours.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

#: Where the formats of Docker and of OCI keep names, at the top. A link may lead there from below.
_INDEXES = frozenset({"manifest.json", "repositories", "index.json"})
_INDEX_BYTES = 4 << 20
_CHUNK = 1 << 20
#: OCI's key, and containerd's own.
_NAME_KEYS = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


class DamagedArchiveError(Exception):
    """Not an archive of an image; the text says why."""


def names_in(chunks: Iterable[bytes]) -> tuple[str, ...]:
    """Every name in a gzipped archive.

    Raises:
        DamagedArchiveError: it cannot be read, or its index is no plain file of a sensible size.
    """
    found: list[str] = []
    try:
        # Engines read all members of a gzip file; tarfile's own "r|gz" would see only the first one.
        plain = gzip.GzipFile(fileobj=io.BufferedReader(_Reader(chunks), _CHUNK), mode="rb")
        with plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for entry in tar:
                if PurePosixPath(entry.name).name in _INDEXES:
                    found += _names(_index(tar, entry))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DamagedArchiveError(str(error)) from None
    return tuple(dict.fromkeys(found))


def _index(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Any:
    if not entry.isreg() or entry.size > _INDEX_BYTES:
        raise DamagedArchiveError(f"{entry.name} is no file of a sensible size")
    stream = tar.extractfile(entry)
    try:
        return json.loads(stream.read()) if stream else None
    except (ValueError, RecursionError):
        raise DamagedArchiveError(f"{entry.name} is no JSON") from None


def _names(index: Any) -> Iterator[str]:
    """Docker's list of images, its older map of repositories, or OCI's index."""
    if isinstance(index, list):
        for image in index:
            tags = image.get("RepoTags") if isinstance(image, dict) else None
            yield from map(str, tags if isinstance(tags, list) else ())
    elif isinstance(index, dict) and "manifests" in index:
        for image in index["manifests"] if isinstance(index["manifests"], list) else ():
            notes = image.get("annotations") if isinstance(image, dict) else None
            said = notes if isinstance(notes, dict) else {}
            yield from (str(said[key]) for key in _NAME_KEYS if said.get(key))
    elif isinstance(index, dict):
        yield from (key for key, tags in index.items() if isinstance(tags, dict))


class _Reader(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is for nothing else."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill as much of `buffer` as one piece has; 0 at the end."""
        while not self._left:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        room = memoryview(buffer)
        size = min(len(room), len(self._left))
        room[:size], self._left = self._left[:size], self._left[size:]
        return size
