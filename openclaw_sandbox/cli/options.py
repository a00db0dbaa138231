"""Flags that mean the same on every verb."""

from __future__ import annotations

from typing import Annotated

import typer

from openclaw_sandbox.cli.ui import ColorChoice

Json = Annotated[bool, typer.Option("--json", help="Machine-readable answer on stdout, errors included.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only data, warnings and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also engine calls with their durations.")]
Color = Annotated[ColorChoice, typer.Option("--color", help="Colours.")]
Session = Annotated[
    str | None,
    typer.Option("--session", metavar="KEY", help="Session key, or a short name such as main."),
]
Agent = Annotated[str | None, typer.Option("--agent", metavar="ID", help="Agent id.")]
Force = Annotated[bool, typer.Option("--force", "--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")]
