"""`list`: the sandboxes that there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms

if TYPE_CHECKING:
    from openclaw_sandbox.cli.render.listing import Shown
    from openclaw_sandbox.lifecycle.filters import Filters
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.registry import Kind

EXAMPLES = """
openclaw-sandbox list
openclaw-sandbox list --filter state=running --filter drift=drifted
openclaw-sandbox list --all --json
"""


def list_sandboxes(
    context: typer.Context,
    browser: Annotated[bool, typer.Option("--browser", help="Browser containers instead.")] = False,
    all_kinds: Annotated[bool, typer.Option("--all", "-a", help="Browser containers too.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Also sizes on the disk. Takes longer.")] = False,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", metavar="KEY=VALUE", help="Only those that fit; may be repeated."),
    ] = None,
    as_json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only names.")] = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """List sandboxes: of OpenClaw and of this tool, registered or not, and how they differ from the config.

    Filter keys: state, role, drift, session, agent, name, image.
    """
    from openclaw_sandbox.cli.fleet import look_at_fleet

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    asked = _asked(filters) if filters else {}
    fleet = look_at_fleet(context, ui, sizes=stats)

    from openclaw_sandbox.lifecycle.registry import Kind

    wanted = [
        kind
        for kind, yes in ((Kind.CONTAINER, all_kinds or not browser), (Kind.BROWSER, all_kinds or browser))
        if yes
    ]
    if quiet and not as_json:
        _names(fleet, wanted, asked, ui)
    elif as_json:
        documents = {kind: _shown(fleet, [kind], asked, stats=stats).document() for kind in wanted}
        ui.json(
            {"containers": documents.get(Kind.CONTAINER, []), "browsers": documents.get(Kind.BROWSER, [])}
        )
    else:
        _table(_shown(fleet, wanted, asked, stats=stats), wanted, ui, filtered=bool(asked))
    return 0


def _asked(filters: list[str]) -> Filters:
    from openclaw_sandbox.lifecycle.filters import parse_filters

    return parse_filters(filters)


def _names(fleet: Fleet, kinds: list[Kind], asked: Filters, ui: Ui) -> None:
    from openclaw_sandbox.lifecycle.filters import fits

    for kind in kinds:
        for item in fleet.items(kind):
            if fits(item, asked, fleet.verdict):
                ui.out(item.name)


def _shown(fleet: Fleet, kinds: list[Kind], asked: Filters, *, stats: bool) -> Shown:
    from openclaw_sandbox.cli.render.listing import Shown
    from openclaw_sandbox.lifecycle.disk_usage import bytes_in
    from openclaw_sandbox.lifecycle.filters import fits

    items = [item for kind in kinds for item in fleet.items(kind) if fits(item, asked, fleet.verdict)]
    verdicts = [fleet.verdict(item) for item in items]
    sizes = None
    if stats:
        folders = {item.name: verdict.workspace_dir for item, verdict in zip(items, verdicts, strict=True)}
        sizes = {
            name: bytes_in(folder) for name, folder in folders.items() if folder and Path(folder).is_dir()
        }
    return Shown(items, verdicts, now_ms=now_ms(), sizes=sizes)


def _table(shown: Shown, kinds: list[Kind], ui: Ui, *, filtered: bool) -> None:
    from openclaw_sandbox.lifecycle.registry import Kind

    if shown.items:
        shown.table(ui)
        return
    what = "sandbox browser containers" if kinds == [Kind.BROWSER] else "sandbox containers"
    ui.note(f"No {what} found{' that fit the filters' if filtered else ''}.")
