"""A container in the engine's list and inspect documents, as our Observed. Pure."""

from __future__ import annotations

import re
from typing import Any

from openclaw_sandbox.engine.base import ContainerState, Observed, ObservedMount


def parse_listed(document: dict[str, Any]) -> Observed:
    """One item of `GET /containers/json`. Raises what a malformed document makes Python raise."""
    names = document.get("Names") or ["/"]
    return Observed(
        id=str(document["Id"]),
        name=str(names[0]).removeprefix("/"),
        image=str(document.get("Image") or ""),
        image_id=str(document.get("ImageID") or ""),
        labels=dict(document.get("Labels") or {}),
        state=_state(document.get("State")),
        created_at_ms=int(document.get("Created") or 0) * 1000,
        mounts=tuple(_mount(item) for item in document.get("Mounts") or ()),
        size_bytes=_size(document.get("SizeRw"), document.get("SizeRootFs")),
    )


def parse_inspected(document: dict[str, Any]) -> Observed:
    """`GET /containers/ID/json`. Raises what a malformed document makes Python raise."""
    state, config = document.get("State") or {}, document.get("Config") or {}
    return Observed(
        id=str(document["Id"]),
        name=str(document.get("Name", "")).removeprefix("/"),
        image=str(config.get("Image") or ""),
        image_id=str(document.get("Image") or ""),
        labels=dict(config.get("Labels") or {}),
        state=_state(state.get("Status")),
        created_at_ms=_rfc3339_ms(str(document.get("Created") or "")),
        pid=int(state.get("Pid") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        started_at=str(state.get("StartedAt") or ""),
        finished_at=str(state.get("FinishedAt") or ""),
        exec_ids=tuple(document.get("ExecIDs") or ()),
        mounts=tuple(_mount(item) for item in document.get("Mounts") or ()),
        raw=document,
    )


def _state(word: object) -> ContainerState:
    """A word that is none of Docker's (Podman has "configured") means that it cannot be used as it is."""
    try:
        return ContainerState(word)
    except ValueError:
        return ContainerState.DEAD


def _size(written: object, whole: object) -> int | None:
    """Engines leave a size of 0 out; they leave out both when they were not asked."""
    if isinstance(written, int):
        return written
    return 0 if isinstance(whole, int) else None


def _mount(document: dict[str, Any]) -> ObservedMount:
    return ObservedMount(
        kind=str(document.get("Type") or ""),
        source=str(document.get("Source") or ""),
        destination=str(document.get("Destination") or ""),
        read_only=not document.get("RW", True),
    )


def _rfc3339_ms(text: str) -> int:
    from datetime import UTC, datetime

    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", text)
    if not found:
        return 0
    whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1000 + int((found[2] or "0").ljust(3, "0")[:3])
