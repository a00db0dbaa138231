"""Does a command run in a container now?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine, Observed


def is_busy(engine: Engine, container_id: str) -> bool:
    """Whether a command that somebody started runs in the container. Its main process does not count.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """
    observed = engine.inspect(container_id)
    return observed is not None and bool(running_execs(engine, observed))


def running_execs(engine: Engine, observed: Observed) -> tuple[str, ...]:
    """The commands that really run in it. An engine also lists what was announced and never started.

    Raises:
        EngineUnavailableError: the engine does not answer.
    """
    if not observed.running:
        return ()
    return tuple(exec_id for exec_id in observed.exec_ids if _runs(engine, exec_id))


def _runs(engine: Engine, exec_id: str) -> bool:
    try:
        return engine.exec_status(exec_id).running
    except EngineUnavailableError:
        raise
    except EngineError:
        return False  # it has ended, and the engine has forgotten it
