"""One image built from its recipe: labelled, then named; what the build left behind is removed."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.engine.images import BuildRequest, BuildStep
from openclaw_sandbox.image.context import build_context
from openclaw_sandbox.image.held import abandoned_builds, build_lock, is_abandoned
from openclaw_sandbox.image.host import proxy_settings
from openclaw_sandbox.image.recipes import BUILD_ROLE, IMAGE_ROLE
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import ImageStore
    from openclaw_sandbox.image.aptfiles import AptFiles
    from openclaw_sandbox.image.base import Base
    from openclaw_sandbox.image.progress import Reporter
    from openclaw_sandbox.image.recipes import Recipe

#: A build that is this old has been given up, whoever started it.
_STALE = timedelta(hours=2)
#: How long the engine may take to end a build that was interrupted.
_SETTLE_S = 5.0
#: The id of no build.
_NOBODY = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What goes into one image."""

    recipe: Recipe
    base: Base
    apt: AptFiles
    env: Mapping[str, str]
    build_id: str


def build_image(images: ImageStore, build: Build, report: Reporter) -> str:
    """Build, then move the name; its id. Until that moment the old image keeps the name.

    Raises:
        VerbFailedError: a step failed. The old image is as it was, and nothing new is left.
    """
    done = False
    try:
        image_id = images.build(_request(build), Told(report))
        old = images.find(build.recipe.reference)
        images.tag(image_id, build.recipe.reference)
        done = True
    finally:
        sweep(images, build.build_id, patient=not done)
    if old is not None and old.id != image_id and "container" in retire(images, old):
        report.note("Existing containers keep the old image until they are recreated.")
    return image_id


def _request(build: Build) -> BuildRequest:
    return BuildRequest(
        dockerfile=build.recipe.dockerfile,
        context=build_context(build.recipe, build.apt),
        # Docker knows the names of proxy variables, and keeps their values out of the image's history.
        arguments={"BASE": build.base.image_id, "BUILD_ID": build.build_id, **proxy_settings(build.env)},
        labels={
            labels.ROLE: IMAGE_ROLE,
            labels.VERSION: __version__,
            labels.RECIPE: build.recipe.digest,
            labels.BASE_DIGEST: build.base.image_id,
            labels.BASE_SOURCE: build.base.source,
            labels.SUITE: build.base.suite,
            labels.BUILT_AT: datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def retire(images: ImageStore, old: ImageInfo) -> str:
    """Remove an image of ours that has lost its name; then what it was built on, if that has lost its own.

    Until its child goes, the engine keeps a base that was replaced. Returns why `old` is still there, or
    nothing.
    """
    if old.labels.get(labels.ROLE) != IMAGE_ROLE:
        return ""
    if reason := images.remove(old.id):
        return reason
    base_id = old.labels.get(labels.BASE_DIGEST)
    base = images.find(base_id) if base_id else None
    if base is not None and not base.tags:
        retire(images, base)
    return ""


def stage_labels(build_id: str) -> dict[str, str]:
    """The labels of what a build makes on its way; `sweep` removes what carries them."""
    return {labels.ROLE: BUILD_ROLE, labels.BUILD: build_id}


class Told:
    """Passes a build's steps on; those that only set a word of the image's settings are not worth a line.

    A step of our recipes begins with its title: `RUN : words; ...`.
    """

    _SHOWN = ("FROM", "COPY", "RUN")

    def __init__(self, report: Reporter) -> None:
        self._report = report

    def __call__(self, event: BuildStep | str) -> None:
        if isinstance(event, str):
            self._report.output(event)
        elif event.instruction.startswith(self._SHOWN):
            title = re.match(r"RUN : ([^;]+);", event.instruction)
            self._report.step(title[1] if title else event.instruction, number=event.number, of=event.of)


def sweep(images: ImageStore, build_id: str | None, *, patient: bool = False) -> None:
    """Remove what builds leave: the stages of this one (None: of all), and of those that were killed.

    `patient`: the build was broken off, and the engine may need a moment to let go of its last container.
    """
    deadline = time.monotonic() + (_SETTLE_S if patient else 0)
    found = images.labelled(f"{labels.ROLE}={BUILD_ROLE}", intermediate=True)
    killed = _killed({image.labels.get(labels.BUILD, "") for image in found})
    left = _remove_all(images, stages(found, build_id, killed))
    while any("container" in reason for reason in left.values()) and time.monotonic() < deadline:
        time.sleep(0.5)
        left = _remove_all(images, left)


def sweep_killed(images: ImageStore) -> None:
    """Remove what this user's killed builds left. Asks the engine only if there was one."""
    if locks := abandoned_builds():
        sweep(images, _NOBODY)
        for lock in locks:
            lock.unlink(missing_ok=True)


def _killed(build_ids: Iterable[str]) -> set[str]:
    """Those that ended without letting go. A label that is no id of ours names no file."""
    return {said for said in build_ids if re.fullmatch(r"[0-9a-f]+", said) and is_abandoned(build_lock(said))}


def _remove_all(images: ImageStore, ids: Iterable[str]) -> dict[str, str]:
    """Remove in rounds, because a child must go before its parent; what is left, with the reasons."""
    pending = list(ids)
    while True:
        left = {image_id: reason for image_id in pending if (reason := images.remove(image_id))}
        if not left or len(left) == len(pending):
            return left
        pending = list(left)


def stages(
    found: Iterable[ImageInfo], build_id: str | None, killed: Collection[str] = frozenset()
) -> list[str]:
    """Which stage images may be removed, newest first: whose build is over by its id, or by its age.

    Pure but for the clock.
    """
    horizon = (datetime.now(UTC) - _STALE).isoformat()
    mine = [
        image
        for image in found
        if build_id is None
        or image.labels.get(labels.BUILD) in {build_id, *killed}
        or image.created_at < horizon
    ]
    return [image.id for image in sorted(mine, key=lambda image: image.created_at, reverse=True)]
