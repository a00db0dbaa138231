"""`prune`: remove what is idle, old, or left over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, error_document, now_ms
from openclaw_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.prune import Step

EXAMPLES = """
openclaw-sandbox prune --dry-run
openclaw-sandbox prune
openclaw-sandbox prune --images --workspaces
"""


def prune(
    context: typer.Context,
    images: Annotated[bool, typer.Option("--images", help="Also images that setup has replaced.")] = False,
    workspaces: Annotated[
        bool,
        typer.Option("--workspaces", help="Also workspaces of sessions that are gone, with their files."),
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Remove sandboxes that are idle or old by their agent's rules, and what killed runs have left.

    Never one in which a command runs, never another state folder's.
    """
    from openclaw_sandbox.cli.fleet import open_fleet
    from openclaw_sandbox.lifecycle.prune import carry_out, plan_containers

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    fleet = open_fleet(context, ui, need_config=True)
    report = _Report(ui, dry_run=dry_run)
    if not dry_run:
        report.left_by_killed(fleet.settle())
    steps = plan_containers(fleet, now_ms=now_ms())
    if dry_run:
        report.add(steps)
    else:
        carry_out(steps, fleet, progress=lambda step: report.add([step]))
    try:
        _prune_rest(fleet, report, images=images, workspaces=workspaces, dry_run=dry_run)
    except SandboxError as error:
        report.broke_off(error)
    return report.end()


def _prune_rest(fleet: Fleet, report: _Report, *, images: bool, workspaces: bool, dry_run: bool) -> None:
    from openclaw_sandbox.engine import open_images
    from openclaw_sandbox.lifecycle.prune_rest import prune_belongings, prune_helpers, prune_images

    fleet.look_again()
    report.add(prune_helpers(fleet, dry_run=dry_run))
    store = open_images(os.environ)
    report.add(prune_belongings(fleet, store, dry_run=dry_run))
    if images:
        report.add(prune_images(fleet, store, dry_run=dry_run))
    if workspaces:
        from openclaw_sandbox.lifecycle.prune_workspaces import prune_workspaces

        report.add(prune_workspaces(fleet, dry_run=dry_run))


class _Report:
    """Tells each step as it comes, and all of them at the end."""

    def __init__(self, ui: Ui, *, dry_run: bool) -> None:
        self._ui, self._dry_run = ui, dry_run
        self._steps: list[Step] = []
        self._error: SandboxError | None = None

    def left_by_killed(self, names: list[str]) -> None:
        from openclaw_sandbox.lifecycle.prune import Doing, Step, Thing

        reason = "whoever made it was killed"
        self.add(
            [Step(thing=Thing.CONTAINER, doing=Doing.REMOVE, name=name, reason=reason) for name in names]
        )

    def add(self, steps: list[Step]) -> None:
        for step in steps:
            self._steps.append(step)
            self._tell(step)

    def broke_off(self, error: SandboxError) -> None:
        """The rest cannot be looked at. What was done so far is told all the same."""
        self._error = error
        self._ui.warn(error.brief, error.hint)

    def _tell(self, step: Step) -> None:
        from openclaw_sandbox.cli.render.listing import size_text
        from openclaw_sandbox.lifecycle.prune import Doing

        what = f"{step.thing.value} {step.name}"
        size = f", {size_text(step.size_bytes)}" if step.size_bytes is not None else ""
        if step.error is not None:
            self._ui.warn(f"{what} was not removed: {step.error.brief}", "; ".join(step.error.details))
        elif step.doing is Doing.KEEP:
            self._ui.note(f"kept {what}: {step.reason}")
        elif not self._ui.as_json:
            would = "would " if self._dry_run else ""
            done = step.doing.value if self._dry_run else _PAST[step.doing.value]
            self._ui.out(f"{would}{done} {what}: {step.reason}{size}")

    def end(self) -> int:
        """The summary, the document, and the exit status."""
        from openclaw_sandbox.cli.render.listing import size_text
        from openclaw_sandbox.lifecycle.prune import Doing

        failed = [step for step in self._steps if step.error is not None]
        removed = [s for s in self._steps if s.doing is Doing.REMOVE and s.error is None]
        registered = [s for s in self._steps if s.doing is Doing.REGISTER and s.error is None]
        freed = sum(step.size_bytes or 0 for step in removed)
        if self._ui.as_json:
            self._ui.json(
                {
                    "dryRun": self._dry_run,
                    "removed": [_object(step) for step in removed],
                    "registered": [_object(step) for step in registered],
                    "kept": [_object(step) for step in self._steps if step.doing is Doing.KEEP],
                    "failed": [_object(step) for step in failed],
                    "freedBytes": freed,
                    **(error_document(self._error) if self._error is not None else {}),
                }
            )
        if not self._steps:
            self._ui.note("Nothing to prune." if self._error is None else "Nothing was pruned.")
        else:
            would = "would be " if self._dry_run else ""
            size = f", {size_text(freed)} {would}freed" if freed else ""
            self._ui.note(f"{len(removed)} {would}removed, {len(failed)} failed{size}.")
        if self._error is not None and not failed:
            return self._error.exit_code
        return 1 if failed else 0


_PAST = {"remove": "removed", "register": "registered"}


def _object(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": step.thing.value, "name": step.name, "reason": step.reason}
    if step.item is not None:
        found["sessionKey"] = step.item.scope_key
    if step.size_bytes is not None:
        found["bytes"] = step.size_bytes
    if step.error is not None:
        found["error"] = {"code": step.error.code, "message": step.error.brief}
    return found
