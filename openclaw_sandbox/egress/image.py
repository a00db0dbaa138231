"""The helpers' image: the sandbox image with the code of this folder. Needs no network to be made."""

from __future__ import annotations

import functools
import hashlib
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.engine.images import BuildRequest
from openclaw_sandbox.errors import EngineError, ImageMissingError
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, IMAGE_ROLE, ImageName, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import ImageStore
    from openclaw_sandbox.image.outcome import Outcome
    from openclaw_sandbox.image.progress import Reporter
    from openclaw_sandbox.image.setup import Bench, Request

#: The modules that run inside, as paths below the package.
_INSIDE = (
    "__init__.py",
    "policy/__init__.py",
    "policy/addresses.py",
    "policy/egress.py",
    *(
        f"egress/{name}.py"
        for name in (
            *(
                "__init__",
                "ends",
                "entry",
                "forwarder",
                "gateway",
                "hello",
                "http",
                "logfile",
                "records",
                "relay",
            ),
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
    import io
    import tarfile

    files = {f"code/{name}": content for name, content in _files().items()}
    files["Dockerfile"] = _DOCKERFILE.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def why_build(found: ImageInfo | None, base: ImageInfo, *, force: bool = False) -> str:
    """Why the image must be made; empty when the one that is there will do."""
    if found is None:
        return "there is none yet"
    if force:
        return "--force"
    if found.labels.get(labels.RECIPE) != build_digest():
        return "its code has changed"
    return "" if _stands_on(found, base) else "its base has changed"


def _stands_on(found: ImageInfo, base: ImageInfo) -> bool:
    """By the base's id or, as ids differ between the engine's two kinds of store, by its build."""
    if found.labels.get(labels.BASE_DIGEST) == base.id:
        return True
    build = base.labels.get(labels.BUILD)
    ours = base.labels.get(labels.ROLE) == IMAGE_ROLE
    return ours and bool(build) and found.labels.get(labels.BUILD) == build


def plan_image(bench: Bench, request: Request) -> tuple[str, ...]:
    """What `setup` would do about the helpers' image, beyond what is in a bundle. Changes nothing."""
    why = _why_planned(bench, request)
    if why is None:
        return ()
    return (f"build {GATEWAY_REFERENCE}: {why}" if why else f"keep {GATEWAY_REFERENCE}: it is up to date",)


def _why_planned(bench: Bench, request: Request) -> str | None:
    """Why it would be built, empty if it would be kept, None if it comes with the bundle."""
    from openclaw_sandbox.image.bundle import bundle_contents
    from openclaw_sandbox.image.setup import why_made

    if request.base.bundle is not None:
        packed = {item.reference: item for item in bundle_contents(request.base.bundle)}
        if GATEWAY_REFERENCE not in packed:
            return "the bundle holds none"
        return None if packed[GATEWAY_REFERENCE].recipe == build_digest() else "its code has changed"
    base = bench.images.find(reference_of(ImageName.SANDBOX))
    if base is None or why_made(bench, request, ImageName.SANDBOX) is not None:
        return "its base will be new"
    return why_build(bench.images.find(GATEWAY_REFERENCE), base, force=request.force)


def make_image(images: ImageStore, report: Reporter, *, force: bool = False) -> Outcome:
    """Make the helpers' image from the sandbox image, unless it is up to date.

    A sandbox image that was replaced stays, nameless, under the helpers' old image: both go here.

    Raises:
        ImageMissingError: there is no sandbox image to build on.
        VerbFailedError: the build failed. The old image is as it was.
    """
    from openclaw_sandbox.image.build import Told, retire
    from openclaw_sandbox.image.outcome import Outcome

    started = time.monotonic()
    base = images.find(reference_of(ImageName.SANDBOX))
    if base is None:
        raise ImageMissingError(
            f"The image {reference_of(ImageName.SANDBOX)} is not on this machine.",
            hint="Make it: openclaw-sandbox setup",
        )
    old = images.find(GATEWAY_REFERENCE)
    why = why_build(old, base, force=force)
    done = partial(Outcome, name="egress", reference=GATEWAY_REFERENCE)
    if not why and old is not None:
        report.done(f"{GATEWAY_REFERENCE} is up to date: nothing to build")
        return done(action="kept", why="up to date", image=old, seconds=0.0)
    report.note(f"Building {GATEWAY_REFERENCE}: {why}.")
    image_id = images.build(_request(base), Told(report))
    images.tag(image_id, GATEWAY_REFERENCE)
    if old is not None and old.id != image_id:
        retire(images, old)  # refused while a gateway still runs on it
    made = images.find(GATEWAY_REFERENCE)
    if made is None:
        raise EngineError(
            f"The image {GATEWAY_REFERENCE} has just been made, and the engine does not have it."
        )
    report.done(f"{GATEWAY_REFERENCE}: {made.id}")
    return done(action="built", why=why, image=made, seconds=time.monotonic() - started)


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
