"""From a loaded config and a question (which agent, which session) to the effective policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, UsageError
from openclaw_sandbox.policy import agents as agent_rules
from openclaw_sandbox.policy import binds, naming, sessions
from openclaw_sandbox.policy.elevated import channel_of, resolve_elevated
from openclaw_sandbox.policy.findings import Findings, by_severity, refuse
from openclaw_sandbox.policy.hardening import Inputs, built_in_values, harden
from openclaw_sandbox.policy.hardening_file import Applied, FileLayers, is_silent
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.layers import NEWER, Layer, Outcome, fold, ignored, smallest
from openclaw_sandbox.policy.model import (
    Candidate,
    EffectivePolicy,
    ElevatedPolicy,
    Hardening,
    Mode,
    Resolved,
    Scope,
    ToolPolicy,
    Workspace,
    WorkspaceAccess,
)
from openclaw_sandbox.policy.own_state import without_own_state
from openclaw_sandbox.policy.review import review
from openclaw_sandbox.policy.sandbox_block import (
    OPENCLAW_DEFAULT,
    block,
    mode_of,
    resolved_document,
    sandbox_layers,
)
from openclaw_sandbox.policy.tools import ListChoice, exec_host, sandbox_tools, tools_config

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.policy.agents import Agent
    from openclaw_sandbox.policy.host import HostFacts
    from openclaw_sandbox.policy.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What flags say: `timeout_s` limits one command, `channel` is the chat an elevated call comes from.

    A command's own user, folder and variables are no part of the policy: they go to the exec, never to the
    container, which other commands share.
    """

    timeout_s: float | None = None
    channel: str | None = None


NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything one resolution starts from."""

    config: LoadedConfig
    host: HostFacts
    overrides: Overrides
    agents: tuple[Agent, ...]
    agent: Agent
    session: Session


def resolve(
    config: LoadedConfig,
    *,
    session: str | None,
    agent: str | None,
    host: HostFacts,
    overrides: Overrides = NO_OVERRIDES,
) -> EffectivePolicy:
    """The policy that may be enforced.

    Raises:
        UnknownAgentError: `agent` is not configured. An unknown agent in a session key is a finding
            (`session.unknown-agent`).
        ConfigError: agent and session disagree, or the config asks for something that is refused (all of
            it at once). See `survey` for the same answer without the second refusal.
        UsageError: `agent` is blank.
    """
    policy = survey(config, session=session, agent=agent, host=host, overrides=overrides)
    refuse(policy.findings)
    return policy


def survey(
    config: LoadedConfig,
    *,
    session: str | None,
    agent: str | None,
    host: HostFacts,
    overrides: Overrides = NO_OVERRIDES,
) -> EffectivePolicy:
    """The policy with everything that is wrong as findings: to explain it, not to run it.

    Raises:
        UnknownAgentError, ConfigError, UsageError: the question itself is wrong.
    """
    agents = agent_rules.configured_agents(config.data)
    found = _place(config.data, agents, session, agent)
    question = Question(
        config=config,
        host=host,
        overrides=overrides,
        agents=agents,
        agent=agent_rules.find_agent(agents, found.agent_id),
        session=found,
    )
    return _decide(question)


def _place(
    data: Mapping[str, Any], agents: tuple[Agent, ...], session: str | None, agent: str | None
) -> Session:
    """Which agent and session a user means.

    Raises:
        UnknownAgentError, ConfigError, UsageError: see `resolve`.
    """
    default = agent_rules.default_agent(agents)
    if agent is not None and not trim(agent):
        raise UsageError("--agent must not be blank.", hint="Leave it out for the default agent.")
    asked = agent_rules.require_known(agents, agent) if agent is not None else None
    key = sessions.session_key(session, asked or default)
    owner = sessions.status_agent(key, default)
    if asked is not None and owner != asked and key != sessions.GLOBAL_SESSION:
        raise ConfigError(
            f'Session "{key}" belongs to agent "{owner}", not to "{asked}".',
            hint="Leave --agent out, or name a session of that agent.",
        )
    return sessions.resolve_session(
        key,
        agent_id=asked or owner,
        default_agent=default,
        global_scope=(data.get("session") or {}).get("scope") == "global",
    )


def _agent_workspace(question: Question) -> Path:
    """The agent's own workspace folder on the host."""
    paths, agent_id = question.config.paths, question.session.agent_id
    home, cwd = paths.home, question.host.cwd
    own = question.agent.data.get("workspace")
    if isinstance(own, str) and trim(own):
        return naming.user_path(own, home=home, cwd=cwd)
    if agent_id != agent_rules.default_agent(question.agents):
        return paths.state_dir / f"workspace-{agent_id}"
    shared = block(question.config.data, "agents", "defaults").get("workspace")
    if isinstance(shared, str) and trim(shared):
        return naming.user_path(shared, home=home, cwd=cwd)
    profile = paths.profile
    suffix = f"-{profile}" if profile and profile.lower() != "default" else ""
    return home / ".openclaw" / f"workspace{suffix}"


