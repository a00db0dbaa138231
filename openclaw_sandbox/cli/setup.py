"""`setup`: from nothing to "a sandbox can run"; also its proof and its removal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import UsageError, VerbFailedError

if TYPE_CHECKING:
    from datetime import datetime

    from openclaw_sandbox.image.outcome import Outcome
    from openclaw_sandbox.image.progress import Listener
    from openclaw_sandbox.image.recipes import ImageName
    from openclaw_sandbox.image.setup import Bench, Request
    from openclaw_sandbox.image.uninstall import Item

EXAMPLES = """
openclaw-sandbox setup
openclaw-sandbox setup --install-engine
openclaw-sandbox setup --image common
openclaw-sandbox setup --save bundle.tar       (here, with a network)
openclaw-sandbox setup --base bundle.tar       (there, without one)
openclaw-sandbox setup --check
"""


def setup(
    context: typer.Context,
    install_engine: Annotated[
        bool,
        typer.Option("--install-engine", help="Install and start Docker from the distribution's packages."),
    ] = False,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="NAME", help="sandbox (default) or common: compilers, node, npm, pip."
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option("--base", metavar="FROM", help="auto, local, registry, bootstrap, or a bundle's path."),
    ] = "auto",
    mirror: Annotated[
        list[str] | None,
        typer.Option("--mirror", metavar="URL", help="Package mirror instead of this machine's; repeatable."),
    ] = None,
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="NAME", help="Release of the base, such as bookworm.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="Architecture, such as amd64 or arm64.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", metavar="FILE", help="CA certificates (PEM) for mirrors.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Then write the images into a bundle.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Prove what is there; change nothing.")] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Remove everything of this tool from the engine.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "--yes", "-y", help="Build again; remove without asking.")
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Find the engine, make the base image and build the sandbox image. Safe to repeat."""
    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    building = [install_engine, base != "auto", mirror, suite, arch, ca_file, save]
    if (check or uninstall) and (any(building) or (check and uninstall)):
        raise UsageError("--check and --uninstall build nothing: use each of them alone.")
    if uninstall:
        return _uninstall(context, ui, force=force, dry_run=dry_run)
    from openclaw_sandbox.image.choose import parse_architecture, parse_base, parse_image, parse_suite
    from openclaw_sandbox.image.mirrors import check_url
    from openclaw_sandbox.image.setup import Request

    if save is not None:
        _require_place(save)
    names = tuple(parse_image(name) for name in image or ("sandbox",))
    if check:
        return _check(ui, names)
    request = Request(
        images=names,
        base=parse_base(base),
        mirrors=tuple(check_url(url) for url in mirror or ()),
        suite=None if suite is None else parse_suite(suite),
        architecture=None if arch is None else parse_architecture(arch),
        ca_file=ca_file,
        force=force,
        may_install=install_engine,
    )
    return _set_up(ui, request, save=save, dry_run=dry_run)


def _require_place(save: Path) -> None:
    """Before anything is built for a bundle that could not be written."""
    folder = save.absolute().parent
    if not os.path.isdir(folder):  # noqa: PTH112  (a folder that may not be looked into is none, and no error)
        raise UsageError(f"--save: the folder {folder} does not exist.")
    if os.path.isdir(save):  # noqa: PTH112  (as above)
        raise UsageError(f"--save: {save} is a folder.", hint=f"Name a file: --save {save}/bundle.tar")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--save: the folder {folder} cannot be written to.")


def _set_up(ui: Ui, request: Request, *, save: Path | None, dry_run: bool) -> int:
    from openclaw_sandbox.cli.render.setup import compact, outcome_json, progress
    from openclaw_sandbox.egress.image import plan_image
    from openclaw_sandbox.image import setup as work

    with progress(ui) as listener:
        bench = _bench(ui, listener, install=request.may_install and not dry_run)
        if dry_run:
            return _show_plan(ui, (*work.plan(bench, request), *plan_image(bench, request)))
        made = _with_helpers(bench, request, work.set_up(bench, request))
        digest = work.save(bench, made, save) if save else None
    if ui.as_json:
        bundle = {"path": str(save), "sha256": digest} if save else None
        images = [outcome_json(outcome, now=_now()) for outcome in made]
        ui.out(compact({"event": "result", "images": images, "bundle": bundle}))
        return 0
    for outcome in made:
        ui.out(f"{outcome.reference} {outcome.image.id} ({outcome.action})")
    if save:
        ui.out(f"{save} sha256:{digest}")
    ui.note("Prove it: openclaw-sandbox setup --check")
    return 0


