"""`recreate`: remove sandboxes, so that they are made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import ConfigError, SandboxDisabledError

if TYPE_CHECKING:
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.recreate import Removed, Target
    from openclaw_sandbox.lifecycle.stock import Item
    from openclaw_sandbox.policy.model import EffectivePolicy

EXAMPLES = """
openclaw-sandbox recreate --drifted
openclaw-sandbox recreate --session main --force
openclaw-sandbox recreate --all --force --now
"""


def recreate(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Every sandbox of this state folder.")] = False,
    session: options.Session = None,
    agent: options.Agent = None,
    drifted: Annotated[bool, typer.Option("--drifted", help="Those that differ from the config.")] = False,
    browser: Annotated[bool, typer.Option("--browser", help="Browser containers instead.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Make the new ones at once.")] = False,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Remove sandboxes: each is made anew when it is next used, or at once with --now. Workspaces stay.

    Exactly one of --all, --session, --agent and --drifted says which.
    """
    from openclaw_sandbox.cli.fleet import open_fleet
    from openclaw_sandbox.lifecycle.recreate import targets_of
    from openclaw_sandbox.lifecycle.registry import Kind
    from openclaw_sandbox.lifecycle.select import select, selector

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    wanted = selector(everything=everything, session=session, agent=agent, drifted=drifted)
    fleet = open_fleet(context, ui, need_config=now or drifted)
    if not dry_run:
        for name in fleet.settle():
            ui.debug(f"removed {name}, which a killed run had left")
    items = select(fleet.items(Kind.BROWSER if browser else Kind.CONTAINER), wanted, fleet)
    targets = targets_of(items, fleet.engine)
    policies = _policies(targets, fleet) if now and not browser else []
    if not targets:
        return _nothing(ui)
    _preview(targets, replace(ui, quiet=quiet and (force or dry_run)))
    if dry_run:
        if as_json:
            ui.json({"dryRun": True, "containers": [_planned(target) for target in targets]})
        return 0
    if not force:
        from openclaw_sandbox.cli.confirm import require_yes

        require_yes(f"Remove {_count(len(targets))}?")
    return _carry_out(items, policies, fleet, ui, now=now)


def _nothing(ui: Ui) -> int:
    ui.note("No sandboxes match. See what there is: openclaw-sandbox list")
    if ui.as_json:
        ui.json({"removed": [], "failed": [], "made": []})
    return 0


def _policies(targets: list[Target], fleet: Fleet) -> list[EffectivePolicy]:
    """What is to be made anew, known before anything is removed.

    Raises:
        ConfigError: one of them could not be made again.
    """
    found = []
    for target in targets:
        answer = fleet.policies.of_scope(target.item.scope_key, target.item.agent_hint)
        if answer.policy is None:
            raise ConfigError(
                f"{target.item.name} cannot be made anew: {answer.why_not}. Nothing was removed.",
                hint="Leave --now out, or choose other sandboxes.",
            )
        if not answer.policy.enabled:
            raise SandboxDisabledError(
                "The sandbox is switched off: `enabled: false` in config.yml. Nothing was removed.",
                hint="Set sandbox.enabled to true, or leave --now out.",
            )
        found.append(answer.policy)
    return found


def _preview(targets: list[Target], ui: Ui) -> None:
    ui.note("To be removed:")
    for target in targets:
        busy = ", a command runs in it" if target.busy else ""
        ui.note(f"  {target.item.name}  {target.item.scope_key}  ({target.item.state.value}{busy})")
    ui.note(f"Total: {_count(len(targets))}")


def _count(number: int) -> str:
    return f"{number} sandbox{'es' if number != 1 else ''}"


def _planned(target: Target) -> dict[str, Any]:
    return {**_object(target.item), "busy": target.busy}


def _object(item: Item) -> dict[str, Any]:
    return {"containerName": item.name, "sessionKey": item.scope_key, "state": item.state.value}


def _carry_out(items: list[Item], policies: list[EffectivePolicy], fleet: Fleet, ui: Ui, *, now: bool) -> int:
    from openclaw_sandbox.lifecycle.recreate import remove_all, remove_unused_helpers

    results = remove_all(items, fleet, progress=lambda result: _tell(result, ui))
    remove_unused_helpers(fleet)
    failed = [result for result in results if result.error is not None]
    gone = {result.item.name for result in results if result.error is None}
    made, not_made = _make([policy for policy in policies if policy.container_name in gone], fleet, ui)
    if ui.as_json:
        ui.json(
            {
                "removed": [_object(r.item) for r in results if r.error is None],
                "failed": [*(_failure(r) for r in failed), *not_made],
                "made": made,
            }
        )
    ui.note(f"Done: {len(gone)} removed, {len(failed)} failed{f', {len(made)} made' if now else ''}.")
    if gone and not now:
        ui.note("They are made again when they are next used.")
    return 1 if failed or not_made else 0


def _tell(result: Removed, ui: Ui) -> None:
    if result.error is not None:
        ui.warn(f"{result.item.name} was not removed: {result.error.brief}", "; ".join(result.error.details))
    elif not ui.as_json:
        ui.out(f"removed {result.item.name}")


def _failure(result: Removed) -> dict[str, Any]:
    error = result.error
    return {**_object(result.item), "error": {"code": error.code, "message": error.brief} if error else None}


def _make(
    policies: list[EffectivePolicy], fleet: Fleet, ui: Ui
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The new ones: what was made, and what was not."""
    made: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    if not policies:
        return made, failed
    from openclaw_sandbox.cli.render.ensured import ensured_object, tell_ensured
    from openclaw_sandbox.lifecycle.ensure_all import ensure_all, remake_shared

    remake = remake_shared(lambda: fleet.policies, fleet.engine, now_ms=now_ms(), log=ui.debug, warn=ui.warn)
    for result in ensure_all(policies, fleet.engine, now_ms=now_ms(), log=ui.debug, on_displaced=remake):
        tell_ensured(result, ui)
        (made if result.error is None else failed).append(ensured_object(result))
    return made, failed