def _workspace(question: Question, document: Mapping[str, Any], scope: Scope, slug: str) -> Workspace:
    paths = question.config.paths
    root = naming.user_path(document["workspaceRoot"], home=paths.home, cwd=question.host.cwd)
    access = WorkspaceAccess(document["workspaceAccess"])
    own, agents = naming.sandbox_folder(root, scope, slug), _agent_workspace(question)
    return Workspace(
        root=root,
        workspace_dir=agents if access is WorkspaceAccess.RW else own,
        agent_workspace_dir=agents,
        sandbox_dir=own,
        access=access,
    )


def _elevated(question: Question) -> ElevatedPolicy:
    channel = question.overrides.channel or channel_of(question.session, _stored_session(question))
    return resolve_elevated(
        block(question.config.data, "tools", "elevated"),
        block(question.agent.data, "tools", "elevated"),
        channel=channel,
    )


def _stored_session(question: Question) -> Mapping[str, Any]:
    """What the gateway remembers of this session; empty if it has none."""
    paths, agent_id = question.config.paths, question.session.agent_id
    store = block(question.config.data, "session").get("store")
    if isinstance(store, str) and trim(store):
        text = store.replace("{agentId}", agent_id)
        path = naming.user_path(text, home=paths.home, cwd=question.host.cwd)
    else:
        path = paths.state_dir / "agents" / agent_id / "sessions" / "sessions.json"
    found = question.host.read_json(str(path))
    return block(found, question.session.key) if isinstance(found, Mapping) else {}


def _judge(question: Question) -> binds.BindJudge:
    paths = question.config.paths
    sensitive = binds.sensitive_paths(
        homes=(paths.home, *question.host.homes), state_dir=paths.state_dir, config_file=paths.config_file
    )
    return binds.BindJudge(sensitive, question.host)


def _harden(
    question: Question, document: Mapping[str, Any], values: Mapping[str, Resolved[Any]], notes: Findings
) -> Hardening:
    paths = question.config.paths
    newer = {key.removeprefix("docker."): value.value for key, value in values.items() if key in NEWER}
    return harden(
        Inputs(
            docker=document["docker"],
            newer=newer,
            values=values,
            config_dir=paths.config_file.parent,
            judge=_judge(question),
            notes=notes,
            timeout_s=question.overrides.timeout_s,
        )
    )


def _list_value(choice: ListChoice, expanded: tuple[str, ...], key: str) -> Resolved[Any]:
    origin = OPENCLAW_DEFAULT if choice.source == "default" else choice.origin
    return Resolved(key=key, value=list(expanded), origin=origin)


def _tool_values(policy: ToolPolicy, allow: ListChoice, deny: ListChoice) -> dict[str, Resolved[Any]]:
    keys = ("tools.sandbox.tools.allow", "tools.sandbox.tools.deny")
    return {
        keys[0]: _list_value(allow, policy.allow, keys[0]),
        keys[1]: _list_value(deny, policy.deny, keys[1]),
    }


