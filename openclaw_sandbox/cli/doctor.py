"""`doctor`: what is wrong here, and what mends it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.config.model import LoadedConfig
from openclaw_sandbox.errors import ConfigError, EngineError, SandboxError, UsageError, VerbFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.facts import Facts
    from openclaw_sandbox.doctor.fix import Fix
    from openclaw_sandbox.doctor.model import Finding
    from openclaw_sandbox.image.recipes import ImageName
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.verify.model import Report

EXAMPLES = """
openclaw-sandbox doctor
openclaw-sandbox doctor --only engine. --only image.
openclaw-sandbox doctor --fix --yes
openclaw-sandbox doctor --html report.html
"""


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="ID", help="Only this check, or all that begin so (engine.). Repeatable."
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Nothing that may need the network.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write one page, with verify's results."),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Look at engine, kernel, image, config and containers, and say what mends what is wrong.

    Exit status: 0 nothing failed (warnings are fine); 1 something did.
    """
    from openclaw_sandbox.cli.render.doctor import report_json, report_text

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if html is not None:
        _require_place(html)
    job = _Job(ui=ui, context=context, only=tuple(only or ()), offline=offline)
    facts, fleet = job.look()
    findings = job.examine(facts)
    mended: tuple[tuple[str, str], ...] = ()
    if fix:
        mended = job.mend(facts, fleet, yes=force)
        if mended:
            findings = job.examine(job.look()[0])
    if html is not None:
        _write_page(html, findings, job.prove(facts, fleet))
    if as_json:
        ui.json(report_json(findings, mended))
    else:
        ui.out(report_text(ui, findings))
    return 1 if any(finding.status.value == "fail" for finding in findings) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    ui: Ui
    context: typer.Context
    only: tuple[str, ...]
    offline: bool

    def look(self) -> tuple[Facts, Fleet | None]:
        """This machine now. What is broken becomes a fact."""
        from openclaw_sandbox.cli.context import engine_of, whereabouts
        from openclaw_sandbox.cli.engine_view import engine_findings, profile_findings
        from openclaw_sandbox.config.discover import state_paths
        from openclaw_sandbox.doctor.checks import areas_of
        from openclaw_sandbox.doctor.gather import Gatherer
        from openclaw_sandbox.lifecycle.fleet import Fleet
        from openclaw_sandbox.lifecycle.policies import Policies
        from openclaw_sandbox.policy.host import RealHost

        state_dir = state_paths(**whereabouts(self.context)).state_dir
        config, engine_error, fleet = self.config(), None, None
        policies = Policies(None, RealHost(), problem="the config cannot be used")
        if isinstance(config, LoadedConfig):
            policies = Policies(config, RealHost())
        try:
            fleet = Fleet(state_dir, engine_of(self.ui), policies, warn=self.ui.warn)
        except (EngineError, UsageError) as error:
            engine_error = error
        known, refused = _surveyed(config) if isinstance(config, LoadedConfig) else ((), ())
        gatherer = Gatherer(
            fleet=fleet,
            policies=known,
            state_dir=state_dir,
            observed=lambda policy, answers: engine_findings(policy) if answers else profile_findings(policy),
            config_error=config if isinstance(config, ConfigError) else None,
            refused_agents=refused,
            engine_error=engine_error,
            offline=self.offline,
            areas=areas_of(self.only),
        )
        return gatherer.facts(), fleet

    def config(self) -> LoadedConfig | ConfigError:
        """The config, or what is wrong with it."""
        from openclaw_sandbox.cli.context import load

        try:
            return load(self.context)
        except ConfigError as error:
            return error

    def examine(self, facts: Facts) -> tuple[Finding, ...]:
        """What the checks say, without the secrets of the config.

        Raises:
            UsageError: a word of `--only` begins no check's id.
        """
        from openclaw_sandbox.doctor.checks import examine, nearest

        found = examine(facts, self.only)
        for word in self.only:
            if not any(finding.id.startswith(word.rstrip(".")) for finding in found):
                near = nearest(word)
                guess = f"Did you mean {near}? " if near else ""
                raise UsageError(
                    f"No check is called {word}.", hint=f"{guess}See all: openclaw-sandbox doctor --json"
                )
        config = self.config()
        return found if isinstance(config, ConfigError) else tuple(_redacted(found, config.secrets))

    def mend(self, facts: Facts, fleet: Fleet | None, *, yes: bool) -> tuple[tuple[str, str], ...]:
        """Show each step, ask, do it."""
        from openclaw_sandbox.cli.confirm import require_yes
        from openclaw_sandbox.doctor.fix import fixes

        steps = [
            step
            for step in fixes(facts, fleet, None if self.offline else self._set_up)
            if not self.only or step.finding.startswith(self.only)
        ]
        for step in steps:
            self.ui.note(f"{step.finding}: {step.words}")
        if not steps:
            self.ui.note("There is nothing that this tool can mend by itself.")
            return ()
        if not yes:
            what = "this" if len(steps) == 1 else f"these {len(steps)} things"
            require_yes(f"Do {what}?", otherwise="Nothing was changed.", flag="--yes")
        return tuple((step.finding, self._carry_out(step)) for step in steps)

    def _carry_out(self, step: Fix) -> str:
        """One that fails does not keep the others from being done."""
        try:
            said = step.run()
        except SandboxError as error:
            self.ui.warn(f"{step.finding}: {error.brief}", error.hint)
            return f"failed: {error.brief}"
        self.ui.note(f"{step.finding}: {said}")
        return said

    def _set_up(self, name: ImageName) -> str:
        """As `setup` does it; its steps are told with -v."""
        from openclaw_sandbox.cli.context import engine_of
        from openclaw_sandbox.engine import open_images
        from openclaw_sandbox.image.host import this_machine
        from openclaw_sandbox.image.setup import Bench, Request, set_up

        bench = Bench(
            images=open_images(os.environ),
            engine_architecture=engine_of(self.ui).info().architecture,
            machine=this_machine(),
            env=dict(os.environ),
            listener=lambda event: self.ui.debug(f"setup: {event.text}"),
        )
        outcomes = set_up(bench, Request(images=(name,)))
        return ", ".join(f"{outcome.reference} was {outcome.action}" for outcome in outcomes)

    def prove(self, facts: Facts, fleet: Fleet | None) -> Report | None:
        """What verify says of the first session that has a sandbox, for the page."""
        from openclaw_sandbox.cli.ui import now_ms
        from openclaw_sandbox.verify.run import Request, verify

        policy = next((p for p in facts.policies if p.sandboxed_by_openclaw and p.enabled), None)
        if policy is None or fleet is None or facts.engine.info is None:
            return None
        try:
            return verify(policy, fleet.engine, Request(), now_ms=now_ms())
        except SandboxError as error:
            self.ui.warn(f"verify: {error.brief}", error.hint)
            return None


