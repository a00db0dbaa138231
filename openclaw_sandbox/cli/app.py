"""One command line from its words to its exit status, and the one place where errors end.

Only the verb that was asked for is imported; each verb imports what is heavy when it runs.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox import __version__
from openclaw_sandbox.cli.ui import COMPLETION_VARIABLE, PROG, ColorChoice, Ui, version_line
from openclaw_sandbox.cli.verbs import VERBS
from openclaw_sandbox.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_cli(argv: Sequence[str]) -> int:
    """Carry out one command line; the exit status. Never raises, except for what ends the interpreter."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup
            signal.signal(signum, _on_interrupt if signum == signal.SIGINT else _on_terminate)
    try:
        return _carry_out(argv)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Terminated as error:
        return 128 + error.signum
    except (BrokenPipeError, SystemExit) as error:
        # typer, which sees it first, leaves with status 1.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _abandon_stdout()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _abandon_stdout()
        Ui().error(SandboxError(f"The output cannot be written: {error.strerror or error}."))
        return 1


def _carry_out(argv: Sequence[str]) -> int:
    """See `run_cli`. Raises OSError only for what stdout could not take."""
    if os.environ.get(COMPLETION_VARIABLE):
        from openclaw_sandbox.cli.completing import answer

        return answer(VERBS)
    place = _verb_at(argv)
    verb = None if place is None else argv[place]
    ui = Ui()
    try:
        if list(argv) == ["--version"]:  # the whole of it: typer alone takes four times as long
            ui.out(version_line())
            return 0
        from openclaw_sandbox.cli.tree import command_tree

        command = command_tree(VERBS, verb)
        ui = _manners(argv, place, command)
        status = command.main(args=list(argv), prog_name=PROG, standalone_mode=False)
        sys.stdout.flush()
    except SandboxError as error:
        ui.error(error)
        return error.exit_code
    except OSError as error:
        if error.errno in _UNWRITABLE and error.filename is None:
            raise
        return _unexpected(error, ui, verb)
    except Exception as error:
        if isinstance(error.__cause__, (KeyboardInterrupt, Terminated)):
            raise error.__cause__ from None  # Python 3.11 wraps what interrupts the making of a class
        return _unexpected(error, ui, verb)
    return status if isinstance(status, int) else 0


#: What a write to stdout can fail with.
_UNWRITABLE = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EAGAIN}
)


def _abandon_stdout() -> None:
    """Nobody takes what is still buffered. Python would complain once more when it closes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Terminated(BaseException):
    """SIGTERM or SIGHUP, as an exception: whoever has something half-made undoes it on the way out."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def _on_interrupt(signum: int, _frame: object) -> None:
    """The first Ctrl-C undoes what is half-made. The second leaves at once: the next tool clears up."""
    signal.signal(signum, _SecondInterrupt())
    raise KeyboardInterrupt


class _SecondInterrupt:
    """Leaves at once. `pending`: there was a first, whose exception Python drops if it hits a destructor."""

    pending = True

    def __call__(self, signum: int, _frame: object) -> None:
        os._exit(128 + signum)


def _on_terminate(signum: int, _frame: object) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP):  # what is undone now must not be interrupted again
        signal.signal(other, signal.SIG_IGN)
    raise Terminated(signum)


def _verb_at(argv: Sequence[str]) -> int | None:
    """Where the verb stands; None if there is none that we know."""
    words = enumerate(argv)
    for index, word in words:
        if word == "--profile":
            next(words, None)
        elif not word.startswith("-"):
            return index if word in VERBS else None
    return None


def _manners(argv: Sequence[str], place: int | None, command: Any) -> Ui:
    """--json and --color before anything is parsed: a usage error must answer as it was asked to."""
    if place is None:
        flags = _own_flags(list(argv), frozenset({"--color"}), passes_on=False)
    else:
        verb = argv[place]
        with_values = _flags_with_values(command.commands[verb])
        flags = _own_flags(list(argv[place + 1 :]), with_values, passes_on=VERBS[verb].passes_on)
    known = {choice.value: choice for choice in ColorChoice}
    return Ui(as_json="--json" in flags, color=known.get(flags.get("--color", ""), ColorChoice.AUTO))


def _flags_with_values(command: Any) -> frozenset[str]:
    below = getattr(command, "commands", {}).values()  # a verb that is a group of verbs
    params = [*command.params, *(param for each in below for param in each.params)]
    takes_value = (param for param in params if not getattr(param, "is_flag", False))
    return frozenset(name for param in takes_value for name in param.opts if name.startswith("-"))


def _own_flags(words: list[str], with_values: frozenset[str], *, passes_on: bool) -> dict[str, str]:
    """Flag -> value or nothing, up to the words that are passed on."""
    flags = {}
    left = iter(words)
    for word in left:
        name, _, value = word.partition("=")
        if word == "--" or (passes_on and not word.startswith("-")):
            break
        flags[name] = next(left, "") if word in with_values else value
    return flags


def _unexpected(error: Exception, ui: Ui, verb: str | None) -> int:
    """A mistake in the command line (typer's own exceptions), or a bug of ours."""
    describe = getattr(error, "format_message", None)
    if describe is not None:
        context = getattr(error, "ctx", None)
        hint = f"{context.command_path} --help" if context else f"{PROG} --help"
        ui.error(UsageError(_sentence(describe()), hint=f"See: {hint}"))
        return 2
    if os.environ.get("OPENCLAW_SANDBOX_DEBUG"):
        raise error
    bug = SandboxError(
        f"This is a bug in {PROG} {__version__}: {type(error).__name__}: {error}",
        hint="Run it again with OPENCLAW_SANDBOX_DEBUG=1 and report what it prints.",
    )
    ui.error(bug)
    return 125 if verb and VERBS[verb].passes_on else 1


def _sentence(text: str) -> str:
    return " ".join(text.split())