def _values(
    scope: Resolved[str], outcomes: Mapping[str, Outcome], layers: tuple[Layer, ...]
) -> dict[str, Resolved[Any]]:
    folded = (*outcomes.values(), *fold(layers, NEWER).values())
    return {"scope": scope} | {key: leaf for outcome in folded for key, leaf in outcome.leaves.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What identifies the sandbox of a scope."""

    scope: Scope
    key: str
    slug: str
    prefix: str


def _names(question: Question, document: Mapping[str, Any]) -> _Names:
    scope, session = Scope(document["scope"]), question.session
    key = naming.scope_key(scope, session_key=session.key, agent_id=session.agent_id)
    prefix = document["docker"]["containerPrefix"]
    return _Names(scope=scope, key=key, slug=naming.scope_slug(scope, key), prefix=prefix)


def _is_sandboxed(question: Question) -> bool:
    """OpenClaw's own decision for this session, by the mode of the agent its runtime takes for the owner."""
    owner = agent_rules.find_agent(question.agents, question.session.status_agent_id)
    return sessions.is_sandboxed(mode_of(question.config, owner), question.session)


def _with_ignored(values: Mapping[str, Resolved[Any]], layers: tuple[Layer, ...]) -> dict[str, Resolved[Any]]:
    """What a file asks for in vain stays visible, also where nothing else is said; None is "unset"."""
    shown = dict(values)
    for key, candidate in ignored(layers).items():
        value = shown.get(key, Resolved(key=key, value=None, origin=OPENCLAW_DEFAULT))
        if candidate not in value.overridden:
            shown[key] = replace_fields(value, overridden=(*value.overridden, candidate))
    return shown


def _flag_values(overrides: Overrides) -> dict[str, Resolved[Any]]:
    if overrides.timeout_s is None:
        return {}
    said = Candidate(origin=Origin(kind=OriginKind.FLAG, key="--timeout"), value=overrides.timeout_s)
    resolved = smallest("timeout", [said])
    return {} if resolved is None else {"timeout": resolved}


def _decide(question: Question) -> EffectivePolicy:
    scope, layers = sandbox_layers(question.config, question.agent)
    outcomes = fold(layers)
    document = resolved_document(scope.value, outcomes)
    config = tools_config(question.config, question.agent)
    tools, *choices = sandbox_tools(config)
    document["tools"] = {"allow": list(tools.allow), "deny": list(tools.deny)}
    values = _values(scope, outcomes, layers) | _tool_values(tools, *choices)
    notes = Findings()
    hardening = _harden(question, document, values, notes)
    values |= built_in_values(hardening, values) | _flag_values(question.overrides)
    applied = _under_file(question, hardening, _with_ignored(values, layers), notes)
    policy = replace_fields(_assemble(question, document, tools, applied), exec_host=exec_host(config))
    policy = without_own_state(policy, question.config, question.host, notes)
    if any(applied.hosts.values()):
        policy = _with_way_out(policy, applied, notes)
    review(policy, question.config, question.agents, notes)
    return replace_fields(policy, findings=by_severity(notes.found))


def _with_way_out(policy: EffectivePolicy, applied: Applied, notes: Findings) -> EffectivePolicy:
    from openclaw_sandbox.policy.hosts import egress_of, host_values

    return replace_fields(
        policy,
        values={**applied.values, **host_values(applied.hosts)},
        egress=egress_of(applied.hosts, applied.hardening.network, notes),
    )


def _under_file(
    question: Question, hardening: Hardening, values: Mapping[str, Resolved[Any]], notes: Findings
) -> Applied:
    """config.yml over everything that openclaw.json decided; as it is where there is none."""
    loaded = question.config.hardening
    if is_silent(loaded) or loaded is None:
        return Applied(hardening=hardening, values=values)
    from openclaw_sandbox.policy.file_keys import FileInputs, apply_file  # most folders have no config.yml

    layers = FileLayers(loaded=loaded, agent_id=question.session.agent_id)
    newer = {key.removeprefix("docker."): value.value for key, value in values.items() if key in NEWER}
    rules = binds.flags(newer, workdir=hardening.workdir)
    inputs = FileInputs(layers=layers, judge=_judge(question), rules=rules, values=values, notes=notes)
    return apply_file(hardening, inputs)


def _assemble(
    question: Question, document: Mapping[str, Any], tools: ToolPolicy, applied: Applied
) -> EffectivePolicy:
    session, paths, names = question.session, question.config.paths, _names(question, document)
    workspace = _workspace(question, document, names.scope, names.slug)
    return EffectivePolicy(
        agent_id=session.agent_id,
        session_key=session.key,
        main_session_key=session.main_key,
        mode=Mode(document["mode"]),
        scope=names.scope,
        sandboxed_by_openclaw=_is_sandboxed(question),
        enabled=applied.enabled,
        state_dir=paths.state_dir,
        config_file=str(paths.config_file) if question.config.exists else None,
        scope_key=names.key,
        slug=names.slug,
        container_name=naming.container_name(names.prefix, names.slug),
        container_prefix=names.prefix,
        config_hash=naming.config_hash(document["docker"], workspace=workspace),
        workspace=workspace,
        openclaw=document,
        hardening=applied.hardening,
        tools=tools,
        elevated=_elevated(question),
        prune_idle_hours=document["prune"]["idleHours"],
        prune_max_age_days=document["prune"]["maxAgeDays"],
        values=applied.values,
    )
