"""`cp`: files between this machine and a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import UsageError

EXAMPLES = """
openclaw-sandbox cp :/workspace/report.pdf .
openclaw-sandbox cp data.csv :/workspace/
openclaw-sandbox cp --agent work :out.txt out.txt
"""


def cp(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SRC", help="A path; with a leading : inside.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="The same; one of the two is inside.")],
    session: options.Session = None,
    agent: options.Agent = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Copy one regular file into or out of the workspace. Links are never followed."""
    from openclaw_sandbox.cli.context import engine_of, policy_of, remaking, require_runnable
    from openclaw_sandbox.lifecycle.ensure import draw_blueprint
    from openclaw_sandbox.lifecycle.transfer import copy_in, copy_out, locate

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if source.startswith(":") == target.startswith(":"):
        raise UsageError(
            "Exactly one of the two paths is inside the sandbox.",
            hint="Mark it with a colon: :/workspace/a.txt",
        )
    if not (source and target):
        raise UsageError("A path is empty.", hint="Write . for this folder, : for the workspace.")
    policy = policy_of(context, session=session, agent=agent)
    require_runnable(policy, ui)
    engine = engine_of(ui)
    remake = remaking(context, ui, engine)
    spec = draw_blueprint(policy, engine, now_ms=now_ms(), on_displaced=remake).spec
    if source.startswith(":"):
        size = copy_out(locate(source[1:], spec), Path(target), force=force)
    else:
        size = copy_in(Path(source).expanduser(), locate(target[1:], spec), user=spec.user, force=force)
    if as_json:
        ui.json({"source": source, "target": target, "bytes": size})
    else:
        ui.note(f"{size} bytes copied")
    return 0
