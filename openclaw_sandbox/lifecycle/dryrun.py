"""What `run` would do, in words. Makes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from openclaw_sandbox.lifecycle import plan as planning
from openclaw_sandbox.lifecycle.run import command_env, own_name
from openclaw_sandbox.lifecycle.volume import holds_limit
from openclaw_sandbox.policy.environment import is_secret
from openclaw_sandbox.policy.model import SeccompKind
from openclaw_sandbox.policy.sizes import human_size

if TYPE_CHECKING:
    from openclaw_sandbox.lifecycle.ensure import Blueprint
    from openclaw_sandbox.lifecycle.run import RunRequest
    from openclaw_sandbox.spec.model import ContainerSpec

MASK = "***"


def describe(action: planning.Action, blueprint: Blueprint, request: RunRequest) -> list[str]:
    """The steps of a run, one line each, in order."""
    command = f"run in it: {' '.join(request.argv)}"
    if request.alone:
        return [f"create a container like {blueprint.spec.name} for this command", command, "remove it"]
    found = steps(action, blueprint.spec.name)
    if found[0].startswith("refuse"):
        return found
    if blueprint.policy.hardening.setup_command and isinstance(action, planning.Create | planning.Recreate):
        found.append("run docker.setupCommand in it")
    return [*_volume_first(blueprint), *found, command, *_beyond_the_line(blueprint)]


def _volume_first(blueprint: Blueprint) -> list[str]:
    """What is done to the workspace before."""
    size, folder = blueprint.spec.disk.volume_bytes, blueprint.policy.workspace.workspace_dir
    if size is None or blueprint.no_volume or holds_limit(blueprint.policy):
        return []
    return [f"mount a volume of {human_size(size)} at {folder}, made if there is none"]


def _beyond_the_line(blueprint: Blueprint) -> list[str]:
    """What the sandbox has and the `docker run` line cannot say."""
    spec, seccomp = blueprint.spec, blueprint.policy.hardening.seccomp
    found = []
    if spec.masked_paths:
        found.append(f"not in the line below, which has no flag for it: hide {', '.join(spec.masked_paths)}")
    if seccomp.blocked:
        found.append(f"not in the profile's file: the calls {', '.join(seccomp.blocked)} are refused too")
    return found


def steps(action: planning.Action, name: str) -> list[str]:
    """What makes the container run, one line each; one that begins with "refuse" is all there is."""
    match action:
        case planning.Refuse(error=error):
            return [f"refuse: {error.brief}"]
        case planning.Recreate(reason=reason, busy=True):
            return [f"refuse: {name} must be replaced ({reason}) and a command runs in it"]
        case planning.Recreate(reason=reason):
            return [f"remove {name}: {reason}", f"create and start {name}"]
        case planning.Create():
            return [f"create and start {name}"]
        case planning.Start():
            return [f"start {name}"]
        case planning.Keep(stale=stale):
            return [f"use {name}, which runs{f', although {stale}' if stale else ''}"]
    assert_never(action)


def shown_spec(blueprint: Blueprint, request: RunRequest) -> ContainerSpec:
    """The container in which `docker run` does what this run does: its command is the main process."""
    return replace(
        blueprint.spec,
        name=own_name(blueprint) if request.alone else blueprint.spec.name,
        user=request.user or blueprint.spec.user,
        workdir=request.workdir or blueprint.spec.workdir,
        interactive=True,
        tty=request.tty,
    )


def visible_env(blueprint: Blueprint, request: RunRequest) -> dict[str, str]:
    """The command's variables as they may be shown: what is secret, or looks so, is `***`."""
    secret = blueprint.policy.hardening.secret_env
    return {
        name: MASK if name in secret or is_secret(name, value) else value
        for name, value in command_env(blueprint, request).items()
    }


def plain_seccomp_path(blueprint: Blueprint) -> str:
    """A file that holds the filter, for Docker's CLI, which takes no text; empty for the engine's own."""
    from openclaw_sandbox.spec.data import data_path
    from openclaw_sandbox.spec.seccomp import ARCHITECTURES

    seccomp = blueprint.policy.hardening.seccomp
    if seccomp.kind is SeccompKind.FILE:
        return seccomp.path or ""
    if seccomp.kind is SeccompKind.ENGINE:
        return ""
    return str(data_path(f"seccomp/openclaw-sandbox.{ARCHITECTURES[blueprint.architecture]}.json"))
