"""The one question that verbs ask. Anything but a clear yes is a no."""

from __future__ import annotations

import sys

from openclaw_sandbox.errors import PromptRefusedError


def can_ask() -> bool:
    """Whether somebody sits there: a terminal to read from, and one to show the question at."""
    return bool(sys.stdin) and sys.stdin.isatty() and sys.stderr.isatty()


def require_yes(question: str, *, otherwise: str = "Nothing was removed.", flag: str = "--force") -> None:
    """Ask at the terminal and return if the answer is yes.

    `otherwise` is what a no means; `flag` is what a command line without a terminal must hold.

    Raises:
        PromptRefusedError: it is not, Ctrl-C or end of input included, or there is no terminal.
    """
    if not can_ask():
        raise PromptRefusedError(
            f"{otherwise} There is no terminal to ask at.",
            hint=f"Add {flag} to do it without a question.",
        )
    try:
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise PromptRefusedError(otherwise) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise PromptRefusedError(otherwise)
