"""A workspace that holds what decides about sandboxes: it is hidden there, or the policy is refused. Pure.

Whoever can write openclaw.json, config.yml or the registry lifts every rule of the next run. OpenClaw lets
any folder be an agent's workspace, a home among them; what decides must not be writable in it all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.binds import STATE, is_under, normalize
from openclaw_sandbox.policy.mounts import move, outermost, workspace_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.host import HostFacts
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.policy.mounts import Mount

_HINT = "Give the agent a workspace of its own, for instance a folder below its home."


def without_own_state(
    policy: EffectivePolicy, config: LoadedConfig, host: HostFacts, notes: Findings
) -> EffectivePolicy:
    """The policy with everything that decides hidden where its workspace would hand it over.

    A workspace that lies in what decides, reaches it through a link of its own, or could make what would
    decide instead, is noted as an error.
    """
    main, *_ = workspace_mounts(policy.workspace, policy.hardening.workdir)
    if not main.writable or main.source is None:
        return policy
    origin = policy.values["workspaceAccess"].origin
    hidden: list[str] = []
    for path in _deciding(policy, config):
        if _lies_in(normalize(host.realpath(main.source)), normalize(host.realpath(path))):
            message = f"The workspace {main.source} lies in {path}, which decides about sandboxes."
            notes.error("workspace.holds-state", message, hint=_HINT, origin=origin)
            return policy
        if shown := [place for place in _places_in(main, path, host) if not _is_hidden(place, hidden)]:
            hidden += shown
            _tell(main, path, shown, host, notes, origin)
    _refuse_rivals(main, config, hidden, host, notes, origin)
    if not hidden:
        return policy
    hardening = policy.hardening
    covered = outermost((*hardening.hidden_paths, *hidden))
    return replace(policy, hardening=replace(hardening, hidden_paths=covered))


def _deciding(policy: EffectivePolicy, config: LoadedConfig) -> Iterator[str]:
    """The state folder, and every file that rules are read from: one may be elsewhere, or a link to there."""
    yield str(config.paths.state_dir)
    if policy.config_file is not None:
        yield str(config.paths.config_file)
    yield from map(str, config.beside)
    if config.hardening is not None and config.hardening.exists:
        yield str(config.hardening.file)
    if policy.hardening.seccomp.path is not None:
        yield policy.hardening.seccomp.path


def _lies_in(workspace: str, deciding: str) -> bool:
    """Whether a workspace is the state folder (or the config file's place), or below what counts in it."""
    return workspace == deciding or any(is_under(workspace, f"{deciding}/{name}") for name in STATE)


def _places_in(main: Mount, path: str, host: HostFacts) -> list[str]:
    """Where in the container a host path would be seen: as it is written, and where links lead."""
    source = main.source or "/"
    pairs = (
        (source, normalize(path)),
        (normalize(host.realpath(source)), normalize(host.realpath(path))),
    )
    found = [move(seen, root, main.destination) for root, seen in pairs if is_under(seen, root)]
    return list(dict.fromkeys(found))


def _is_hidden(place: str, hidden: Sequence[str]) -> bool:
    return any(is_under(place, other) for other in hidden)


def _tell(
    main: Mount, path: str, shown: Sequence[str], host: HostFacts, notes: Findings, origin: Origin
) -> None:
    """A link cannot be covered: whoever can replace it chooses where the next run reads its rules."""
    source, written = main.source or "/", normalize(path)
    by_link = is_under(written, source) and host.realpath(written) != move(
        written, source, host.realpath(source)
    )
    if by_link and move(written, source, main.destination) in shown:
        message = f"The workspace {source} holds the link {path}, behind which the rules of sandboxes are."
        notes.error("workspace.holds-state", message, hint=_HINT, origin=origin)
    else:
        message = (
            f"The workspace {source} contains {path}, which decides about sandboxes: it is hidden inside."
        )
        notes.warn("workspace.holds-state", message, hint=_HINT, origin=origin)


def _refuse_rivals(
    main: Mount,
    config: LoadedConfig,
    hidden: Sequence[str],
    host: HostFacts,
    notes: Findings,
    origin: Origin,
) -> None:
    """What is not there cannot be hidden: a mask would stand on something that is made for it."""
    paths = config.paths
    for rival in paths.rivals:
        if not all(_is_hidden(place, hidden) for place in _places_in(main, str(rival), host)):
            break
    else:
        return
    message = (
        f"In the workspace {main.source} a sandbox could make {rival}, which would decide about sandboxes "
        f"instead of {paths.state_dir}."
    )
    hint = f"{_HINT} Or name what counts: OPENCLAW_STATE_DIR={paths.state_dir}"
    named = f"{hint} OPENCLAW_CONFIG_PATH={paths.config_file}"
    notes.error("workspace.holds-state", message, hint=named, origin=origin)
