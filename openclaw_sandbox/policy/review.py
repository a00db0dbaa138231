"""Findings that need the whole policy: what surprises, what is ignored, where OpenClaw's releases differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy import binds, naming, volume
from openclaw_sandbox.policy.agents import find_agent, is_known
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.layers import NEWER
from openclaw_sandbox.policy.model import EffectivePolicy, Mode, Scope, WorkspaceAccess
from openclaw_sandbox.policy.mounts import move, workspace_mounts
from openclaw_sandbox.policy.sessions import agent_in_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.agents import Agent
    from openclaw_sandbox.policy.findings import Findings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")


class _Case:
    """What a check looks at."""

    def __init__(
        self, policy: EffectivePolicy, config: LoadedConfig, agents: Sequence[Agent], notes: Findings
    ) -> None:
        self.policy = policy
        self.config = config
        self.agents = agents
        self.agent = find_agent(agents, policy.agent_id)
        self.notes = notes

    def origin(self, key: str) -> Origin | None:
        value = self.policy.values.get(key)
        return value.origin if value is not None else None

    def setting(self, *path: str | int) -> tuple[Any, Origin | None]:
        """A value of openclaw.json and where it stands; (None, None) if it is not there."""
        value: Any = self.config.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None, None
        return value, self.config.origin_of(path)


def _unknown_agent(case: _Case) -> None:
    policy = case.policy
    if is_known(case.agents, policy.agent_id):
        return
    names = ", ".join(dict.fromkeys(agent.id for agent in case.agents)) or "main"
    case.notes.warn(
        "session.unknown-agent",
        f'The session names the agent "{policy.agent_id}", which is not configured: defaults apply.',
        hint=f"Configured: {names}.",
    )


def _not_sandboxed(case: _Case) -> None:
    policy = case.policy
    if policy.mode is Mode.OFF and not policy.sandboxed_by_openclaw:
        where = (
            "agents.defaults.sandbox.mode" if not case.agent.configured else _agent_key(case, "sandbox.mode")
        )
        message = "OpenClaw runs this agent's tools on the host: the mode is off."
        hint = f'Set {where} to "non-main" or "all". openclaw-sandbox run uses the sandbox in any case.'
        case.notes.warn("mode.off", message, hint=hint, origin=case.origin("mode"))


def _agent_key(case: _Case, key: str) -> str:
    return f"agents.defaults.{key} (or of agent {case.policy.agent_id})"


def _elevated(case: _Case) -> None:
    policy = case.policy
    allow_from, origin = case.setting("tools", "elevated", "allowFrom")
    if not policy.elevated.enabled or not isinstance(allow_from, dict):
        return
    everyone = [name for name, entries in allow_from.items() if "*" in [str(e) for e in entries or ()]]
    if everyone:
        message = f"Everyone on {', '.join(everyone)} may run commands on the host (elevated)."
        hint = f"Name the senders in tools.elevated.allowFrom.{everyone[0]} instead of *."
        case.notes.warn("elevated.everyone", message, hint=hint, origin=origin)
    elif policy.mode is Mode.OFF and any(allow_from.values()):
        message = "Elevated exec is open, and with mode off there is no sandbox to leave."
        hint = "Set tools.elevated.enabled to false, or switch the sandbox on."
        case.notes.warn("elevated.mode-off", message, hint=hint, origin=origin)


def _exec_host(case: _Case) -> None:
    """`tools.exec.host` says one thing and the mode another: the operator learns what really happens."""
    chosen, sandboxed = case.policy.exec_host, case.policy.sandboxed_by_openclaw
    if chosen.setting in ("gateway", "node") and sandboxed:
        message = f'exec leaves the sandbox: tools.exec.host is "{chosen.setting}".'
        hint = 'Set tools.exec.host to "sandbox".'
        case.notes.warn("exec.host", message, hint=hint, origin=chosen.origin)
    elif chosen.setting == "sandbox" and chosen.origin is not None and not sandboxed:
        message = 'tools.exec.host is "sandbox", but this session has none: OpenClaw runs exec on the host.'
        hint = 'Set the mode to "all", or tools.exec.host to "gateway" to get approvals.'
        case.notes.warn("exec.no-sandbox", message, hint=hint, origin=chosen.origin)


def _shared_scope(case: _Case) -> None:
    policy = case.policy
    if policy.scope is not Scope.SHARED:
        return
    ignored = [
        candidate
        for value in policy.values.values()
        for candidate in value.overridden
        if "scope is shared" in candidate.why_lost
    ]
    if ignored:
        message = "This agent's docker, browser and prune settings are ignored: the scope is shared."
        hint = 'Set scope to "agent", or move the settings to agents.defaults.sandbox.'
        case.notes.warn("scope.shared-ignores", message, hint=hint, origin=ignored[0].origin)
    if policy.workspace.access is not WorkspaceAccess.RW:
        message = (
            f"A shared sandbox that OpenClaw makes sees every sandbox's folder under "
            f"{policy.workspace.root}; in one of this tool the others are hidden."
        )
        hint = 'Set scope to "agent" or "session".'
        case.notes.warn("scope.shared-root", message, hint=hint, origin=case.origin("scope"))


def _names(case: _Case) -> None:
    policy, origin = case.policy, case.origin("docker.containerPrefix")
    if not _NAME.fullmatch(policy.container_name):
        message = f'"{policy.container_name}" cannot be a container\'s name.'
        hint = "Use letters, digits, dots, dashes and underscores in docker.containerPrefix."
        case.notes.error("name.invalid", message, hint=hint, origin=origin)
    elif len(policy.container_prefix) + len(policy.slug) > naming.MAX_CONTAINER_NAME:
        message = (
            "docker.containerPrefix is so long that the container's name is cut: two sandboxes can clash."
        )
        hint = (
            f"Keep docker.containerPrefix within {naming.MAX_CONTAINER_NAME - len(policy.slug)} characters."
        )
        case.notes.warn("name.cut", message, hint=hint, origin=origin)


def _other_container(case: _Case) -> None:
    """OpenClaw 2026.2.17 takes `main` for the scope key of a session that names no agent."""
    policy = case.policy
    key_agent = agent_in_key(policy.session_key) or "main"
    if policy.scope is Scope.AGENT and key_agent != policy.agent_id:
        message = (
            f'OpenClaw 2026.2.17 runs this session in the container of agent "{key_agent}" with the settings'
            f' of "{policy.agent_id}"; here it is the container of "{policy.agent_id}".'
        )
        hint = f"Name the session agent:{policy.agent_id}:..."
        case.notes.info("session.other-container", message, hint=hint)


def _workspace_exposes(case: _Case) -> None:
    """The workspace is the operator's choice; one that holds credentials is at least said aloud."""
    policy, paths = case.policy, case.config.paths
    folders = [
        (mount.destination, mount.source)
        for mount in workspace_mounts(policy.workspace, policy.hardening.workdir)
        if mount.source is not None
    ]
    sensitive = binds.sensitive_paths(
        homes=(paths.home,), state_dir=paths.state_dir, config_file=paths.config_file
    )
    hidden = policy.hardening.hidden_paths
    for place, folder in folders:
        inside = [
            entry.label
            for entry in sensitive
            if binds.is_under(entry.path, folder)
            and not any(binds.is_under(move(entry.path, folder, place), path) for path in hidden)
        ]
        if inside:
            message = f"The workspace {folder} is where {inside[0]} is kept: the sandbox can read such files."
            hint = "Give the agent a workspace of its own, or set workspaceAccess to none."
            case.notes.warn("workspace.exposes", message, hint=hint, origin=case.origin("workspaceAccess"))
            return


