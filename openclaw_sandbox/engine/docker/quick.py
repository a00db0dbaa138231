"""One question to a local engine whose answer is only nice to have: asked cheaply, and not waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from openclaw_sandbox.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OK, _NOT_FOUND = 200, 404


def has_image(env: Mapping[str, str], reference: str, *, patience_s: float) -> bool | None:
    """Whether the engine that `env` names has this image; None: it is remote and is not asked.

    Loads a third of what `open_engine` loads. `patience_s` bounds the wait.

    Raises:
        UsageError, EngineUnavailableError: as `open_engine`.
        EngineError: the engine answered with something else.
    """
    from openclaw_sandbox.engine.docker.endpoint import find_endpoint

    path = find_endpoint(env).socket_path
    if path is None:
        return None
    from openclaw_sandbox.engine.docker.wire import UnixTransport

    url = f"/images/{quote(reference, safe='/:@')}/json"
    status = UnixTransport(path).request("GET", url, timeout_s=patience_s).status
    if status not in (_OK, _NOT_FOUND):
        raise EngineError(f"The engine answered {status} to the question for an image.")
    return status == _OK