def _with_helpers(bench: Bench, request: Request, outcomes: tuple[Outcome, ...]) -> list[Outcome]:
    """The egress helpers' image comes last; one that a bundle brought is built again only if it must be."""
    from openclaw_sandbox.egress.image import make_image
    from openclaw_sandbox.image.progress import Phase

    bundled = request.base.bundle is not None
    helpers = make_image(bench.images, bench.reporter(Phase.BUILD), force=request.force and not bundled)
    loaded = next((item for item in outcomes if item.reference == helpers.reference), helpers)
    ours = [item for item in outcomes if item is not loaded]
    return [*ours, loaded if helpers.action == "kept" else helpers]


def _show_plan(ui: Ui, lines: tuple[str, ...]) -> int:
    if ui.as_json:
        ui.json({"plan": list(lines)})
    else:
        for line in lines:
            ui.note(line)
    return 0


def _bench(ui: Ui, listener: Listener, *, install: bool) -> Bench:
    """The engine, which must answer; installed first if that was asked for."""
    from openclaw_sandbox.cli.context import engine_of
    from openclaw_sandbox.engine import open_images
    from openclaw_sandbox.image.host import this_machine
    from openclaw_sandbox.image.progress import Phase, Reporter
    from openclaw_sandbox.image.setup import Bench

    machine = this_machine()
    report = Reporter(Phase.ENGINE, listener)
    if install:
        from openclaw_sandbox.image.install import install_engine, refuse_named_engine

        refuse_named_engine(os.environ)
        install_engine(machine, ping=lambda: engine_of(ui).info(), report=report)
    engine = engine_of(ui)
    info = engine.info()
    report.done(f"{info.name} {info.version} at {engine.address}")
    return Bench(
        images=open_images(os.environ),
        engine_architecture=info.architecture,
        machine=machine,
        env=dict(os.environ),
        listener=listener,
    )


def _check(ui: Ui, names: tuple[ImageName, ...]) -> int:
    from openclaw_sandbox.cli.context import engine_of
    from openclaw_sandbox.cli.render.setup import check_lines, image_facts
    from openclaw_sandbox.image.recipes import reference_of
    from openclaw_sandbox.lifecycle.prove import prove
    from openclaw_sandbox.policy.host import RealHost

    engine = engine_of(ui)
    engine.info()
    answers: list[dict[str, Any]] = []
    for name in names:
        reference = reference_of(name)
        image = engine.image(reference)
        if image is None:
            raise VerbFailedError(f"There is no image {reference}.", hint=f"Make it: {_command_for(name)}")
        shown = prove(image, reference, engine, host=RealHost(), now_ms=now_ms())
        facts = image_facts(image, reference, now=_now())
        if not ui.as_json:
            ui.out(check_lines(ui, facts, shown))
        checks = [{"name": item.name, "ok": item.ok, "found": item.found} for item in shown]
        answers.append({**facts, "ok": all(item.ok for item in shown), "checks": checks})
    ok = all(answer["ok"] for answer in answers)
    if ui.as_json:
        ui.json({"ok": ok, "images": answers})
    return 0 if ok else 1


def _command_for(name: ImageName) -> str:
    return "openclaw-sandbox setup" + ("" if name.value == "sandbox" else f" --image {name.value}")


def _uninstall(context: typer.Context, ui: Ui, *, force: bool, dry_run: bool) -> int:
    from openclaw_sandbox.cli.confirm import require_yes
    from openclaw_sandbox.cli.context import engine_of, whereabouts
    from openclaw_sandbox.cli.render.setup import removal_json, removal_lines
    from openclaw_sandbox.config.discover import state_paths
    from openclaw_sandbox.engine import open_images
    from openclaw_sandbox.image import uninstall
    from openclaw_sandbox.spec.build import state_hash

    paths = state_paths(**whereabouts(context))
    engine, images = engine_of(ui), open_images(os.environ)
    removal = uninstall.find_all(engine, images, state=state_hash(str(paths.state_dir)))
    if not ui.as_json:
        for line in removal_lines(removal) or ["There is nothing of this tool on the engine."]:
            ui.note(line)
    if not dry_run and removal.going:
        if not force:
            require_yes(f"Remove {_count(len(removal.going))}?")
        removal = uninstall.remove(removal, engine, images, lambda item: _tell_removed(ui, item))
    if ui.as_json:
        ui.json({"dry_run": dry_run, **removal_json(removal)})
    return 1 if removal.failed else 0


def _tell_removed(ui: Ui, item: Item) -> None:
    if item.kept:
        ui.warn(f"not removed: {item.thing.value} {item.name}: {item.kept}")
    else:
        ui.debug(f"removed {item.thing.value} {item.name}")


def _count(things: int) -> str:
    return "1 thing" if things == 1 else f"{things} things"


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)
