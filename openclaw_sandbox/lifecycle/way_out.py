"""The way out of a sandbox with allowed hosts: proven before anything runs in it, gone when it is gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine
    from openclaw_sandbox.policy.model import EffectivePolicy


def open_way_out(
    policy: EffectivePolicy,
    engine: Engine,
    container_id: str,
    *,
    called: str = "",
    log: Callable[[str], None] = lambda _line: None,
) -> None:
    """Give a running sandbox its way to the egress gateway; without allowed hosts there is nothing to do.

    `called`: the name that it will have, if that is another one than now.

    Raises:
        ConfigError, EngineError: as `ensure_gateway` and `ensure_forwarder`. The sandbox has no network then.
    """
    if policy.egress is None:
        return
    from openclaw_sandbox.egress.service import ensure_forwarder, ensure_gateway

    gateway = ensure_gateway(policy, engine, env=os.environ, log=log)
    ensure_forwarder(gateway, engine, container_id, called=called, log=log)


def close_way_out(policy: EffectivePolicy, engine: Engine, container_id: str) -> None:
    """Remove what `open_way_out` made for this sandbox alone."""
    if policy.egress is None:
        return
    from openclaw_sandbox.egress.service import drop_forwarder

    drop_forwarder(engine, container_id)
