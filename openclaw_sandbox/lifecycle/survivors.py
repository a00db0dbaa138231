"""Which of the containers that exist belong to this state folder, by what they carry themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from openclaw_sandbox.lifecycle.look import sandbox_containers
from openclaw_sandbox.lifecycle.registry import Entry, Kind
from openclaw_sandbox.lifecycle.settle import entry_of, what_for
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, Observed


def survivors_of(engine: Engine, state_dir: Path) -> Callable[[Kind], list[Entry]]:
    """For `Registry`: asks the engine when, and only when, a file must be rebuilt."""
    return lambda kind: entries_of(sandbox_containers(engine), state_dir, kind)


def entries_of(containers: Iterable[Observed], state_dir: Path, kind: Kind) -> list[Entry]:
    """The entries that the labels of this state folder's containers give, as used just now.

    When a container was last used, no label tells; "just now" is what OpenClaw takes for unknown, too.
    """
    now_ms = time.time_ns() // 1_000_000
    return [
        entry_of(container, now_ms=now_ms)
        for container in containers
        if kind_of(container) is kind and not what_for(container) and is_ours(container, state_dir)
    ]


def kind_of(container: Observed) -> Kind:
    """A sandbox or a browser."""
    return Kind.BROWSER if container.labels.get(labels.BROWSER) == "1" else Kind.CONTAINER


def is_ours(container: Observed, state_dir: Path) -> bool:
    """Whether a labelled container belongs to this state folder: it says so, or mounts something of it.

    OpenClaw itself does not label its containers with a state folder.
    """
    owner = container.labels.get(labels.STATE)
    if owner is not None:
        return owner == state_hash(str(state_dir))
    inside = f"{state_dir}/"
    return any(mount.kind == "bind" and mount.source.startswith(inside) for mount in container.mounts)
