"""`config`: begin a config.yml, check both files, show what counts."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.config.postures import Posture
from openclaw_sandbox.errors import PromptRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.policy.model import EffectivePolicy

EXAMPLES = """
openclaw-sandbox config init --posture balanced
openclaw-sandbox config init --posture restricted --agent public
openclaw-sandbox config validate
openclaw-sandbox config show --agent work --format toml
"""

config = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Begin a config.yml, check both config files, show what counts.",
)


class Format(enum.Enum):
    """`--format`."""

    YAML = "yaml"
    JSON = "json"
    TOML = "toml"


@config.command("init")
def init(
    context: typer.Context,
    posture: Annotated[Posture, typer.Option("--posture", help="How far the agents are trusted.")],
    agent: options.Agent = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what the file says already.")] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Write config.yml for a posture, after showing the difference; print the openclaw.json beside it.

    A file that exists keeps its comments and its other keys. Status 2 without --force if it says one of the
    posture's keys already.
    """
    from openclaw_sandbox.cli.context import load, whereabouts
    from openclaw_sandbox.cli.edit_file import current_text, difference, one_editor, replace_text
    from openclaw_sandbox.config.agents import normalize_agent_id
    from openclaw_sandbox.config.discover import state_paths
    from openclaw_sandbox.config.hardening_file import HARDENING_FILE
    from openclaw_sandbox.config.postures import openclaw_block

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    name = None if agent is None else normalize_agent_id(agent)
    file = state_paths(**whereabouts(context)).state_dir / HARDENING_FILE
    with one_editor(file, make=not dry_run):
        loaded = load(context)
        before = current_text(file)
        after, taken = _change(loaded, before, posture, name)
        diff = difference(file, before, after)
        if not as_json:
            ui.out(diff or f"{file} says all of this already.")
        if taken and not (force or dry_run):
            raise PromptRefusedError(
                f"{file} says already: {', '.join(taken)}. Nothing was written.",
                hint="Set them all the same: --force",
            )
        if not dry_run and diff:
            replace_text(file, after)
    block = openclaw_block(posture, name)
    if as_json:
        ui.json({"file": str(file), "changed": bool(diff) and not dry_run, "diff": diff, "openclaw": block})
        return 0
    ui.note(f"Belongs into {loaded.paths.config_file}:")
    ui.out(json.dumps(block, indent=2))
    return 0


@config.command("validate")
def validate(
    context: typer.Context,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Check openclaw.json and config.yml, and what they ask for. Status 2 if run would refuse an agent."""
    from openclaw_sandbox.cli.context import load
    from openclaw_sandbox.policy.agents import configured_agents, default_agent
    from openclaw_sandbox.policy.findings import errors, refuse
    from openclaw_sandbox.policy.host import RealHost
    from openclaw_sandbox.policy.resolve import survey

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    loaded, host = load(context), RealHost()
    agents = configured_agents(loaded.data)
    names = [agent.id for agent in agents] or [default_agent(agents)]
    policies = [survey(loaded, session=None, agent=name, host=host) for name in names]
    refuse(tuple(dict.fromkeys(found for policy in policies for found in errors(policy.findings))))
    hardening = loaded.hardening
    warnings = [*loaded.warnings, *(hardening.warnings if hardening else ())]
    files = {str(loaded.paths.config_file): loaded.exists}
    if hardening is not None:
        files[str(hardening.file)] = hardening.exists
    if as_json:
        told = [{"code": warning.code, "message": warning.message} for warning in warnings]
        ui.json({"files": files, "agents": [policy.agent_id for policy in policies], "warnings": told})
        return 0
    for warning in warnings:
        ui.warn(warning.message, warning.hint)
    for path, exists in files.items():
        ui.out(f"{path}: {'valid' if exists else 'there is none, which is valid'}")
    return 0


@config.command("show")
def show(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.YAML,
    session: options.Session = None,
    agent: options.Agent = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Print everything that counts for one agent, from both files and the defaults. Secrets are hidden."""
    from openclaw_sandbox.cli.context import load
    from openclaw_sandbox.cli.render.redact import Redactor
    from openclaw_sandbox.policy.host import RealHost
    from openclaw_sandbox.policy.resolve import survey

    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    loaded = load(context)
    policy = survey(loaded, session=session, agent=agent, host=RealHost())
    document = _document(policy, Redactor(loaded.secrets))
    if as_json or form is Format.JSON:
        ui.json(document)
    else:
        ui.out(_written(document, form))
    return 0


def _change(
    loaded: LoadedConfig, before: str, posture: Posture, agent: str | None
) -> tuple[str, tuple[str, ...]]:
    """The text of config.yml after it, and the posture's keys that it says already."""
    from openclaw_sandbox.cli.edit_file import with_its_line_ends
    from openclaw_sandbox.config.postures import fresh_text, merged_text, overwritten

    hardening = loaded.hardening
    if hardening is None or not hardening.exists:
        return fresh_text(posture, agent), ()
    after = with_its_line_ends(before, lambda text: merged_text(text, posture, agent))
    return after, overwritten(hardening.data, posture, agent)


def _document(policy: EffectivePolicy, redactor: Any) -> dict[str, Any]:
    from openclaw_sandbox.cli.render.explain_json import hardening_document

    return {
        "agentId": policy.agent_id,
        "sessionKey": policy.session_key,
        "enabled": policy.enabled,
        "openclaw": redactor.plain(policy.openclaw),
        "hardening": hardening_document(policy, redactor),
    }


def _written(document: Mapping[str, Any], form: Format) -> str:
    if form is Format.TOML:
        import tomli_w

        return tomli_w.dumps(_without_nothing(document))
    import io

    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    written = io.StringIO()
    yaml.dump(json.loads(json.dumps(document)), written)
    return written.getvalue()


def _without_nothing(value: Any) -> Any:
    """TOML has no word for nothing: such keys are left out."""
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value if item is not None]
    return value
