"""`logs`, `attach`, `stop`: detached commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.engine.docker.engine import DockerEngine

EXAMPLES = """
openclaw-sandbox run --detach -- make test
openclaw-sandbox logs --follow NAME
openclaw-sandbox attach NAME
openclaw-sandbox stop NAME
"""

Name = Annotated[str, typer.Argument(metavar="NAME", help="What `run --detach` printed, or its end.")]


def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the command ends.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="Only N lines.")] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Show the output of a detached command, stdout and stderr apart."""
    from openclaw_sandbox.cli.render.capture import Capture
    from openclaw_sandbox.lifecycle.streams import fd_sink

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    engine, job = _find(context, ui, name)
    if as_json:
        capture = Capture()
        engine.logs(job.id, capture.stdout.write, capture.stderr.write, follow=follow, tail=tail)
        ui.json({"name": job.name}, capture.fields)
    else:
        sinks = fd_sink(sys.stdout.fileno()), fd_sink(sys.stderr.fileno())
        engine.logs(job.id, *sinks, follow=follow, tail=tail)
    return 0


def attach(
    context: typer.Context,
    name: Name,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Show what a detached command writes from now on, and end with its status.

    Ctrl-C leaves it running; `stop` ends it.
    """
    from openclaw_sandbox.cli.render.capture import Capture
    from openclaw_sandbox.lifecycle.streams import fd_sink

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    engine, job = _find(context, ui, name)
    capture = Capture()
    sinks = (
        (capture.stdout.write, capture.stderr.write)
        if as_json
        else (fd_sink(sys.stdout.fileno()), fd_sink(sys.stderr.fileno()))
    )
    engine.logs(job.id, *sinks, follow=True, tail=0)
    status = engine.wait(job.id, timeout_s=None)
    if as_json:
        ui.json({"name": job.name, "exitCode": status}, capture.fields)
    return status


def stop(
    context: typer.Context,
    name: Name,
    grace: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="Kill it when it needs longer.")
    ] = "10s",
    rm: Annotated[bool, typer.Option("--rm", help="Remove its container and its log as well.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """End a detached command: ask it, then kill it."""
    from openclaw_sandbox.lifecycle.durations import parse_duration
    from openclaw_sandbox.lifecycle.jobs import stop_job

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    grace_s = parse_duration(grace, flag="--timeout")
    engine, job = _find(context, ui, name)
    removed = stop_job(job, engine, grace_s=grace_s, remove=rm)
    if as_json:
        ui.json({"name": job.name, "stopped": True, "removed": removed})
    else:
        ui.note(f"{'removed' if removed else 'stopped'} {job.name}")
    return 0


def _find(context: typer.Context, ui: Ui, name: str) -> tuple[DockerEngine, Observed]:
    from openclaw_sandbox.cli.context import engine_of, load
    from openclaw_sandbox.lifecycle.jobs import find_job

    state_dir = str(load(context).paths.state_dir)
    engine = engine_of(ui)
    return engine, find_job(name, state_dir, engine)
