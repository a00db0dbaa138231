"""The images this tool makes: names, Dockerfiles, and the digest that tells when one is outdated."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from openclaw_sandbox.spec.data import data_text

#: The release the recipes are written for. Others work as long as they have the packages.
DEFAULT_SUITE = "bookworm"
#: What a build stage, and an image that is done, carry in the label ROLE.
BUILD_ROLE, IMAGE_ROLE = "build", "image"


class ImageName(enum.Enum):
    """The images, each built on the one before."""

    SANDBOX = "sandbox"
    COMMON = "common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image is made. `digest` changes whenever the same base would give another image."""

    name: ImageName
    reference: str
    dockerfile: str
    text: str

    @property
    def digest(self) -> str:
        """`sha256:...` over the Dockerfile. The base has a label of its own."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


_FILES = {
    ImageName.SANDBOX: ("openclaw-sandbox:bookworm-slim", "Dockerfile.sandbox"),
    ImageName.COMMON: ("openclaw-sandbox-common:bookworm-slim", "Dockerfile.sandbox-common"),
}


#: The image of the egress helpers. The room `egress` makes it from the sandbox image.
GATEWAY_REFERENCE = "openclaw-sandbox-egress:bookworm-slim"


def recipe(name: ImageName) -> Recipe:
    """The recipe of an image, from the shipped files.

    Raises:
        SandboxError: the installation is damaged.
    """
    reference, dockerfile = _FILES[name]
    return Recipe(name=name, reference=reference, dockerfile=dockerfile, text=data_text(dockerfile))


def reference_of(name: ImageName) -> str:
    """The name and tag under which an image is kept."""
    return _FILES[name][0]


def base_reference(suite: str) -> str:
    """What a release of Debian is called in an image registry."""
    return f"debian:{suite}-slim"