def _workspace_root(case: _Case) -> None:
    """A root that is not absolute is taken from the folder where the command is given, as OpenClaw does."""
    text, origin = str(case.policy.openclaw["workspaceRoot"]), case.origin("workspaceRoot")
    hint = "Write workspaceRoot as an absolute path, or begin it with ~/."
    if not trim(text):
        message = "workspaceRoot is blank: it names no folder."
        case.notes.error("workspace.blank-root", message, hint=hint, origin=origin)
    elif not trim(text).startswith("/"):
        message = (
            f"workspaceRoot {text} is relative: what the sandbox sees depends on where you are; now it is"
            f" {case.policy.workspace.root}."
        )
        case.notes.warn("workspace.relative-root", message, hint=hint, origin=origin)


def _beside_the_agents_folder(case: _Case) -> None:
    """With access `ro` the agent's own folder is mounted at /agent: the workspace needs another place."""
    policy = case.policy
    workdir = policy.hardening.workdir
    beside = workspace_mounts(policy.workspace, workdir)[1:]
    if any(binds.is_under(workdir, mount.destination) for mount in beside):
        message = (
            f"docker.workdir {workdir} cannot hold the workspace: the agent's own folder is mounted there."
        )
        hint = "Choose another docker.workdir, for instance /workspace."
        case.notes.error("workdir.invalid", message, hint=hint, origin=case.origin("docker.workdir"))


