"""The helpers' image: the sandbox image with the code of this folder. Needs no network to be made."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.engine.images import BuildRequest
from openclaw_sandbox.errors import EngineError, ImageMissingError
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, IMAGE_ROLE, ImageName, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import ImageStore

#: The modules that run inside, as paths below the package.
_INSIDE = (
    "__init__.py",
    "policy/__init__.py",
    "policy/addresses.py",
    "policy/egress.py",
    *(
        f"egress/{name}.py"
        for name in (
            *("__init__", "entry", "forwarder", "gateway", "hello", "http", "logfile", "records", "relay"),
            *("request", "serving", "session", "settings", "socks", "tunnel", "upstream"),
        )
    ),
)
CODE_DIR = "/opt/openclaw-egress"
_MAIN = """\
import sys

from openclaw_sandbox.egress.entry import main

sys.exit(main(sys.argv[1:]))
"""
_DOCKERFILE = f"""\
ARG BASE
FROM ${{BASE}}
USER 0:0
COPY code {CODE_DIR}
RUN python3 -m compileall -q --invalidation-mode unchecked-hash {CODE_DIR}
USER 65534:65534
WORKDIR /
CMD []
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayImage:
    """What `make_image` came to. `action` is built or kept; `why` says so for a human."""

    reference: str
    name: str = "egress"
    action: str
    why: str
    image: ImageInfo
    seconds: float


@functools.cache
def _files() -> dict[str, bytes]:
    import h11

    package = Path(__file__).resolve().parent.parent
    files = {f"openclaw_sandbox/{name}": (package / name).read_bytes() for name in _INSIDE}
    library = Path(h11.__file__).parent
    files |= {f"h11/{path.name}": path.read_bytes() for path in sorted(library.glob("*.py"))}
    files["__main__.py"] = _MAIN.encode()
    return files


@functools.cache
def build_digest() -> str:
    """`sha256:...` over everything that goes into the image, the base excepted."""
    digest = hashlib.sha256(_DOCKERFILE.encode())
    for name, content in sorted(_files().items()):
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def _context() -> bytes:
    files = {f"code/{name}": content for name, content in _files().items()}
    files["Dockerfile"] = _DOCKERFILE.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def why_build(found: ImageInfo | None, base_id: str, *, force: bool = False) -> str:
    """Why the image must be made; empty when the one that is there will do."""
    if found is None:
        return "there is none yet"
    if force:
        return "--force"
    if found.labels.get(labels.RECIPE) != build_digest():
        return "its code has changed"
    return "" if found.labels.get(labels.BASE_DIGEST) == base_id else "its base has changed"


def make_image(
    images: ImageStore, *, force: bool = False, say: Callable[[str], None] = lambda _line: None
) -> GatewayImage:
    """Make the helpers' image from the sandbox image, unless it is up to date.

    Raises:
        ImageMissingError: there is no sandbox image to build on.
        VerbFailedError: the build failed. The old image is as it was.
    """
    started = time.monotonic()
    base = images.find(reference_of(ImageName.SANDBOX))
    if base is None:
        raise ImageMissingError(
            f"The image {reference_of(ImageName.SANDBOX)} is not on this machine.",
            hint="Make it: openclaw-sandbox setup",
        )
    old = images.find(GATEWAY_REFERENCE)
    why = why_build(old, base.id, force=force)
    if not why and old is not None:
        return GatewayImage(
            reference=GATEWAY_REFERENCE, action="kept", why="up to date", image=old, seconds=0.0
        )
    say(f"Building {GATEWAY_REFERENCE}: {why}.")
    image_id = images.build(_request(base), lambda _event: None)
    images.tag(image_id, GATEWAY_REFERENCE)
    if old is not None and old.id != image_id:
        images.remove(old.id)  # refused while a gateway still runs on it
    made = images.find(GATEWAY_REFERENCE)
    if made is None:
        raise EngineError(
            f"The image {GATEWAY_REFERENCE} has just been made, and the engine does not have it."
        )
    return GatewayImage(
        reference=GATEWAY_REFERENCE, action="built", why=why, image=made, seconds=time.monotonic() - started
    )


def _request(base: ImageInfo) -> BuildRequest:
    return BuildRequest(
        dockerfile="Dockerfile",
        context=_context(),
        arguments={"BASE": base.id},
        labels={
            labels.ROLE: IMAGE_ROLE,
            labels.VERSION: __version__,
            labels.RECIPE: build_digest(),
            labels.BASE_DIGEST: base.id,
            labels.BASE_SOURCE: f"image {reference_of(ImageName.SANDBOX)}",
            labels.SUITE: base.labels.get(labels.SUITE, ""),
            labels.TOOLS: "python3",
            labels.BUILT_AT: datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
