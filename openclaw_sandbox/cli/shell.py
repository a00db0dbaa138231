"""`shell`: an interactive shell in the sandbox."""

from __future__ import annotations

import sys

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.run import run
from openclaw_sandbox.cli.ui import ColorChoice
from openclaw_sandbox.errors import UsageError

EXAMPLES = """
openclaw-sandbox shell
openclaw-sandbox shell --agent work
"""

#: bash where the image has it.
_SHELL = ["sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash -l; exec sh -l"]


def shell(
    context: typer.Context,
    session: options.Session = None,
    agent: options.Agent = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Open a shell in the sandbox of an agent or a session. Needs a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "A shell needs a terminal, and there is none.",
            hint="For scripts: openclaw-sandbox run -- sh -c '...'",
        )
    return run(
        context,
        command=_SHELL,
        session=session,
        agent=agent,
        tty=True,
        quiet=quiet,
        verbose=verbose,
        color=color,
    )
