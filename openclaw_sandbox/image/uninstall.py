"""`setup --uninstall`: what this tool made on the engine, and what of it may go. Never what others made."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.images import Belonging
from openclaw_sandbox.image.build import sweep
from openclaw_sandbox.image.recipes import BUILD_ROLE, GATEWAY_REFERENCE, IMAGE_ROLE, ImageName, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openclaw_sandbox.engine.base import Engine, ImageInfo, Observed
    from openclaw_sandbox.engine.images import ImageStore


_REFERENCES = frozenset((*(reference_of(name) for name in ImageName), GATEWAY_REFERENCE))


class Thing(enum.Enum):
    """What can be removed, in the order in which it goes."""

    CONTAINER = "container"
    NETWORK = "network"
    VOLUME = "volume"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing of ours. `kept` says why it stays; empty: it goes."""

    thing: Thing
    id: str
    name: str
    kept: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The preview, and after `remove` the result. `failed`: something was to go and is still there."""

    items: tuple[Item, ...]
    failed: bool = False

    @property
    def going(self) -> tuple[Item, ...]:
        """What is, or was, to be removed."""
        return tuple(item for item in self.items if not item.kept)

    @property
    def staying(self) -> tuple[Item, ...]:
        """What stays, with reasons."""
        return tuple(item for item in self.items if item.kept)


def find_all(engine: Engine, images: ImageStore, *, state: str) -> Removal:
    """Everything on this engine with a label of this tool. `state` is the hash of this state folder."""
    return plan_removal(
        containers=engine.list(),
        images=images.labelled(labels.ROLE),
        belongings=images.belongings(labels.ROLE),
        state=state,
        exists=_exists,
    )


def plan_removal(
    *,
    containers: Iterable[Observed],
    images: Iterable[ImageInfo],
    belongings: Iterable[Belonging],
    state: str,
    exists: Callable[[str], bool],
) -> Removal:
    """What goes and what stays. Pure: `exists` tells whether a state folder is still there.

    Containers of another state folder stay, with the images they need, and so do its networks and volumes.
    Containers without a label of ours are never touched; an image that one of them uses stays too.
    """
    found = list(containers)
    ours = [_container(item, state, exists) for item in found if _is_ours(item)]
    kept_ids = {item.id for item in ours if item.kept}
    users = {
        item.image_id: f"{'the sandbox' if _is_ours(item) else 'the container'} {item.name} uses it"
        for item in found
        if not _is_ours(item) or item.id in kept_ids
    }
    return Removal(
        items=(
            *ours,
            *(_belonging(item, state, exists) for item in belongings),
            *(_image(image, users) for image in images if image.labels.get(labels.ROLE) != BUILD_ROLE),
        )
    )


def _image(image: ImageInfo, users: Mapping[str, str]) -> Item:
    """An image built on ours inherits its labels, so the name decides too."""
    named = [tag for tag in image.tags if tag in _REFERENCES]
    kept = users.get(image.id, "")
    if image.tags and not named:
        kept = "it has a name that this tool does not give"
    return Item(thing=Thing.IMAGE, id=image.id, name=", ".join(named or image.tags) or image.id, kept=kept)


def _is_ours(container: Observed) -> bool:
    """Every container has the labels of its image, so those of our images tell nothing: anybody runs them."""
    role = container.labels.get(labels.ROLE, IMAGE_ROLE)
    return labels.STATE in container.labels or role != IMAGE_ROLE


def _container(item: Observed, state: str, exists: Callable[[str], bool]) -> Item:
    return Item(thing=Thing.CONTAINER, id=item.id, name=item.name, kept=_foreign(item.labels, state, exists))


def _belonging(item: Belonging, state: str, exists: Callable[[str], bool]) -> Item:
    return Item(thing=Thing(item.kind), id=item.id, name=item.name, kept=_foreign(item.labels, state, exists))


def _foreign(said: Mapping[str, str], state: str, exists: Callable[[str], bool]) -> str:
    """Why a thing belongs to another state folder; empty if it is ours, nobody's, or its folder is gone."""
    owner, folder = said.get(labels.STATE, ""), said.get(labels.STATE_DIR, "")
    if owner in ("", state) or (folder and not exists(folder)):
        return ""
    return f"it belongs to the state folder {folder or owner}"


def _exists(folder: str) -> bool:
    try:
        return Path(folder).exists()
    except OSError:  # not ours to look into: then it is somebody's
        return True


def remove(removal: Removal, engine: Engine, images: ImageStore, said: Callable[[Item], None]) -> Removal:
    """Remove what is going, containers first; the result says what stayed after all, and why."""
    done: list[Item] = [*removal.staying]
    for item in removal.going:
        reason = _remove_one(item, engine, images)
        result = Item(thing=item.thing, id=item.id, name=item.name, kept=reason)
        said(result)
        done.append(result)
    sweep(images, None)
    return Removal(items=tuple(done), failed=any(item.kept for item in done[len(removal.staying) :]))


def _remove_one(item: Item, engine: Engine, images: ImageStore) -> str:
    if item.thing is Thing.CONTAINER:
        engine.remove(item.id, force=True)
        return ""
    if item.thing is Thing.IMAGE:
        return images.remove(item.name)
    return images.remove_belonging(Belonging(kind=item.thing.value, id=item.id, name=item.name, labels={}))
