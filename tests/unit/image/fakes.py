"""An image store in memory, with what a test needs to look at."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ImageInfo
from openclaw_sandbox.engine.images import BuildStep
from openclaw_sandbox.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.engine.images import Belonging, BuildRequest
    from openclaw_sandbox.image.progress import Event


def image(image_id: str, *tags: str, created_at: str = "2026-01-01T00:00:00Z", **labels: str) -> ImageInfo:
    """An image with labels of ours: `role="image"` becomes `openclaw-sandbox.role`."""
    return ImageInfo(
        id=image_id,
        tags=tags,
        digests=(),
        size_bytes=1000,
        created_at=created_at,
        architecture="amd64",
        user="1000:1000",
        labels={f"openclaw-sandbox.{key}": value for key, value in labels.items()},
    )


def archive_of(image_id: str, tags: list[str] | None = None, **more: bytes) -> bytes:
    """What an engine saves, as far as anybody looks. `more` are files beside it."""
    manifest = json.dumps([{"Config": image_id, "RepoTags": tags, "Layers": []}]).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in {"layer.tar": b"x" * 5000, "manifest.json": manifest, **more}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@dataclass
class FakeStore:
    """Ids are `sha256:` and a counter. `registry` maps references to digests; empty: no registry answers."""

    images: dict[str, ImageInfo] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    fails: BaseException | None = None
    built: list[BuildRequest] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    in_use: dict[str, str] = field(default_factory=dict)
    gone: list[Belonging] = field(default_factory=list)

    def add(self, found: ImageInfo) -> ImageInfo:
        self.images[found.id] = found
        return found

    def _new(self, labels: Mapping[str, str], *tags: str) -> str:
        image_id = f"sha256:{len(self.images) + len(self.removed):064x}"
        self.add(replace(image(image_id, *tags), labels=dict(labels)))
        return image_id

    def find(self, reference: str) -> ImageInfo | None:
        for found in self.images.values():
            if reference == found.id or reference in found.tags or reference in found.digests:
                return found
        return None

    def labelled(self, label: str, *, intermediate: bool = False) -> list[ImageInfo]:
        key, _, value = label.partition("=")
        return [
            found
            for found in self.images.values()
            if key in found.labels and value in ("", found.labels[key])
        ]

    def registry_digest(self, reference: str, *, timeout_s: float) -> str:
        if reference not in self.registry:
            raise RegistryError(f"No image registry gave {reference}.")
        return self.registry[reference]

    def pull(self, name: str, digest: str, on_progress: Callable[[str], None]) -> str:
        image_id = self._new({})
        self.images[image_id] = replace(self.images[image_id], digests=(f"{name}@{digest}",))
        return image_id

    def import_rootfs(self, tar: Path, labels: Mapping[str, str]) -> str:
        return self._new(labels)

    def build(self, request: BuildRequest, listener: Callable[[BuildStep | str], None]) -> str:
        self.built.append(request)
        stage = {
            "openclaw-sandbox.role": "build",
            "openclaw-sandbox.build": request.arguments.get("BUILD_ID", ""),
        }
        self._new(stage)
        listener(BuildStep(number=1, of=2, instruction="FROM ${BASE} AS packages"))
        listener(BuildStep(number=2, of=2, instruction="RUN : installing packages; set -eu; apt-get update"))
        listener("a line")
        if self.fails is not None:
            raise self.fails
        return self._new({**stage, **request.labels})

    def tag(self, image_id: str, reference: str) -> None:
        for found in list(self.images.values()):
            kept = tuple(tag for tag in found.tags if tag != reference)
            self.images[found.id] = replace(found, tags=kept)
        target = self.images[image_id]
        self.images[image_id] = replace(target, tags=(*target.tags, reference))

    def remove(self, reference: str) -> str:
        found = self.find(reference)
        if found is None:
            return ""
        if reason := self.in_use.get(found.id):
            return reason
        del self.images[found.id]
        self.removed.append(found.id)
        return ""

    def save(self, image_id: str) -> Iterator[bytes]:
        yield archive_of(image_id)

    def load(self, archive: Iterable[bytes]) -> tuple[str, ...]:
        content = zlib.decompress(b"".join(archive), wbits=31)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            stream = tar.extractfile("manifest.json")
            assert stream is not None
            known = json.load(stream)[0]["Config"]
        labels = {
            "openclaw-sandbox.role": "image",
            "openclaw-sandbox.build": "b1",
            "openclaw-sandbox.recipe": "r1",
        }
        self.add(replace(image(known), labels=labels))
        return (known,)

    def belongings(self, label: str) -> list[Belonging]:
        return []

    def remove_belonging(self, belonging: Belonging) -> str:
        self.gone.append(belonging)
        return ""


@dataclass
class Ears:
    """A listener that remembers."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def texts(self, kind: str) -> list[str]:
        return [event.text for event in self.events if event.kind.value == kind]
