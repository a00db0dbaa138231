"""Desired and observed to actions. Pure: whoever carries the plan out decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import SandboxConflictError, SandboxError
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What must be there: the name, the spec's hash, and whose state folder it belongs to."""

    name: str
    spec_hash: str
    config_hash: str
    state_hash: str
    state_dir: str
    workdir: str
    workspace_dir: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """There is no container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The container is as it must be, and runs."""

    id: str


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


def plan_ensure(desired: Desired, observed: Observed | None) -> Action:
    """What must happen so that the desired container runs."""
    if observed is None:
        return Create()
    if (error := whose(desired, observed)) is not None:
        return Refuse(error=error)
    reason = drift(desired, observed)
    if reason:
        return Recreate(id=observed.id, reason=reason, busy=observed.running and bool(observed.exec_ids))
    if observed.running:
        return Keep(id=observed.id)
    if observed.state in (ContainerState.CREATED, ContainerState.EXITED):
        return Start(id=observed.id)
    return Recreate(id=observed.id, reason=f"it is {observed.state.value}", busy=False)


def drift(desired: Desired, observed: Observed) -> str:
    """Why the container is not the desired one; empty if it is."""
    made_by_us = labels.SPEC in observed.labels
    if not made_by_us:
        return "it was made by OpenClaw, without this tool's hardening"
    if observed.labels.get(labels.SPEC) == desired.spec_hash:
        return ""
    if observed.labels.get(labels.CONFIG_HASH) != desired.config_hash:
        return "its config changed"
    if observed.labels.get(labels.VERSION) != desired.version:
        return f"version {observed.labels.get(labels.VERSION)} of this tool made it"
    return "its hardening, its user or its image changed"


def whose(desired: Desired, observed: Observed) -> SandboxError | None:
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
    if state is None and _mounts_our_workspace(desired, observed):
        return None  # the reference does not label state folders; what it mounts tells
    other = observed.labels.get(labels.STATE_DIR) or _workspace_source(desired, observed) or "another one"
    return SandboxConflictError(
        f"The container {observed.name} belongs to another state folder: {other}, not {desired.state_dir}.",
        hint="Set another docker.containerPrefix in one of the two configs.",
    )


def _workspace_source(desired: Desired, observed: Observed) -> str:
    return next((m.source for m in observed.mounts if m.destination == desired.workdir), "")


def _mounts_our_workspace(desired: Desired, observed: Observed) -> bool:
    return _workspace_source(desired, observed) == desired.workspace_dir