def _surveyed(config: LoadedConfig) -> tuple[tuple[EffectivePolicy, ...], tuple[tuple[str, str], ...]]:
    """Every agent's policy, with what `run` would refuse as findings; and the agents that have none."""
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.policy.host import RealHost
    from openclaw_sandbox.policy.resolve import survey

    found: list[EffectivePolicy] = []
    refused: list[tuple[str, str]] = []
    for agent in Policies(config, RealHost()).agents():
        try:
            found.append(survey(config, session=None, agent=agent, host=RealHost()))
        except (ConfigError, UsageError) as error:
            refused.append((agent, error.brief))
    return tuple(found), tuple(refused)


def _redacted(findings: tuple[Finding, ...], secrets: frozenset[str]) -> Iterator[Finding]:
    from dataclasses import replace

    from openclaw_sandbox.cli.render.redact import Redactor

    hide = Redactor(secrets).text
    for finding in findings:
        details = tuple(map(hide, finding.details))
        yield replace(finding, message=hide(finding.message), fix=hide(finding.fix), details=details)


def _require_place(path: Path) -> None:
    """Before anything is tried whose result could not be written down."""
    folder = path.absolute().parent
    if not os.path.isdir(folder):  # noqa: PTH112  (a folder that may not be looked into is none, and no error)
        raise _unwritable(path, f"the folder {folder} does not exist")
    if os.path.isdir(path):  # noqa: PTH112  (as above)
        raise _unwritable(path, "it is a folder")
    if not os.access(folder, os.W_OK):
        raise _unwritable(path, f"the folder {folder} is not yours to write to")


def _unwritable(path: Path, why: str) -> VerbFailedError:
    return VerbFailedError(f"The page {path} cannot be written: {why}.", hint="Name another file.")


def _write_page(path: Path, findings: tuple[Finding, ...], report: Report | None) -> None:
    from openclaw_sandbox.cli.render.page import page

    try:
        path.write_text(page(findings, report, host=os.uname().nodename), encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from None
