"""`egress learn`: one command under a gateway that allows and records."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.journal import Need, needs, read_all
from openclaw_sandbox.egress.place import place_of
from openclaw_sandbox.egress.records import now
from openclaw_sandbox.egress.service import drop_gateway
from openclaw_sandbox.lifecycle.ensure import draw_blueprint
from openclaw_sandbox.lifecycle.run import RunRequest, run
from openclaw_sandbox.lifecycle.streams import Streams, fd_sink
from openclaw_sandbox.policy.egress import EgressPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy


def run_learning(
    ui: Ui,
    policy: EffectivePolicy,
    argv: tuple[str, ...],
    engine: Engine,
    *,
    now_ms: int,
    on_displaced: Callable[[Observed], None],
) -> tuple[int, list[Need]]:
    """The command's status, and what it asked for. `on_displaced` as for `draw_blueprint`.

    Raises:
        EngineError: the sandbox or its gateway could not be made; nothing was run.
    """
    before = policy.egress or EgressPolicy()
    learning = replace(policy, egress=EgressPolicy(allow=before.allow, deny=before.deny, learn=True))
    blueprint = draw_blueprint(learning, engine, now_ms=now_ms, on_displaced=on_displaced)
    started = now()
    # With --json, stdout holds one document: what the command says goes where everything else goes.
    out = fd_sink(os.dup(sys.stderr.fileno()) if ui.as_json else sys.stdout.fileno())
    streams = Streams(stdout=out, stderr=fd_sink(sys.stderr.fileno()), stdin=None, tty=None)
    try:
        report = run(blueprint, RunRequest(argv=argv, alone=True), engine, streams, listener=ui)
    finally:
        drop_gateway(learning, engine)
    mine = f"{blueprint.spec.name}-run-"
    asked = [r for r in read_all([place_of(learning)]) if r.time >= started and r.sandbox.startswith(mine)]
    return report.exit_status, needs(asked)
