"""`explain`: what a session's sandbox may do, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from openclaw_sandbox.cli import options
from openclaw_sandbox.cli.ui import ColorChoice, Ui
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.policy.host import HostFacts

EXAMPLES = """
openclaw-sandbox explain --agent work
openclaw-sandbox explain --tool exec --session agent:work:telegram:group:1
openclaw-sandbox explain --key docker.memory
openclaw-sandbox explain --path /etc/passwd
openclaw-sandbox explain --diff main work
"""


def explain(
    context: typer.Context,
    session: options.Session = None,
    agent: options.Agent = None,
    tool: Annotated[
        str | None, typer.Option("--tool", metavar="NAME", help="Would this call run, where, by which rule.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="With --tool: the model's provider.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="With --tool: the model that answers.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="PATH", help="What a path is inside, and who may use it.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="One value: its origin and what it overrode.")
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option("--diff", metavar="A B", help="What differs between two agents or two sessions."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Compare with the container that runs now.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every value, also the defaults.")] = False,
    channel: Annotated[
        str | None,
        typer.Option("--channel", metavar="NAME", help="Chat channel an elevated call comes from."),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option("--sender", metavar="WHO", help="Who asks for elevated, as the channel names him."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    color: options.Color = ColorChoice.AUTO,
) -> int:
    """Show what is allowed in a session's sandbox, and which file and line says so.

    Exit status: 0, also when run would refuse this policy; 2 if the config or the question is wrong; with
    --live 1 if the running container differs.
    """
    ui = Ui(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
    asked = {"--tool": tool, "--path": path, "--key": key, "--diff": diff, "--live": live or None}
    _only_one([flag for flag, value in asked.items() if value is not None])
    _only_with_tool(tool, {"--provider": provider, "--model": model})
    question = Question(session=session, agent=agent, channel=_channel(channel), sender=sender)
    if diff is not None:
        return _diff(context, ui, question, diff)
    view = look(context, question)
    if tool is not None or path is not None or key is not None:
        return _focus(view, ui, Focus(tool=tool, provider=provider, model=model, path=path, key=key))
    if live:
        return _live(view, ui)
    return _page(view, ui, everything=everything)


def _only_one(flags: list[str]) -> None:
    if len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} cannot be combined.", hint="Ask one of them at a time.")


def _only_with_tool(tool: str | None, given: Mapping[str, str | None]) -> None:
    for flag, value in given.items():
        if value is not None and tool is None:
            raise UsageError(f"{flag} goes with --tool.", hint=f"For instance: --tool exec {flag} openai")
        if value is not None and not value.strip():
            raise UsageError(f"{flag} must not be blank.", hint="Leave it out: the config's model is taken.")


def _channel(name: str | None) -> str | None:
    if name is None:
        return None
    import re

    text = name.strip().lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise UsageError(
            f"--channel {name!r} is not the name of a channel.", hint="For instance: --channel telegram"
        )
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the flags ask about."""

    session: str | None = None
    agent: str | None = None
    channel: str | None = None
    sender: str | None = None


def look(context: typer.Context, question: Question, *, ask_engine: bool = True) -> View:
    """Load, resolve, and ask the engine what only it knows."""
    from openclaw_sandbox.cli.context import load
    from openclaw_sandbox.policy.host import RealHost

    return view_of(load(context), RealHost(), question, ask_engine=ask_engine)


def view_of(config: LoadedConfig, host: HostFacts, question: Question, *, ask_engine: bool) -> View:
    """The view of one session of a loaded config."""
    from openclaw_sandbox.cli.engine_view import engine_findings
    from openclaw_sandbox.cli.render.explain_view import View
    from openclaw_sandbox.cli.render.redact import Redactor
    from openclaw_sandbox.policy.paths import path_map
    from openclaw_sandbox.policy.resolve import Overrides, survey

    overrides = Overrides(channel=question.channel)
    policy = survey(config, session=question.session, agent=question.agent, host=host, overrides=overrides)
    return View(
        config=config,
        host=host,
        policy=policy,
        paths=path_map(policy, home=config.paths.home),
        redactor=Redactor(config.secrets),
        sender=question.sender,
        observed=engine_findings(policy) if ask_engine else (),
    )


def _page(view: View, ui: Ui, *, everything: bool) -> int:
    if ui.as_json:
        from openclaw_sandbox.cli.render.explain_json import explain_document

        ui.json(explain_document(view))
        return 0
    from openclaw_sandbox.cli.render.explain_text import explain_text

    ui.out(explain_text(view, ui, everything=everything))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """One thing that is asked about: a tool (and the model that calls it), a path or a key."""

    tool: str | None
    provider: str | None
    model: str | None
    path: str | None
    key: str | None


def _focus(view: View, ui: Ui, focus: Focus) -> int:
    from openclaw_sandbox.cli.render.explain_focus import about_key, about_path, about_tool

    if focus.tool is not None:
        document, text = about_tool(view, focus.tool, provider=focus.provider, model=focus.model)
    elif focus.path is not None:
        document, text = about_path(view, focus.path)
    else:
        document, text = about_key(view, focus.key or "")
    if ui.as_json:
        ui.json(document)
    else:
        ui.out(text)
    return 0


def _live(view: View, ui: Ui) -> int:
    from openclaw_sandbox.cli.engine_view import compare_live
    from openclaw_sandbox.cli.render.explain_live import live_document, live_text

    result = compare_live(view.policy, ui)
    if ui.as_json:
        ui.json(live_document(view, result))
    else:
        ui.out(live_text(view, result, ui))
    return 1 if result.differs else 0


def _diff(context: typer.Context, ui: Ui, question: Question, pair: tuple[str, str]) -> int:
    from openclaw_sandbox.cli.context import load
    from openclaw_sandbox.cli.render.explain_diff import diff_document, diff_text
    from openclaw_sandbox.policy.host import RealHost

    if question.session is not None or question.agent is not None:
        raise UsageError("--diff names both sides itself.", hint="Leave --session and --agent out.")
    config, host = load(context), RealHost()
    views = [view_of(config, host, _side(config, text, question), ask_engine=False) for text in pair]
    if ui.as_json:
        ui.json(diff_document(views[0], views[1]))
    else:
        ui.out(diff_text(views[0], views[1]))
    return 0


def _side(config: LoadedConfig, text: str, question: Question) -> Question:
    """An agent's id if there is such an agent, else a session key."""
    from openclaw_sandbox.config.agents import normalize_agent_id
    from openclaw_sandbox.policy.agents import configured_agents, is_known

    if not text.strip():
        raise UsageError("--diff needs two agents or two sessions.", hint="For instance: --diff main work")
    if ":" not in text and is_known(configured_agents(config.data), normalize_agent_id(text)):
        return Question(agent=text, channel=question.channel)
    return Question(session=text, channel=question.channel)
