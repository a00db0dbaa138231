"""Finished images as one file, for machines with no network.

A tar: `images/N.tar.gz` is what the engine saved, `openclaw-sandbox-bundle.json` at the end says what they
are, with a SHA-256 for each. The sums find damage; whether it is the bundle that somebody packed is told by
the digest that `--save` prints.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tarfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.image.archive import DamagedArchiveError, names_in
from openclaw_sandbox.image.build import retire
from openclaw_sandbox.image.host import DEBIAN_ARCHITECTURES
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, IMAGE_ROLE, ImageName, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import ImageStore
    from openclaw_sandbox.image.progress import Reporter

_MANIFEST = "openclaw-sandbox-bundle.json"
_FORMAT = 1
_CHUNK = 1 << 20
_BLOCK = 512  # of a tar
_MANIFEST_BYTES = 1 << 20  # more is no manifest of ours
#: A bundle gives these names and no other: it must not take those of anybody's images.
_REFERENCES = frozenset((*(reference_of(name) for name in ImageName), GATEWAY_REFERENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One image in a bundle. `build` and `recipe` are the labels by which it is known again once loaded."""

    reference: str
    id: str
    architecture: str
    build: str
    recipe: str
    file: str
    size_bytes: int
    sha256: str


# ---- the manifest


def render_manifest(packed: Sequence[Packed]) -> bytes:
    """The manifest's bytes."""
    return json.dumps({"format": _FORMAT, "images": [asdict(item) for item in packed]}, indent=1).encode()


