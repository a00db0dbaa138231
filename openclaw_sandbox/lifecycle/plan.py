"""Desired and observed to actions. Pure: whoever carries the plan out decides nothing."""

from __future__ import annotations

import enum
import re
from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import SandboxConflictError, SandboxError
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.lifecycle.registry import Entry

#: A container used so lately is in the middle of somebody's work, as OpenClaw sees it.
HOT_WINDOW_MS = 5 * 60 * 1000
#: What may wait until a container cools down. Everything else protects the host, and does not wait.
_CAN_WAIT = frozenset({"image", "environment", "config"})


class OnBusy(enum.Enum):
    """What to do when the container must be replaced and a command runs in it."""

    REFUSE = "refuse"
    WAIT = "wait"  # until no command runs in it
    NEW = "new"  # leave that one to its command, and make a new one
    USE = "use"  # as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What must be there: the name, the spec's hash (whole and by part), and whose state folder it is."""

    name: str
    spec_hash: str
    config_hash: str
    state_hash: str
    state_dir: str
    workdir: str
    workspace_dir: str
    version: str
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """There is no container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The container runs and is used. `stale`: why it is not quite what it must be; it is replaced later."""

    id: str
    stale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The container is as it must be, and does not run."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recreate:
    """The container is ours and not as it must be. `busy`: a command runs in it now."""

    id: str
    reason: str
    busy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The name belongs to somebody else."""

    error: SandboxError


Action = Create | Keep | Start | Recreate | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a container differs from the desired one. `can_wait`: nothing that protects the host differs."""

    reason: str
    parts: tuple[str, ...] = ()
    can_wait: bool = False


def plan_ensure(
    desired: Desired, observed: Observed | None, *, entry: Entry | None = None, now_ms: int = 0
) -> Action:
    """What must happen so that the desired container runs.

    `entry` is what the registry remembers of it. `observed` comes from `inspect`: it tells what runs inside.
    """
    if observed is None:
        return Create()
    if (error := whose(desired, observed, entry)) is not None:
        return Refuse(error=error)
    found = drift(desired, observed)
    busy = observed.running and bool(observed.exec_ids)
    if found is not None:
        if observed.running and found.can_wait and (busy or is_hot(entry, now_ms)):
            return Keep(id=observed.id, stale=found.reason)
        return Recreate(id=observed.id, reason=found.reason, busy=busy)
    if observed.running:
        older = made_by_older(desired, observed)
        return (
            Recreate(id=observed.id, reason=older, busy=False) if older and not busy else Keep(id=observed.id)
        )
    if observed.state in (ContainerState.CREATED, ContainerState.EXITED):
        return Start(id=observed.id)
    return Recreate(id=observed.id, reason=f"it is {observed.state.value}", busy=False)


def is_hot(entry: Entry | None, now_ms: int) -> bool:
    """Whether OpenClaw would leave a running container alone. One that nobody remembers was used now."""
    return entry is None or now_ms - entry.last_used_at_ms < HOT_WINDOW_MS


def drift(desired: Desired, observed: Observed) -> Drift | None:
    """How the container differs from the desired one; None if it does not. Its labels suffice."""
    said = observed.labels
    if labels.SPEC not in said:
        return Drift(reason="it was made by OpenClaw, without this tool's hardening", parts=("hardening",))
    if said[labels.SPEC] == desired.spec_hash:
        return None
    parts = changed_parts(desired.parts, said.get(labels.PARTS, ""))
    if parts:
        return Drift(reason=f"its {_and(parts)} changed", parts=parts, can_wait=_CAN_WAIT.issuperset(parts))
    if said.get(labels.CONFIG_HASH) != desired.config_hash:
        return Drift(reason="its config changed", parts=("config",))
    return Drift(reason="its hardening, its user or its image changed", parts=("hardening",))


def changed_parts(desired: Mapping[str, str], label: str) -> tuple[str, ...]:
    """The parts whose hashes differ from a container's label ("limits=0123abcd mounts=..."); sorted."""
    made = dict(item.partition("=")[::2] for item in label.split())
    if not made:
        return ()
    names = sorted({*desired, *made})
    return tuple(name for name in names if desired.get(name) != made.get(name))


def parts_label(parts: Mapping[str, str]) -> str:
    """What `changed_parts` reads."""
    return " ".join(f"{name}={digits}" for name, digits in parts.items())


def differs(desired: Desired, observed: Observed) -> bool:
    """Whether anything speaks for replacing the container, so that it matters what runs in it."""
    return drift(desired, observed) is not None or bool(made_by_older(desired, observed))


def made_by_older(desired: Desired, observed: Observed) -> str:
    """Why a container that is what it must be is replaced all the same; empty if it is not."""
    made_by = observed.labels.get(labels.VERSION, "")
    if _version(made_by) < _version(desired.version):
        return f"version {made_by or 'unknown'} of this tool made it, and this is {desired.version}"
    return ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", text.partition("+")[0])[:4])


def _and(words: tuple[str, ...]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def whose(desired: Desired, observed: Observed, entry: Entry | None = None) -> SandboxError | None:
    """None if the container is ours to use and replace; else why it is not."""
    if observed.labels.get(labels.SANDBOX) != "1":
        return SandboxConflictError(
            f"A container named {observed.name} exists and is no OpenClaw sandbox (it lacks the label "
            f"{labels.SANDBOX}=1).",
            hint="Rename or remove it, or set another docker.containerPrefix in the config.",
        )
    state = observed.labels.get(labels.STATE)
    if state == desired.state_hash:
        return None
    # The reference does not label state folders: what it mounts tells, or what it wrote down when it made it.
    if state is None and (_mounts_our_workspace(desired, observed) or is_recorded(observed, entry)):
        return None
    other = observed.labels.get(labels.STATE_DIR) or _workspace_source(desired, observed) or "another one"
    return SandboxConflictError(
        f"The container {observed.name} belongs to another state folder: {other}, not {desired.state_dir}.",
        hint="Set another docker.containerPrefix in one of the two configs.",
    )


def is_recorded(observed: Observed, entry: Entry | None) -> bool:
    """Whether the registry's entry of this name is about this container.

    A name is not enough: two state folders can have the same one. The hash holds the workspace's path.
    """
    made_with = entry.config_hash if entry else None
    return made_with is not None and made_with == observed.labels.get(labels.CONFIG_HASH)


def _workspace_source(desired: Desired, observed: Observed) -> str:
    return next((m.source for m in observed.mounts if m.destination == desired.workdir), "")


def _mounts_our_workspace(desired: Desired, observed: Observed) -> bool:
    return _workspace_source(desired, observed) == desired.workspace_dir
