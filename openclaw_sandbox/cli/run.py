"""`run`: a command in the sandbox."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.render.capture import Capture
from openclaw_sandbox.cli.render.run import run_document, tell
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.plan import OnBusy

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.ensure import Blueprint
    from openclaw_sandbox.lifecycle.run import RunRequest
    from openclaw_sandbox.lifecycle.streams import Streams
    from openclaw_sandbox.policy.model import EffectivePolicy, Hardening

EXAMPLES = """
openclaw-sandbox run -- id
openclaw-sandbox run --agent work --timeout 30s -- make test
echo data | openclaw-sandbox run --rm -- sha256sum
openclaw-sandbox run --dry-run -- id
"""


def run(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(metavar="[--] CMD [ARG]...")] = None,
    session: options.Session = None,
    agent: options.Agent = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME[=VALUE]", help="A variable."),
    ] = None,
    env_file: Annotated[
        list[Path] | None,
        typer.Option("--env-file", metavar="FILE", help="One NAME=VALUE per line."),
    ] = None,
    workdir: Annotated[
        str | None, typer.Option("--workdir", "-w", metavar="DIR", help="Working directory inside.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", metavar="UID[:GID]", help="User inside.")
    ] = None,
    tty: Annotated[
        bool | None,
        typer.Option("--tty/--no-tty", "-t", help="A terminal for the command. Default: none."),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="End it after 30s, 5m, ...: 124."),
    ] = None,
    max_output: Annotated[
        str | None, typer.Option("--max-output", metavar="SIZE", help="End it when it wrote more: 10m.")
    ] = None,
    on_busy: Annotated[
        OnBusy, typer.Option("--on-busy", help="When the sandbox must be replaced and a command runs in it.")
    ] = OnBusy.REFUSE,
    rm: Annotated[bool, typer.Option("--rm", help="A container for this command alone.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it and leave: prints a name for `logs`.")
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Run a command in the sandbox of an agent or a session.

    The status is the command's own; 124 timed out, 125 the sandbox failed, 126 not executable, 127 not found.
    """
    from openclaw_sandbox.cli.context import engine_of, policy_of, remaking, require_runnable
    from openclaw_sandbox.lifecycle.durations import parse_duration
    from openclaw_sandbox.lifecycle.ensure import draw_blueprint, draw_scope
    from openclaw_sandbox.lifecycle.environment import command_variables
    from openclaw_sandbox.lifecycle.run import RunRequest

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if not command:
        raise UsageError("There is no command to run.", hint="Write it after --: openclaw-sandbox run -- id")
    _check_terminal(tty)
    variables = command_variables(env or (), env_file or (), os.environ)
    request = RunRequest(
        argv=tuple(_utf8(word, "An argument of the command") for word in command),
        env={name: _utf8(value, f"The variable {name}") for name, value in variables.items()},
        workdir=_inside(workdir),
        user=_checked_user(user),
        tty=bool(tty),
        timeout_s=None if timeout is None else parse_duration(timeout, flag="--timeout"),
        output_limit=None if max_output is None else _size(max_output),
        alone=rm,
        on_busy=on_busy,
    )
    policy = policy_of(context, session=session, agent=agent)
    require_runnable(policy, ui)
    request = _within(request, policy.hardening)
    engine = engine_of(ui)
    if dry_run:
        blueprint = draw_blueprint(policy, engine, now_ms=now_ms(), touch=False)
        return _dry_run(ui, blueprint, request, engine)
    remake = remaking(context, ui, engine)
    if detach:
        return _detach(ui, policy, request, engine, remake)
    if rm:
        blueprint = draw_blueprint(policy, engine, now_ms=now_ms(), on_displaced=remake)
    else:
        blueprint = draw_scope(policy, engine, now_ms=now_ms(), warn=ui.warn, on_displaced=remake)
    return _attached(ui, blueprint, request, engine)


def _detach(
    ui: Ui,
    policy: EffectivePolicy,
    request: RunRequest,
    engine: Engine,
    remake: Callable[[Observed], None],
) -> int:
    from openclaw_sandbox.lifecycle.ensure import draw_blueprint
    from openclaw_sandbox.lifecycle.jobs import refuse_what_cannot_last, start_job

    refuse_what_cannot_last(policy, request)  # before anything is made for it
    blueprint = draw_blueprint(policy, engine, now_ms=now_ms(), on_displaced=remake)
    name = start_job(blueprint, request, engine, listener=ui)
    if ui.as_json:
        ui.json({"name": name, "detached": True})
    else:
        ui.out(name)
    return 0