def parse_manifest(text: bytes) -> tuple[Packed, ...]:
    """The manifest as values.

    Raises:
        ValueError: it is not one that this version understands; the message says why.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("its manifest is nested too deeply") from None
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        raise ValueError("its format is of another version")
    try:
        packed = tuple(_packed(item) for item in value["images"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"its manifest is incomplete ({error})") from None
    if not packed:
        raise ValueError("it holds no image")
    return packed


def _packed(item: dict[str, Any]) -> Packed:
    words = {
        key: str(item[key])
        for key in ("reference", "id", "architecture", "build", "recipe", "file", "sha256")
    }
    return Packed(size_bytes=int(item["size_bytes"]), **words)


# ---- writing


def save_bundle(
    images: ImageStore, wanted: Sequence[tuple[str, ImageInfo]], path: Path, report: Reporter
) -> str:
    """Write the images (reference, image) to `path`; the file's own SHA-256. The file appears when whole.

    Raises:
        UsageError: the folder does not exist or may not be written to.
        VerbFailedError: the disk is full.
    """
    _sweep_parts(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as out:
            packed = []
            for number, (reference, image) in enumerate(wanted):
                report.step(f"saving {reference}", number=number + 1, of=len(wanted))
                packed.append(_save_one(images, reference, image, f"images/{number}.tar.gz", out))
            manifest = render_manifest(packed)
            out.write(_header(_MANIFEST, len(manifest)) + manifest + _padding(len(manifest)))
            out.write(b"\0" * 2 * _BLOCK)
        digest = _sha256_of(part)
        part.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return digest


def _sweep_parts(path: Path) -> None:
    """Remove what writers of this bundle left who were killed."""
    with contextlib.suppress(OSError):
        for part in path.parent.iterdir():
            found = re.fullmatch(rf"\.{re.escape(path.name)}\.(\d+)\.part", part.name)
            if found and not Path(f"/proc/{found[1]}").exists():
                part.unlink()


def _save_one(images: ImageStore, reference: str, image: ImageInfo, name: str, out: IO[bytes]) -> Packed:
    start = out.tell()
    out.write(b"\0" * _BLOCK)  # its header, once the size is known
    digest = hashlib.sha256()
    size = 0
    for chunk in _gzip(images.save(image.id)):
        digest.update(chunk)
        size += out.write(chunk)
    out.write(_padding(size))
    end = out.tell()
    out.seek(start)
    out.write(_header(name, size))
    out.seek(end)
    return Packed(
        reference=reference,
        id=image.id,
        architecture=image.architecture,
        build=image.labels.get(labels.BUILD, ""),
        recipe=image.labels.get(labels.RECIPE, ""),
        file=name,
        size_bytes=size,
        sha256=digest.hexdigest(),
    )


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=3, wbits=31)  # 31: with gzip's frame; level 3: a third of the size in 3 s
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % _BLOCK)


def _cannot_write(path: Path, error: OSError) -> UsageError | VerbFailedError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return VerbFailedError(
            f"The disk is full: {path} was not written.",
            hint="Free some space, or name a file on a larger disk.",
        )
    return UsageError(f"--save: {path} cannot be written: {error.strerror}.")


# ---- reading


def load_bundle(
    images: ImageStore, path: Path, *, needed: Sequence[str], architecture: str, report: Reporter
) -> tuple[Packed, ...]:
    """Check the whole file, then load its images and give them their names. All of them, or none.

    `needed` are references that it must hold, `architecture` is Debian's word.

    Raises:
        UsageError: not a bundle, one for another architecture, or one without an image that is needed.
        VerbFailedError: damaged, or the engine did not take it.
    """
    with _opened(path) as tar:
        packed = _manifest_of(tar, path)
        _check_fit(packed, path, needed, architecture)
        for item in packed:
            report.step(f"checking {item.reference}, sha256:{item.sha256}")
            _verify(tar, item, path)
        had = {image.id for image in images.labelled(labels.ROLE)}
        loaded: list[str] = []
        try:
            for number, item in enumerate(packed):
                report.step(f"loading {item.reference}", number=number + 1, of=len(packed))
                loaded.append(_load_one(images, tar, item))
        except BaseException:
            _unload(images, {image.id for image in images.labelled(labels.ROLE)} - had)
            raise
    for item, image_id in zip(packed, loaded, strict=True):
        _name(images, image_id, item.reference)
    return packed


def bundle_contents(path: Path) -> tuple[Packed, ...]:
    """What a bundle says it holds; only its manifest is read.

    Raises:
        UsageError: not a bundle.
    """
    with _opened(path) as tar:
        return _manifest_of(tar, path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise UsageError(
            f"--base: {path} is no bundle: it is not a tar file, or a damaged one ({error}).", hint=_MAKE_ONE
        ) from None
    except EOFError:
        raise _damaged(path, "it ends too early") from None
    except OSError as error:
        raise UsageError(f"--base: {path} cannot be read: {error.strerror or error}.") from None


_MAKE_ONE = "Make one where there is a network: openclaw-sandbox setup --save bundle.tar"


def _manifest_of(tar: tarfile.TarFile, path: Path) -> tuple[Packed, ...]:
    try:
        entry = tar.getmember(_MANIFEST)
        stream = tar.extractfile(entry)
    except KeyError:
        raise UsageError(
            f"--base: {path} is no bundle: it holds no {_MANIFEST}, or it ends too early.", hint=_MAKE_ONE
        ) from None
    if stream is None or entry.size > _MANIFEST_BYTES:
        raise UsageError(
            f"--base: {path} is no bundle: its manifest is no file of a sensible size.", hint=_MAKE_ONE
        )
    try:
        return parse_manifest(stream.read())
    except ValueError as error:
        raise UsageError(f"--base: {path} is no bundle for this version: {error}.", hint=_MAKE_ONE) from None


def _check_fit(packed: Sequence[Packed], path: Path, needed: Sequence[str], architecture: str) -> None:
    for item in packed:
        if DEBIAN_ARCHITECTURES.get(item.architecture, item.architecture) != architecture:
            raise UsageError(
                f"--base: {path} was made for {item.architecture}, and this engine runs {architecture}."
            )
        if item.reference not in _REFERENCES:
            raise UsageError(
                f"--base: {path} holds {item.reference!r}, which is no image of this tool.", hint=_MAKE_ONE
            )
    missing = sorted(set(needed) - {item.reference for item in packed})
    if missing:
        raise UsageError(f"--base: {path} does not hold {', '.join(missing)}.", hint=_MAKE_ONE)


def _chunks(tar: tarfile.TarFile, item: Packed, path: Path | str) -> Iterator[bytes]:
    try:
        stream = tar.extractfile(item.file)
    except KeyError:
        stream = None
    if stream is None:
        raise _damaged(path, f"{item.file} is missing")
    while chunk := stream.read(_CHUNK):
        yield chunk


def _verify(tar: tarfile.TarFile, item: Packed, path: Path) -> None:
    digest = hashlib.sha256()
    size = 0
    for chunk in _chunks(tar, item, path):
        digest.update(chunk)
        size += len(chunk)
    if size != item.size_bytes or digest.hexdigest() != item.sha256:
        raise _damaged(path, f"the contents of {item.file} are not what its manifest says")
    try:
        names = [
            name for name in names_in(_chunks(tar, item, path)) if name not in _own_names(item.reference)
        ]
    except DamagedArchiveError as error:
        raise _damaged(path, f"{item.file} is no archive of an image: {error}") from None
    if names:
        raise VerbFailedError(
            f"The bundle {path} would give names of its own to images: {', '.join(names[:3])}. "
            "Nothing was loaded.",
            hint=_MAKE_ONE,
        )


def _own_names(reference: str) -> frozenset[str]:
    """How an engine may spell, in the archive of an image, the name that it gets anyway."""
    return frozenset({reference, f"docker.io/library/{reference}", reference.rpartition(":")[2]})


def _load_one(images: ImageStore, tar: tarfile.TarFile, item: Packed) -> str:
    ids = images.load(_chunks(tar, item, item.file))
    image = images.find(ids[0]) if len(ids) == 1 else None
    # The id of an image differs between the engine's two kinds of store; its labels do not.
    known = image is not None and (
        image.labels.get(labels.ROLE) == IMAGE_ROLE
        and image.labels.get(labels.BUILD, "") == item.build
        and image.labels.get(labels.RECIPE, "") == item.recipe
    )
    if image is None or not known:
        _unload(images, ids)
        raise VerbFailedError(
            f"The bundle does not hold what its manifest says: {item.reference} is another image."
        )
    return image.id


def _unload(images: ImageStore, ids: Iterable[str]) -> None:
    """Remove what was just loaded. What has a name was there before: bundles carry none."""
    for image_id in ids:
        image = images.find(image_id)
        if image is not None and not image.tags:
            images.remove(image_id)


def _name(images: ImageStore, image_id: str, reference: str) -> None:
    old = images.find(reference)
    images.tag(image_id, reference)
    if old is not None and old.id != image_id:
        retire(images, old)


def _damaged(path: Path | str, what: str) -> VerbFailedError:
    return VerbFailedError(
        f"The bundle {path} is damaged: {what}. Nothing was loaded.", hint="Copy it again."
    )


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
