"""One question to a local engine whose answer is only nice to have: asked cheaply, and not waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from openclaw_sandbox.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.engine.base import EngineInfo

_OK, _NOT_FOUND = 200, 404


def engine_info(env: Mapping[str, str], *, patience_s: float) -> EngineInfo | None:
    """What the engine that `env` names says of itself; None: it is remote and is not asked.

    Raises:
        UsageError, EngineUnavailableError: as `open_engine`.
        EngineError: the engine answered with something else.
    """
    from openclaw_sandbox.engine.docker.endpoint import find_endpoint

    path = find_endpoint(env).socket_path
    if path is None:
        return None
    from openclaw_sandbox.engine.docker.info import parse_info
    from openclaw_sandbox.engine.docker.wire import UnixTransport

    transport = UnixTransport(path)
    answers = [transport.request("GET", url, timeout_s=patience_s) for url in ("/version", "/info")]
    if any(answer.status != _OK for answer in answers):
        raise EngineError("The engine does not say what it is.")
    return parse_info(answers[0].json() or {}, answers[1].json() or {})


def has_image(env: Mapping[str, str], reference: str, *, patience_s: float) -> bool | None:
    """Whether the engine that `env` names has this image; None: it is remote and is not asked.

    Loads a third of what `open_engine` loads. `patience_s` bounds the wait.

    Raises:
        UsageError, EngineUnavailableError: as `open_engine`.
        EngineError: the engine answered with something else.
    """
    return _has(env, f"/images/{quote(reference, safe='/:@')}/json", "an image", patience_s)


def has_network(env: Mapping[str, str], name: str, *, patience_s: float) -> bool | None:
    """Whether that engine has this network; as `has_image` in everything else."""
    return _has(env, f"/networks/{quote(name, safe='')}", "a network", patience_s)


def _has(env: Mapping[str, str], url: str, what: str, patience_s: float) -> bool | None:
    from openclaw_sandbox.engine.docker.endpoint import find_endpoint

    path = find_endpoint(env).socket_path
    if path is None:
        return None
    from openclaw_sandbox.engine.docker.wire import UnixTransport

    status = UnixTransport(path).request("GET", url, timeout_s=patience_s).status
    if status not in (_OK, _NOT_FOUND):
        raise EngineError(f"The engine answered {status} to the question for {what}.")
    return status == _OK
