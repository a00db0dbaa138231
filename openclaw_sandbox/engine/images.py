"""The contract for what an engine keeps besides containers: images, networks, volumes.

`setup` is its only user. Every call has a deadline; the long ones (build, pull, save, load) bound the silence
between two signs of life. A call that is interrupted ends the engine's work too.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.engine.base import ImageInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One image build. `context` is a tar; arguments and context may hold passwords of proxies."""

    dockerfile: str  # its path inside the context
    context: bytes = field(repr=False)
    arguments: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStep:
    """A step has begun. Both numbers count from 1; `of` is the total."""

    number: int
    of: int
    instruction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A network or a volume."""

    kind: str  # "network" or "volume"
    id: str
    name: str
    labels: Mapping[str, str]


class ImageStore(Protocol):
    """What `setup` needs of a backend. Images are named by id (`sha256:...`) or by tag (`name:tag`)."""

    def find(self, reference: str) -> ImageInfo | None:
        """The local image; None if there is none."""
        ...

    def labelled(self, label: str, *, intermediate: bool = False) -> list[ImageInfo]:
        """All local images that carry the label ("key" or "key=value"), untagged ones too.

        `intermediate`: also those that are only a step on the way to another image.
        """
        ...

    def registry_digest(self, reference: str, *, timeout_s: float) -> str:
        """The digest a registry has for `reference` now. Nothing is fetched.

        Raises:
            RegistryError: no registry answered in time, or it has no such image.
        """
        ...

    def pull(self, name: str, digest: str, on_progress: Callable[[str], None]) -> str:
        """Fetch `name@digest`; the local id.

        Raises:
            RegistryError: the transfer failed.
        """
        ...

    def import_rootfs(self, tar: Path, labels: Mapping[str, str]) -> str:
        """Make an image of one root file system; its id. It has no tag, and no settings but the labels."""
        ...

    def build(self, request: BuildRequest, listener: Callable[[BuildStep | str], None]) -> str:
        """Build an untagged image; its id. No cache is used, no container is left.

        `listener` hears of each step that begins and of each line that is printed. Steps run in the network
        of the engine's host: a mirror or proxy that it reaches is reached from the build too.

        Raises:
            VerbFailedError: a step failed; the error names it and holds its last lines.
        """
        ...

    def tag(self, image_id: str, reference: str) -> None:
        """Give the image this name; an image that had it loses it."""
        ...

    def remove(self, reference: str) -> str:
        """Remove an image or, of one with several tags, this tag.

        Returns why it is still there ("in use by ..."), or nothing. An image that is gone already is fine.
        """
        ...

    def save(self, image_id: str) -> Iterator[bytes]:
        """The image as an archive that `load` reads, without tags."""
        ...

    def load(self, archive: Iterable[bytes]) -> tuple[str, ...]:
        """Take in what `save` wrote; the ids.

        Raises:
            VerbFailedError: not an archive of images, or a damaged one.
        """
        ...

    def belongings(self, label: str) -> list[Belonging]:
        """Networks and volumes that carry the label."""
        ...

    def remove_belonging(self, belonging: Belonging) -> str:
        """Remove it. Returns why it is still there, or nothing."""
        ...
