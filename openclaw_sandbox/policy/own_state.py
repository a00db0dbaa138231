"""A workspace that holds the state folder: it is hidden there, or the policy is refused. Pure.

Whoever can write openclaw.json, config.yml or the registry lifts every rule of the next run. OpenClaw lets
any folder be an agent's workspace, a home among them; what decides must not be writable in it all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.binds import STATE, is_under, normalize
from openclaw_sandbox.policy.mounts import move, outermost, workspace_mounts

if TYPE_CHECKING:
    from openclaw_sandbox.config.model import StatePaths
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.host import HostFacts
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.policy.mounts import Mount

_HINT = "Give the agent a workspace of its own, for instance a folder below its home."


def without_own_state(
    policy: EffectivePolicy, paths: StatePaths, host: HostFacts, notes: Findings
) -> EffectivePolicy:
    """The policy with the state folder and the config file hidden where its workspace would hand them over.

    A workspace that lies in what decides, or reaches it through a link of its own, is noted as an error.
    """
    main, *_ = workspace_mounts(policy.workspace, policy.hardening.workdir)
    if not main.writable or main.source is None:
        return policy
    origin = policy.values["workspaceAccess"].origin
    hidden = []
    for path in _deciding(policy, paths):
        if _lies_in(normalize(host.realpath(main.source)), normalize(host.realpath(path))):
            message = f"The workspace {main.source} lies in {path}, which decides about sandboxes."
            notes.error("workspace.holds-state", message, hint=_HINT, origin=origin)
        elif place := _place_in(main, path, host):
            hidden.append(place)
            _tell(main.source, path, host, notes, origin)
    if not hidden:
        return policy
    hardening = policy.hardening
    covered = outermost((*hardening.hidden_paths, *hidden))
    return replace(policy, hardening=replace(hardening, hidden_paths=covered))


def _deciding(policy: EffectivePolicy, paths: StatePaths) -> tuple[str, ...]:
    """The state folder, and the config file if it stands elsewhere."""
    state, config = str(paths.state_dir), str(paths.config_file)
    elsewhere = policy.config_file is not None and not is_under(normalize(config), normalize(state))
    return (state, config) if elsewhere else (state,)


def _lies_in(workspace: str, deciding: str) -> bool:
    """Whether a workspace is the state folder (or the config file's place), or below what counts in it."""
    return workspace == deciding or any(is_under(workspace, f"{deciding}/{name}") for name in STATE)


def _place_in(main: Mount, path: str, host: HostFacts) -> str | None:
    """Where in the container a host path would be seen; None if nowhere. Links on the way there count."""
    source = main.source or "/"
    for root, seen in (
        (source, normalize(path)),
        (normalize(host.realpath(source)), normalize(host.realpath(path))),
    ):
        if is_under(seen, root):
            return move(seen, root, main.destination)
    return None


def _tell(source: str, path: str, host: HostFacts, notes: Findings, origin: Origin) -> None:
    """A link cannot be covered: whoever can replace it chooses where the next run reads its rules."""
    written = normalize(path)
    through_link = is_under(written, source) and host.realpath(written) != move(
        written, source, host.realpath(source)
    )
    if through_link:
        message = f"The workspace {source} holds the link {path}, behind which the rules of sandboxes are."
        notes.error("workspace.holds-state", message, hint=_HINT, origin=origin)
    else:
        message = (
            f"The workspace {source} contains {path}, which decides about sandboxes: it is hidden inside."
        )
        notes.warn("workspace.holds-state", message, hint=_HINT, origin=origin)
