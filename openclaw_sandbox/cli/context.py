"""From flags to a policy and an engine: the same way for every verb."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.errors import ConfigError, Issue, SandboxDisabledError, UnknownAgentError
from openclaw_sandbox.policy.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.engine.docker.engine import DockerEngine
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding
    from openclaw_sandbox.policy.resolve import Overrides


def whereabouts(context: typer.Context) -> dict[str, Any]:
    """What decides where config and state are: the environment, the folder, the root flags."""
    from openclaw_sandbox.policy.host import RealHost

    root: dict[str, Any] = context.obj or {}
    return {
        "env": os.environ,
        "cwd": RealHost().cwd,  # also where that folder was removed
        "profile": root.get("profile"),
        "dev": bool(root.get("dev")),
    }


def load(context: typer.Context) -> LoadedConfig:
    """The user's config, by the root flags and the environment."""
    from openclaw_sandbox.config.load import load_config

    return load_config(**whereabouts(context))


def policy_of(
    context: typer.Context,
    *,
    session: str | None,
    agent: str | None,
    overrides: Overrides | None = None,
) -> EffectivePolicy:
    """The effective policy of one session; findings of every severity are in it."""
    from openclaw_sandbox.policy.host import RealHost
    from openclaw_sandbox.policy.resolve import Overrides, resolve

    config = load(context)
    return resolve(config, session=session, agent=agent, host=RealHost(), overrides=overrides or Overrides())


def require_runnable(policy: EffectivePolicy, ui: Ui) -> None:
    """Stop at whatever the policy refuses; tell the warnings.

    Raises:
        SandboxDisabledError: `enabled: false`.
        UnknownAgentError: the session's agent is in no config.
        ConfigError: the config asks for something that no sandbox gets.
    """
    if not policy.enabled:
        raise SandboxDisabledError(
            "The sandbox is switched off: `enabled: false` in config.yml.",
            hint="Set sandbox.enabled to true.",
        )
    for finding in policy.findings:
        if finding.code == "session.unknown-agent":
            raise UnknownAgentError(finding.message, hint=finding.hint)
    errors = [finding for finding in policy.findings if finding.severity is Severity.ERROR]
    if errors:
        raise ConfigError(
            "The config asks for what no sandbox gets.",
            issues=[_issue(finding) for finding in errors],
            hint="See everything: openclaw-sandbox explain",
        )
    # What OpenClaw itself would do (`mode.*`) is for `explain`: here the sandbox is used in any case.
    told = (f for f in policy.findings if f.severity is Severity.WARNING and not f.code.startswith("mode."))
    ui.findings(told)


def _issue(finding: Finding) -> Issue:
    place = finding.origin.location() if finding.origin else None
    return Issue(
        path=finding.origin.key if finding.origin else finding.code,
        message=finding.message,
        file=finding.origin.file if finding.origin else None,
        line=place.line if place else None,
        column=place.column if place else None,
        hint=finding.hint or None,
    )


def remaking(context: typer.Context, ui: Ui, engine: Engine) -> Callable[[Observed], None]:
    """For `draw_blueprint`: who had to go for a new workspace comes back. The config is read only then."""

    def remake(container: Observed) -> None:
        from openclaw_sandbox.cli.ui import now_ms
        from openclaw_sandbox.lifecycle.ensure_all import remake_shared
        from openclaw_sandbox.lifecycle.policies import Policies
        from openclaw_sandbox.policy.host import RealHost

        again = remake_shared(
            lambda: Policies(load(context), RealHost()),
            engine,
            now_ms=now_ms(),
            log=ui.debug,
            warn=ui.warn,
        )
        again(container)

    return remake


def engine_of(ui: Ui) -> DockerEngine:
    """The engine of this environment; its calls are told with -v."""
    from openclaw_sandbox.engine import open_engine

    return open_engine(os.environ, on_call=ui.engine_call)
