"""The one question that verbs ask. Anything but a clear yes is a no."""

from __future__ import annotations

import sys

from openclaw_sandbox.errors import PromptRefusedError

_NOTHING_DONE = "Nothing was removed."


def can_ask() -> bool:
    """Whether somebody sits there: a terminal to read from, and one to show the question at."""
    return bool(sys.stdin) and sys.stdin.isatty() and sys.stderr.isatty()


def require_yes(question: str) -> None:
    """Ask at the terminal and return if the answer is yes.

    Raises:
        PromptRefusedError: it is not, Ctrl-C or end of input included, or there is no terminal.
    """
    if not can_ask():
        raise PromptRefusedError(
            f"{_NOTHING_DONE} There is no terminal to ask at.",
            hint="Add --force to do it without a question.",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise PromptRefusedError(_NOTHING_DONE) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise PromptRefusedError(_NOTHING_DONE)
