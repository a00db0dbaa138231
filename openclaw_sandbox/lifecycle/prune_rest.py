"""What `prune` removes besides containers: helpers, networks, volumes, images of old recipes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.image.recipes import BUILD_ROLE
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.prune import Doing, Step, Thing
from openclaw_sandbox.lifecycle.recreate import remove_unused_helpers
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import Belonging, ImageStore
    from openclaw_sandbox.lifecycle.fleet import Fleet


def prune_belongings(fleet: Fleet, images: ImageStore, *, dry_run: bool) -> list[Step]:
    """Networks and volumes of this state folder whose sandbox, or whose maker, is gone."""
    state = state_hash(str(fleet.state_dir))
    scopes = {found.labels.get(labels.SESSION_KEY) for found in fleet.containers()}
    steps = []
    for thing in images.belongings(f"{labels.STATE}={state}"):
        reason = _why_belonging_goes(thing, scopes, lambda owner: intents.owner_lives(fleet.state_dir, owner))
        if reason:
            step = Step(thing=Thing(thing.kind), doing=Doing.REMOVE, name=thing.name, reason=reason)
            steps.append(step if dry_run else _removed(step, partial(images.remove_belonging, thing)))
    return steps


def _why_belonging_goes(thing: Belonging, scopes: set[str | None], owner_lives: Callable[[str], bool]) -> str:
    scope, owner = thing.labels.get(labels.SESSION_KEY), thing.labels.get(labels.OWNER)
    if scope is not None:
        return "" if scope in scopes else "its sandbox is gone"
    if owner is not None:
        return "" if owner_lives(owner) else "whoever made it was killed"
    return ""


def prune_images(fleet: Fleet, images: ImageStore, *, dry_run: bool) -> list[Step]:
    """Images that `setup` made and has replaced since, unless a container or another image needs them."""
    used = {found.image_id for found in fleet.engine.list()}
    steps = []
    for image in old_images(images.labelled(labels.RECIPE), used):
        step = Step(
            thing=Thing.IMAGE,
            doing=Doing.REMOVE,
            name=image.id,
            reason=f"made {image.labels.get(labels.BUILT_AT, image.created_at)} and replaced since",
            size_bytes=image.size_bytes,
        )
        steps.append(step if dry_run else _removed(step, partial(images.remove, image.id)))
    return steps


def old_images(ours: Iterable[ImageInfo], used: set[str]) -> list[ImageInfo]:
    """Of the images with a recipe those without a name that nothing stands on, in the order in which they go.

    An image that a build is making has no name either; it says that it is a build's.
    """
    found = list(ours)
    nameless = [
        image
        for image in found
        if not image.tags and image.id not in used and image.labels.get(labels.ROLE) != BUILD_ROLE
    ]
    staying = [image for image in found if image not in nameless]
    needed = {image.labels.get(labels.BASE_DIGEST) for image in staying}
    going = [image for image in nameless if image.id not in needed]
    bases = {image.labels.get(labels.BASE_DIGEST) for image in going}
    return sorted(going, key=lambda image: image.id in bases)  # what stands on another goes before it


def _removed(step: Step, remove: Callable[[], str]) -> Step:
    try:
        kept = remove()
    except SandboxError as error:
        return replace(step, error=error)
    return replace(step, doing=Doing.KEEP, reason=kept) if kept else step


def prune_helpers(fleet: Fleet, *, dry_run: bool) -> list[Step]:
    """The ways out of sandboxes that are gone."""
    names = _unused_helpers(fleet) if dry_run else remove_unused_helpers(fleet)
    reason = "no sandbox needs it"
    return [Step(thing=Thing.HELPER, doing=Doing.REMOVE, name=name, reason=reason) for name in names]


def _unused_helpers(fleet: Fleet) -> list[str]:
    """What `remove_unused_helpers` would remove of this state folder."""
    from openclaw_sandbox.egress.helpers import FORWARDER_ROLE, GATEWAY_ROLE, KEY, without_sandbox

    everything = fleet.engine.list()
    state = state_hash(str(fleet.state_dir))
    forwarders = [found for found in everything if found.labels.get(labels.ROLE) == FORWARDER_ROLE]
    orphans = [
        found for found in without_sandbox(forwarders, everything) if found.labels.get(labels.STATE) == state
    ]
    needed = {found.labels.get(KEY) for found in forwarders if found not in orphans}
    gateways = [
        found
        for found in everything
        if found.labels.get(labels.ROLE) == GATEWAY_ROLE
        and found.labels.get(labels.STATE) == state
        and found.labels.get(KEY) not in needed
    ]
    return [found.name for found in (*orphans, *gateways)]
