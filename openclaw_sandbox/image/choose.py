"""Which base, and is there anything to do? Pure decisions about what `setup` found."""

from __future__ import annotations

import difflib
import enum
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.image.recipes import IMAGE_ROLE, ImageName
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.image.recipes import Recipe


class BaseKind(enum.Enum):
    """Where a base image can come from."""

    AUTO = "auto"
    LOCAL = "local"
    REGISTRY = "registry"
    BOOTSTRAP = "bootstrap"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChoice:
    """`--base`; `bundle` is set for BUNDLE alone."""

    kind: BaseKind = BaseKind.AUTO
    bundle: Path | None = None

    @property
    def attempts(self) -> tuple[BaseKind, ...]:
        """What to try, in order."""
        if self.kind is BaseKind.AUTO:
            return (BaseKind.LOCAL, BaseKind.REGISTRY, BaseKind.BOOTSTRAP)
        return (self.kind,)


_WORDS = tuple(kind.value for kind in BaseKind if kind is not BaseKind.BUNDLE)


def parse_base(text: str) -> BaseChoice:
    """`auto`, `local`, `registry`, `bootstrap`, or the path of a bundle.

    Raises:
        UsageError: none of these.
    """
    if text in _WORDS:
        return BaseChoice(kind=BaseKind(text))
    path = Path(text)
    if path.is_file():
        return BaseChoice(kind=BaseKind.BUNDLE, bundle=path)
    if "/" in text or ".tar" in text:
        raise UsageError(
            f"--base: the file {text} does not exist.",
            hint="`openclaw-sandbox setup --save bundle.tar` writes one, on a machine with a network.",
        )
    near = difflib.get_close_matches(text, _WORDS, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"--base: {text!r} is no source of a base image.",
        hint=f"{guess}Use {', '.join(_WORDS)}, or the path of a bundle made by `setup --save`.",
    )


def parse_suite(text: str) -> str:
    """A release's name: it becomes a word of other programs' command lines, and a part of URLs and names.

    Raises:
        UsageError: it cannot be one.
    """
    if re.fullmatch(r"[a-z][a-z0-9.]*(-[a-z0-9.]+)*", text):
        return text
    raise UsageError(
        f"--suite: {text!r} is not the name of a release.",
        hint="It is one word in small letters, such as bookworm or trixie.",
    )


def parse_architecture(text: str) -> str:
    """An architecture's name, as the distribution's packages have it; it goes where a release's name goes.

    Raises:
        UsageError: it cannot be one.
    """
    if re.fullmatch(r"[a-z][a-z0-9-]*", text):
        return text
    raise UsageError(
        f"--arch: {text!r} is not the name of an architecture.",
        hint="Write it as Debian does: amd64, arm64.",
    )


def parse_image(text: str) -> ImageName:
    """The image of this name.

    Raises:
        UsageError: there is none.
    """
    names = [name.value for name in ImageName]
    if text in names:
        return ImageName(text)
    near = difflib.get_close_matches(text, names, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"--image: there is no image {text!r}.", hint=f"{guess}Use {' or '.join(names)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What the command line asks of one image."""

    recipe: Recipe
    base: BaseChoice
    suite: str | None  # None: nobody said
    force: bool
    #: The image id of the base, where it is known without fetching anything.
    base_id: str | None = None


def why_build(want: Want, found: ImageInfo | None) -> str | None:
    """Why the image must be built; None when the one that is there will do."""
    if found is None:
        return "there is none yet"
    said = found.labels
    if said.get(labels.ROLE) != IMAGE_ROLE:
        return "the image of that name was not made by this tool"
    if want.force:
        return "--force"
    if said.get(labels.RECIPE) != want.recipe.digest:
        return "the recipe has changed"
    if want.suite is not None and said.get(labels.SUITE) != want.suite:
        return f"it holds {said.get(labels.SUITE, 'another release')}, not {want.suite}"
    if want.base_id is not None and said.get(labels.BASE_DIGEST) != want.base_id:
        return "its base has changed"
    source = said.get(labels.BASE_SOURCE, "").partition(" ")[0]
    if want.base.kind not in (BaseKind.AUTO, BaseKind.BUNDLE) and source != want.base.kind.value:
        return f"its base came from {source or 'elsewhere'}, not from {want.base.kind.value}"
    return None
