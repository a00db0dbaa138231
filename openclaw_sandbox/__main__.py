"""`python -m openclaw_sandbox` and the console script."""

import io
import os
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    _complete_standard_streams()
    try:
        from openclaw_sandbox.cli.app import run_cli

        status = run_cli(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were loaded
        status = 130
    except RuntimeError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # wrapped, while a class was made
            raise
        status = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the status is decided: one more Ctrl-C changes nothing
    sys.exit(status)


def _complete_standard_streams() -> None:
    """Descriptors 0 to 2 exist: otherwise a connection gets such a number, and stray output goes into it.

    A missing stdout cannot be written to, which fails only if something is; a missing stderr swallows.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  for the life of the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  for the life of the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that a locale cannot write is no failure


if __name__ == "__main__":
    main()
