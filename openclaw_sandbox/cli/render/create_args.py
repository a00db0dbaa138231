"""The `docker create` arguments of a policy's container, for people and for comparison."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.policy.model import SeccompKind

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import EffectivePolicy

#: What `run` starts the command line with; the rest is the container.
_RUN_WORDS = ("docker", "run", "--rm", "--pull", "never")


def create_args(policy: EffectivePolicy) -> list[str]:
    """As OpenClaw's `docker create` line, with our hardening. Secrets are not in it: exec carries them."""
    from openclaw_sandbox.engine.docker.translate import run_argv
    from openclaw_sandbox.spec.build import BuildContext, build_spec

    context = BuildContext(user=_user(policy), seccomp_profile=_seccomp_text(policy), created_at_ms=0)
    spec = build_spec(policy, context)
    # Whether the engine has a quota is known only when it makes the container.
    spec = replace(spec, disk=replace(spec.disk, size_bytes=None))
    argv = run_argv(spec, spec.command, seccomp_path=seccomp_path(policy), exec_env={})
    return ["create", *argv[len(_RUN_WORDS) :]]


def _user(policy: EffectivePolicy) -> str:
    """The user `run` would choose; a workspace that cannot be used is `run`'s to refuse."""
    from openclaw_sandbox.lifecycle.workspace import plan_user

    try:
        return plan_user(policy)
    except SandboxError:
        return policy.hardening.user or "1000:1000"


def _seccomp_text(policy: EffectivePolicy) -> str | None:
    """The line names the profile's file, not its text: anything but None will do."""
    return None if policy.hardening.seccomp.kind is SeccompKind.ENGINE else ""


def seccomp_path(policy: EffectivePolicy) -> str:
    """The file with the filter; empty for the engine's own."""
    seccomp = policy.hardening.seccomp
    if seccomp.kind is not SeccompKind.OURS:
        return seccomp.path or ""
    from openclaw_sandbox.spec.data import data_path
    from openclaw_sandbox.spec.seccomp import ARCHITECTURES

    name = ARCHITECTURES.get(platform.machine(), platform.machine())
    try:
        return str(data_path(f"seccomp/openclaw-sandbox.{name}.json"))
    except SandboxError:
        return f"openclaw-sandbox.{name}.json"
