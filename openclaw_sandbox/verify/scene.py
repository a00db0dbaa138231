"""What the host knows about a sandbox, and how it says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.verify.model import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.traps import Sprung
    from openclaw_sandbox.verify.witness import Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything the host knows about the sandbox."""

    spec: ContainerSpec
    observed: Observed
    witness: Witness
    sprung: Sprung
    #: The image and the runtime that the policy promises; empty: nobody knows.
    image_id: str = ""
    promised_runtime: str = ""
    #: The container's processes are processes of this host's kernel: not so with gVisor or Kata.
    on_this_kernel: bool = True

    @property
    def runtime(self) -> str:
        """What the engine recorded; empty if it did not."""
        return str(host_config(self).get("Runtime") or "")


def host_config(scene: Scene) -> Mapping[str, Any]:
    """What the engine recorded of the container's isolation; empty if nothing."""
    config = scene.observed.raw.get("HostConfig")
    return config if isinstance(config, dict) else {}


def blocked(evidence: str) -> Answer:
    """The host says no."""
    return Answer(verdict=Verdict.BLOCKED, evidence=evidence)


def opened(evidence: str, *items: str) -> Answer:
    """The host says that it stands open, and what."""
    return Answer(verdict=Verdict.OPEN, evidence=evidence, items=items)


def found(items: list[str], nothing: str) -> Answer:
    """Open with what was found, else blocked."""
    return opened(f"{len(items)}: {' '.join(items[:6])}", *items) if items else blocked(nothing)
