"""`egress`: what sandboxes may reach, what they tried, and how to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.egress.place import Place
    from openclaw_sandbox.policy.model import EffectivePolicy

EXAMPLES = """
openclaw-sandbox egress test api.example.com --agent work
openclaw-sandbox egress allow api.example.com --agent work
openclaw-sandbox egress log --denied --follow
openclaw-sandbox egress learn -- pip download requests
"""

egress = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Decide, show and learn which hosts sandboxes reach.",
)
_HOST = typer.Argument(metavar="HOST[:PORT]", help="A name or an address.")


@egress.command("log")
def log(
    context: typer.Context,
    agent: options.Agent = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what comes; end with Ctrl-C.")] = False,
    denied: Annotated[bool, typer.Option("--denied", help="Only what was denied.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Show the decisions of the gateways: who wanted where, the verdict, the rule, the bytes."""
    from openclaw_sandbox.cli.render.egress import record_document, record_line
    from openclaw_sandbox.egress.journal import follow as follow_log
    from openclaw_sandbox.egress.journal import read_all

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    find = _places(context, agent)
    if follow:
        import sys

        from openclaw_sandbox.cli.render.setup import compact

        for record in follow_log(find):
            if not denied or record.verdict == "deny":
                ui.out(compact(record_document(record)) if as_json else record_line(ui, record))
                sys.stdout.flush()
    records = [record for record in read_all(find()) if not denied or record.verdict == "deny"]
    if as_json:
        ui.json({"records": [record_document(record) for record in records]})
        return 0
    for record in records:
        ui.out(record_line(ui, record))
    if not records:
        ui.note("No decision has been written down.")
    return 0


@egress.command("test")
def test(
    context: typer.Context,
    host: Annotated[str, _HOST],
    agent: options.Agent = None,
    session: options.Session = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Say what would happen to a connection, and why. Status 0 if it is allowed, 1 if not."""
    from openclaw_sandbox.cli.context import policy_of
    from openclaw_sandbox.cli.render.egress import foreseen_document, foreseen_lines
    from openclaw_sandbox.egress.foresee import foresee
    from openclaw_sandbox.policy.egress import split_authority

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    found = split_authority(host, default_port=443)
    if found is None:
        raise UsageError(
            f"{host!r} is no HOST or HOST:PORT.",
            hint="Write a name in ASCII or an address, IPv6 in brackets: [2001:db8::1]:443",
        )
    foreseen = foresee(policy_of(context, session=session, agent=agent), *found)
    if as_json:
        ui.json(foreseen_document(foreseen))
    else:
        for line in foreseen_lines(ui, foreseen):
            ui.out(line)
    return 0 if foreseen.allowed else 1


@egress.command("allow")
def allow(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="A name, *.suffix, or an address.")],
    agent: Annotated[str, typer.Option("--agent", metavar="ID", help="For this agent.")],
    force: Annotated[bool, typer.Option("--force", help="Even what should never be allowed.")] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Add a host to the agent's allowed_hosts in config.yml; the change is shown, comments stay."""
    from openclaw_sandbox.cli.context import load, policy_of
    from openclaw_sandbox.policy.egress import parse_rule, why_never

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    try:
        rule = parse_rule(host)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    if (reason := why_never(rule.host)) and not force:
        raise UsageError(f"{host} is {reason}: no sandbox should reach it.", hint="Use --force if it must.")
    policy = policy_of(context, session=None, agent=agent)
    if policy.egress is not None and any(rule.means(other) for other in policy.egress.allow):
        ui.note(f"{host} is allowed already.")
        if as_json:
            ui.json({"changed": False, "diff": ""})
        return 0
    loaded = load(context)
    path = loaded.hardening.file if loaded.hardening else loaded.paths.state_dir / "config.yml"
    diff = _edit(path, policy.agent_id, rule.text, dry_run=dry_run)
    if as_json:
        ui.json({"changed": not dry_run, "file": str(path), "diff": diff})
    else:
        ui.out(diff)
        ui.note("It counts from the next run on; running commands get it then too.")
    return 0


@egress.command("learn", context_settings={"allow_interspersed_args": False})
def learn(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(metavar="[--] CMD [ARG]...")] = None,
    session: options.Session = None,
    agent: options.Agent = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Run a command that may reach every public host on ports 80 and 443, and list what it needed.

    The command gets a container of its own. Denied hosts and private addresses stay closed. Its status is
    this one's.
    """
    from openclaw_sandbox.cli.context import engine_of, policy_of, remaking, require_runnable
    from openclaw_sandbox.cli.learning import run_learning
    from openclaw_sandbox.cli.render.egress import need_document, need_lines

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if not command:
        raise UsageError("There is no command.", hint="openclaw-sandbox egress learn -- CMD")
    policy = policy_of(context, session=session, agent=agent)
    require_runnable(policy, ui)
    engine = engine_of(ui)
    remake = remaking(context, ui, engine)
    status, found = run_learning(ui, policy, tuple(command), engine, now_ms=now_ms(), on_displaced=remake)
    if as_json:
        ui.json({"exitCode": status, "hosts": [need_document(need) for need in found]})
    else:
        for line in need_lines(found):
            ui.note(line)
    return status


def _places(context: typer.Context, agent: str | None) -> Callable[[], list[Place]]:
    """What finds the places of all gateways, or the one of an agent."""
    from openclaw_sandbox.cli.context import load, policy_of
    from openclaw_sandbox.egress.place import place_of, places

    if agent is None:
        state_dir = load(context).paths.state_dir
        return lambda: places(state_dir)
    policy: EffectivePolicy = policy_of(context, session=None, agent=agent)
    found = [place_of(policy)] if policy.egress is not None else []
    return lambda: found


def _edit(path: Path, agent: str, host: str, *, dry_run: bool) -> str:
    """Write the entry into the agent's list; the difference as a text."""
    from openclaw_sandbox.cli.edit_file import (
        current_text,
        difference,
        one_editor,
        replace_text,
        with_its_line_ends,
    )
    from openclaw_sandbox.config.edit_list import agent_key, with_entry

    with one_editor(path, make=not dry_run):
        before = current_text(path)
        keys = ("sandbox", "agents", agent_key(before, agent), "allowed_hosts")
        after = with_its_line_ends(before, lambda text: with_entry(text, keys, host))
        if not dry_run:
            replace_text(path, after)
    return difference(path, before, after)
