"""`verify`: try to break out of the sandbox, and hold the outcome against the policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, error_document, now_ms
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import SandboxDisabledError, SandboxError, UsageError, VerbFailedError
from openclaw_sandbox.verify.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.verify.model import Report
    from openclaw_sandbox.verify.run import Request

EXAMPLES = """
openclaw-sandbox verify
openclaw-sandbox verify --agent work --quick
openclaw-sandbox verify --only net. --only ps.caps
openclaw-sandbox verify --all --junit report.xml
openclaw-sandbox verify --list
"""

#: What an engine lets a container be called; also the beginning of its id.
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FAIL_ON = tuple(severity.value for severity in Severity if severity is not Severity.INFO)


def verify(
    context: typer.Context,
    session: options.Session = None,
    agent: options.Agent = None,
    everyone: Annotated[bool, typer.Option("--all", help="The main session of every agent.")] = False,
    attach: Annotated[
        str | None, typer.Option("--attach", metavar="NAME", help="Look at this running container.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make a container for this, even if the sandbox runs.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what takes long.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="ID", help="Only this probe, or all that begin so (net.). Repeatable."
        ),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Print the catalogue and stop.")] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="SEVERITY", help=f"Exit 1 from here: {', '.join(_FAIL_ON)}.")
    ] = "low",
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also write a JUnit report.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Try to break out of a sandbox with harmless attempts, and compare with what its policy promises.

    Looks at the running container of the session, or makes one as `run` does and removes it again. Nothing is
    sent anywhere. Exit status: 0 every promise holds; 1 one is broken, or nobody could tell; 2 usage or
    config.
    """
    from openclaw_sandbox.verify.run import Request, chosen, nameless

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    request = Request(only=tuple(only or ()), quick=quick, attach=attach, fresh=fresh)
    if unknown := nameless(request):
        raise UsageError(
            f"No probe is called {' or '.join(unknown)}.", hint="See all: openclaw-sandbox verify --list"
        )
    probes = chosen(request)
    if not probes:
        raise UsageError("--quick leaves out every probe that --only names.", hint="Leave one of them out.")
    if show_list:
        return _list(ui, probes)
    if attach is not None and not _CONTAINER.fullmatch(attach):
        raise UsageError(f"--attach {attach!r} is not the name of a container.")
    if everyone and (session or agent or attach):
        raise UsageError("--all goes with none of --session, --agent and --attach.")
    if fresh and attach:
        raise UsageError("--fresh makes a container, --attach names one: choose.")
    job = _Job(ui, request, _severity(fail_on), junit)
    if everyone:
        return job.everyone(context)
    return job.one(context, session=session, agent=agent)


def _list(ui: Ui, probes: Any) -> int:
    from openclaw_sandbox.cli.render.verify import catalogue_json, catalogue_text

    if ui.as_json:
        ui.json(catalogue_json(probes))
    else:
        ui.out(catalogue_text(probes))
    return 0


def _severity(text: str) -> Severity:
    if text not in _FAIL_ON:
        raise UsageError(f'--fail-on: "{text}" is no severity.', hint=f"Use one of {', '.join(_FAIL_ON)}.")
    return Severity(text)


@dataclass(frozen=True, slots=True)
class _Job:
    ui: Ui
    request: Request
    fail_on: Severity
    junit: Path | None

    def one(self, context: typer.Context, *, session: str | None, agent: str | None) -> int:
        from openclaw_sandbox.cli.context import engine_of, policy_of, remaking
        from openclaw_sandbox.cli.render.verify import report_json, report_text

        engine = engine_of(self.ui)
        policy = None
        if self.request.attach and not session and not agent:
            policy, agent = _of_container(self.request.attach, context, engine)
        if policy is None:
            policy = policy_of(context, session=session, agent=agent)
        try:
            report = self._verify(policy, engine, remaking(context, self.ui, engine))
        except SandboxError as error:
            self._write_junit([], [(policy.session_key, error)])
            raise
        self._write_junit([report])
        if self.ui.as_json:
            self.ui.json(report_json(report, self.fail_on))
        else:
            self.ui.out(report_text(self.ui, report, self.fail_on))
        return 1 if report.failures(self.fail_on) else 0

    def everyone(self, context: typer.Context) -> int:
        """Every agent; one that cannot be proven does not hide the others."""
        from openclaw_sandbox.cli.context import engine_of, load, remaking
        from openclaw_sandbox.cli.render.verify import report_json, report_text
        from openclaw_sandbox.policy.host import RealHost
        from openclaw_sandbox.policy.resolve import Overrides, resolve

        config, engine = load(context), engine_of(self.ui)
        reports: list[Report] = []
        errors: list[tuple[str, SandboxError]] = []
        for agent in _agents(config.data):
            policy = resolve(config, session=None, agent=agent, host=RealHost(), overrides=Overrides())
            try:
                reports.append(self._verify(policy, engine, remaking(context, self.ui, engine)))
            except SandboxDisabledError:
                raise
            except SandboxError as error:
                errors.append((agent, error))
        self._write_junit(reports, errors)
        failed = [report for report in reports if report.failures(self.fail_on)]
        if self.ui.as_json:
            sandboxes = [report_json(report, self.fail_on) for report in reports]
            wrong = [{"agent": agent, **error_document(found)} for agent, found in errors]
            self.ui.json({"ok": not (failed or wrong), "sandboxes": sandboxes, "not_verified": wrong})
        else:
            for report in reports:
                self.ui.out(report_text(self.ui, report, self.fail_on) + "\n")
            for _, wrong_one in errors:
                self.ui.error(wrong_one)
        return 1 if failed or errors else 0

    def _verify(self, policy: EffectivePolicy, engine: Engine, remake: Callable[[Observed], None]) -> Report:
        from openclaw_sandbox.cli.context import require_runnable
        from openclaw_sandbox.verify.run import verify as carry_out

        require_runnable(policy, self.ui)
        if not self.ui.as_json:
            self.ui.note(f"verifying {policy.session_key}")
        return carry_out(policy, engine, self.request, now_ms=now_ms(), on_displaced=remake)

    def _write_junit(self, reports: list[Report], errors: Sequence[tuple[str, SandboxError]] = ()) -> None:
        from openclaw_sandbox.cli.render.verify import junit

        if self.junit is None:
            return
        try:
            self.junit.write_text(junit(reports, self.fail_on, errors), encoding="utf-8")
        except OSError as error:
            raise VerbFailedError(
                f"The report {self.junit} cannot be written: {error.strerror}.", hint="Name another file."
            ) from None


def _of_container(
    name: str, context: typer.Context, engine: Engine
) -> tuple[EffectivePolicy | None, str | None]:
    """The policy of the session that a container says it is for; failing that, the agent it names."""
    from openclaw_sandbox.cli.context import load
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.policy.host import RealHost
    from openclaw_sandbox.spec import labels

    observed = engine.inspect(name)
    if observed is None:
        return None, None
    agent = observed.labels.get(labels.AGENT)
    key = observed.labels.get(labels.SESSION_KEY, "")
    return Policies(load(context), RealHost()).of_scope(key, agent or "").policy, agent


def _agents(data: Any) -> list[str]:
    from openclaw_sandbox.policy.agents import configured_agents, default_agent

    agents = configured_agents(data)
    return list(dict.fromkeys(agent.id for agent in agents)) or [default_agent(agents)]
