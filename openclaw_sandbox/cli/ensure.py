"""`ensure`: make sandboxes run, without running anything in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui, now_ms
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.plan import OnBusy

if TYPE_CHECKING:
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.policy.model import EffectivePolicy

EXAMPLES = """
openclaw-sandbox ensure
openclaw-sandbox ensure --session agent:work:main
openclaw-sandbox ensure --all --on-busy wait
"""


def ensure(
    context: typer.Context,
    session: options.Session = None,
    agent: options.Agent = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Each agent's sandbox, and every one that is registered.")
    ] = False,
    on_busy: Annotated[
        OnBusy,
        typer.Option("--on-busy", help="When it must be replaced and a command runs in it."),
    ] = OnBusy.REFUSE,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Make a sandbox run, so that OpenClaw's gateway finds it: made, started, or kept as it is.

    Without --session, --agent or --all it is that of the default agent.
    """
    from openclaw_sandbox.cli.context import require_runnable
    from openclaw_sandbox.cli.fleet import open_fleet

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    if everything and (session is not None or agent is not None):
        raise UsageError("--all goes with neither --session nor --agent.", hint="Leave one of them out.")
    fleet = open_fleet(context, ui, need_config=True)
    policies = _everything(fleet, ui) if everything else [_one(context, session, agent)]
    for policy in policies:
        require_runnable(policy, ui)
    if dry_run:
        return _plan(policies, fleet, ui)
    return _carry_out(policies, fleet, ui, on_busy)


def _one(context: typer.Context, session: str | None, agent: str | None) -> EffectivePolicy:
    from openclaw_sandbox.cli.context import policy_of

    return policy_of(context, session=session, agent=agent)


def _everything(fleet: Fleet, ui: Ui) -> list[EffectivePolicy]:
    """The agents' own, and what the registry knows. What the config makes no more is told and left alone."""
    from openclaw_sandbox.errors import ConfigError
    from openclaw_sandbox.lifecycle.registry import Kind

    found: list[EffectivePolicy] = []
    for agent_id in fleet.policies.agents():
        policy = fleet.policies.of_agent(agent_id)
        if isinstance(policy, str):
            raise ConfigError(f"Agent {agent_id} cannot have a sandbox: {policy}.")
        found.append(policy)
    for entry in fleet.registry.entries(Kind.CONTAINER):
        answer = fleet.policies.of_scope(entry.session_key)
        if answer.policy is None:
            ui.warn(f"{entry.container_name} is left alone: {answer.why_not}")
        else:
            found.append(answer.policy)
    return list({policy.container_name: policy for policy in found}.values())


def _plan(policies: list[EffectivePolicy], fleet: Fleet, ui: Ui) -> int:
    from openclaw_sandbox.lifecycle.dryrun import steps
    from openclaw_sandbox.lifecycle.ensure import draw_blueprint
    from openclaw_sandbox.lifecycle.plan import plan_ensure
    from openclaw_sandbox.lifecycle.registry import Kind

    plans = []
    for policy in policies:
        blueprint = draw_blueprint(policy, fleet.engine, now_ms=now_ms(), touch=False)
        name = blueprint.spec.name
        entry = fleet.registry.find(Kind.CONTAINER, name)
        action = plan_ensure(blueprint.desired, fleet.engine.inspect(name), entry=entry, now_ms=now_ms())
        plans.append({"containerName": name, "sessionKey": policy.scope_key, "plan": steps(action, name)})
        for line in steps(action, name):
            ui.note(line)
    if ui.as_json:
        ui.json({"dryRun": True, "sandboxes": plans})
    return 0


def _carry_out(policies: list[EffectivePolicy], fleet: Fleet, ui: Ui, on_busy: OnBusy) -> int:
    from openclaw_sandbox.cli.render.ensured import ensured_object, tell_ensured
    from openclaw_sandbox.lifecycle.ensure_all import ensure_all, remake_shared

    remake = remake_shared(lambda: fleet.policies, fleet.engine, now_ms=now_ms(), log=ui.note, warn=ui.warn)
    results = []
    for result in ensure_all(
        policies, fleet.engine, now_ms=now_ms(), on_busy=on_busy, log=ui.note, on_displaced=remake
    ):
        if result.error is not None and len(policies) == 1:
            raise result.error
        tell_ensured(result, ui)
        results.append(result)
    if ui.as_json:
        ui.json({"sandboxes": [ensured_object(result) for result in results]})
    return 1 if any(result.error is not None for result in results) else 0
