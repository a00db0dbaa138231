"""The command tree that typer walks: the flags of the root, and a verb's own."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli.ui import PROG, version_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openclaw_sandbox.cli.verbs import Verb

_EPILOG = "Exit status: 0 done, 1 failed, 2 usage or config, 124 timed out, 125 sandbox or engine failed."


def command_tree(verbs: Mapping[str, Verb], verb: str | None) -> Any:
    """The root with the verb that was asked for, or with the names of all of them and what each does."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_EPILOG,
        help="Explain, enforce and prove the sandbox of OpenClaw agents.",
    )
    app.callback()(_root)
    for name in [verb] if verb else verbs:
        module_name, _, function = verbs[name].target.partition(":")
        module = importlib.import_module(module_name)
        target = getattr(module, function)
        if verb is None:
            app.command(name)(_name_alone(target))
            continue
        settings = {"allow_interspersed_args": False} if verbs[name].passes_on else {}
        examples = module.EXAMPLES.strip().splitlines()
        if isinstance(target, typer.Typer):
            for below in target.registered_commands:
                mine = f"{PROG} {name} {below.name} "
                below.epilog = _epilog([line for line in examples if f"{line} ".startswith(mine)])
            app.add_typer(target, name=name, epilog=_epilog(examples))
        else:
            app.command(name, context_settings=settings, epilog=_epilog(examples))(target)
    return typer.main.get_command(app)


def _epilog(examples: Sequence[str]) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)


def _name_alone(target: Any) -> Callable[[], None]:
    """What the list of verbs shows of one. To work out the flags of all of them takes three times as long."""

    def verb() -> None:
        raise AssertionError("a verb that is carried out is loaded with its flags")

    verb.__doc__ = target.info.help if isinstance(target, typer.Typer) else target.__doc__
    return verb


def _print_version(asked: Annotated[bool, "the flag's value"]) -> None:
    """Eager: it must end the command line before a missing verb is noticed."""
    if asked:
        sys.stdout.write(version_line())
        raise typer.Exit


def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="As in `openclaw --profile`."),
    ] = None,
    dev: Annotated[bool, typer.Option("--dev", help="The same as --profile dev.")] = False,
) -> None:
    context.obj = {"profile": profile, "dev": dev}
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