def _releases(case: _Case) -> None:
    """Keys that one release of OpenClaw reads and another ignores."""
    for path in ((*case.agent.path, "tools", "sandbox", "tools"), ("tools", "sandbox", "tools")):
        also, origin = case.setting(*path, "alsoAllow")
        if also:
            message = "tools.sandbox.tools.alsoAllow counts here and in 2026.9.6; 2026.2.17 ignores it."
            hint = "Write the tools into tools.sandbox.tools.allow."
            case.notes.info("release.also-allow", message, hint=hint, origin=origin)
    older = [c for c in case.policy.values["scope"].overridden if "perSession" in c.why_lost]
    scope = case.policy.values["scope"].origin
    if older or scope.key.endswith("perSession"):
        message = "perSession is an older name that 2026.9.6 no longer accepts."
        case.notes.info("release.per-session", message, hint="Set scope instead.", origin=scope)
    _outside_binds(case)
    for key in NEWER:
        value = case.policy.values.get(key)
        if value is not None and key not in _NOT_HERE:
            message = f"{key} is known to 2026.9.6 only; 2026.2.17 refuses the config."
            case.notes.info("release.newer-key", message, origin=value.origin)


def _outside_binds(case: _Case) -> None:
    policy = case.policy
    external = policy.values.get("docker.dangerouslyAllowExternalBindSources")
    if external is not None and external.value is True:
        return
    roots = (policy.workspace.workspace_dir, policy.workspace.agent_workspace_dir)
    for bind in binds.outside_workspaces(policy.hardening.binds, roots):
        message = f'2026.9.6 refuses the bind "{bind.text}": it lies outside the workspaces.'
        hint = "There, set docker.dangerouslyAllowExternalBindSources to true."
        case.notes.info("release.external-bind", message, hint=hint, origin=bind.origin)


#: Newer keys whose part of the product does not exist here: refused by name, never ignored.
_NOT_HERE = {
    "backend": ("docker",),
    "ssh": (),
    "docker.gpus": ("",),
}


def _not_here(case: _Case) -> None:
    for key, harmless in _NOT_HERE.items():
        value = case.policy.values.get(key)
        if value is not None and value.value not in harmless:
            message = f"{key} is not supported: this sandbox runs on Docker, without devices of the host."
            case.notes.error(f"unsupported.{key}", message, hint=f"Remove {key}.", origin=value.origin)
    browser = case.policy.values.get("browser.enabled")
    if browser is not None and browser.value is True:
        message = (
            "browser.enabled: OpenClaw's own browser container has a network; it is not made by this tool."
        )
        hint = "Remove browser.enabled unless the browser tool is needed."
        case.notes.warn("browser.enabled", message, hint=hint, origin=browser.origin)


def _unknown_file_agents(case: _Case) -> None:
    """A block of config.yml for an agent that there is not: nobody would notice that it counts for nobody."""
    loaded = case.config.hardening
    named = loaded.data.get("agents", {}) if loaded is not None else {}
    for agent_id in named if loaded is not None else ():
        if not is_known(case.agents, agent_id):
            names = ", ".join(dict.fromkeys(agent.id for agent in case.agents)) or "main"
            message = f'config.yml: there is no agent "{agent_id}": its block counts for nobody.'
            origin = loaded.origin_of(("agents", agent_id)) if loaded is not None else None
            case.notes.warn("agents.unknown", message, hint=f"Configured: {names}.", origin=origin)


def _workspace_volume(case: _Case) -> None:
    """A volume that cannot be made is an error, or with leave what is said of the watch that stays."""
    hardening = case.policy.hardening
    why = volume.why_no_volume(case.policy)
    if hardening.workspace_volume != volume.LOOP or not why:
        return
    message, origin = f"{volume.KEY}: loop is not possible: {why}.", case.origin(volume.KEY)
    if volume.KEY in hardening.allow_unenforced:
        case.notes.warn("volume.impossible", f"{message} The workspace is watched instead.", origin=origin)
        return
    hint = f"Correct that, or accept the watch for this agent: allow_unenforced: [{volume.KEY}]"
    case.notes.error("volume.impossible", message, hint=hint, origin=origin)


def _config_warnings(case: _Case) -> None:
    for warning in case.config.warnings:
        case.notes.warn(warning.code, warning.message, hint=warning.hint, origin=warning.origin)


_CHECKS: tuple[Callable[[_Case], None], ...] = (
    _unknown_agent,
    _not_sandboxed,
    _elevated,
    _exec_host,
    _shared_scope,
    _names,
    _workspace_exposes,
    _workspace_root,
    _beside_the_agents_folder,
    _workspace_volume,
    _unknown_file_agents,
    _config_warnings,
    _not_here,
    _other_container,
    _releases,
)


def review(policy: EffectivePolicy, config: LoadedConfig, agents: Sequence[Agent], notes: Findings) -> None:
    """Add to `notes` everything that only shows in the whole."""
    case = _Case(policy, config, agents, notes)
    for check in _CHECKS:
        check(case)
