"""The one question behind every verb that looks at more than one container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine, Observed


def sandbox_containers(engine: Engine, *, sizes: bool = False) -> list[Observed]:
    """Every container with OpenClaw's label, whoever's it is; `sizes` takes the engine much longer.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """
    return engine.list(labels=[f"{labels.SANDBOX}=1"], sizes=sizes)
