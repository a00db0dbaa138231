"""`python -m openclaw_sandbox` and the console script."""

import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    from openclaw_sandbox.cli.app import run_cli

    sys.exit(run_cli(sys.argv[1:]))


if __name__ == "__main__":
    main()