def _attached(ui: Ui, blueprint: Blueprint, request: RunRequest, engine: Engine) -> int:
    from openclaw_sandbox.lifecycle.run import run as run_in_sandbox

    sys.stdout.flush()
    capture = Capture() if ui.as_json else None
    report = run_in_sandbox(blueprint, request, engine, _streams(request, capture), listener=ui)
    if capture is not None:
        ui.json(run_document(report), capture.fields)
    tell(ui, report)
    return report.exit_status


def _check_terminal(tty: bool | None) -> None:
    if tty and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("-t needs a terminal on stdin and stdout, and there is none.", hint="Leave -t out.")


def _inside(workdir: str | None) -> str | None:
    if workdir is not None and not workdir.startswith("/"):
        raise UsageError(f"--workdir {workdir!r} is not an absolute path inside the sandbox.")
    return None if workdir is None else _utf8(workdir, "--workdir")


def _utf8(text: str, what: str) -> str:
    """What came as bytes, for an engine, which would change other bytes without a word."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"{what} is not UTF-8, and an engine takes nothing else.",
            hint="Pass such bytes on stdin, or in a file of the workspace.",
        ) from None


def _size(text: str) -> int:
    from openclaw_sandbox.policy.sizes import size_bytes

    try:
        return size_bytes(text)
    except ValueError as error:
        raise UsageError(f"--max-output: {error}", hint="Write bytes or a unit: 65536, 512k, 10m.") from None


def _checked_user(user: str | None) -> str | None:
    from openclaw_sandbox.spec.identity import parse_user

    if user is None:
        return None
    numeric = parse_user(user)
    if numeric is None:
        raise UsageError(f"--user {user!r} is not UID or UID:GID.", hint="Use numbers: --user 1000:1000")
    if numeric.uid == 0 or numeric.gid == 0:
        raise UsageError("No command runs as root in a sandbox.", hint="Use another uid, or none.")
    return numeric.text()


def _within(request: RunRequest, hardening: Hardening) -> RunRequest:
    """The strictest of flag and config wins."""
    from dataclasses import replace

    times = [limit for limit in (request.timeout_s, hardening.timeout_s) if limit is not None]
    sizes = [limit for limit in (request.output_limit, hardening.max_output_bytes) if limit is not None]
    return replace(request, timeout_s=min(times, default=None), output_limit=min(sizes, default=None))


def _streams(request: RunRequest, capture: Capture | None) -> Streams:
    from openclaw_sandbox.lifecycle.streams import Streams, fd_sink

    return Streams(
        stdout=capture.stdout.write if capture else fd_sink(sys.stdout.fileno()),
        stderr=capture.stderr.write if capture else fd_sink(sys.stderr.fileno()),
        stdin=_stdin(),
        tty=sys.stdin.fileno() if request.tty else None,
    )


def _stdin() -> int | None:
    """The input for the command; None if there is none for it.

    That is so if stdin was closed, and for a job in a terminal's background, which reading would stop.
    """
    try:
        descriptor = sys.stdin.fileno() if sys.stdin is not None else None
        if descriptor is not None and os.isatty(descriptor):
            return descriptor if os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, ValueError):
        return None
    return descriptor


def _dry_run(ui: Ui, blueprint: Blueprint, request: RunRequest, engine: Engine) -> int:
    """The plan on stderr, the docker run line on stdout. Nothing is made."""
    from dataclasses import replace

    from openclaw_sandbox.engine.docker.translate import run_argv, run_line
    from openclaw_sandbox.lifecycle.dryrun import describe, plain_seccomp_path, shown_spec, visible_env
    from openclaw_sandbox.lifecycle.fit import fit
    from openclaw_sandbox.lifecycle.make import needs_of
    from openclaw_sandbox.lifecycle.plan import plan_ensure

    action = plan_ensure(blueprint.desired, engine.inspect(blueprint.spec.name))
    allowed = blueprint.policy.hardening.allow_unenforced
    needs = needs_of(blueprint.spec, blueprint)
    fitted = fit(blueprint.spec, engine.info(), allowed=allowed, needs=needs)
    blueprint = replace(blueprint, spec=fitted.spec)
    for line in describe(action, blueprint, request):
        ui.note(line)
    argv = run_argv(
        shown_spec(blueprint, request),
        request.argv,
        seccomp_path=plain_seccomp_path(blueprint),
        exec_env=visible_env(blueprint, request),
    )
    if ui.as_json:
        ui.json({"plan": describe(action, blueprint, request), "argv": argv, "line": run_line(argv)})
    else:
        ui.out(run_line(argv))
    return 0
