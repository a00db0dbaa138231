"""The state folder, and this installation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.model import Finding, fail, ok, skip, warn
from openclaw_sandbox.policy.model import SeccompKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.facts import Facts


def check_state(facts: Facts) -> Iterator[Finding]:
    """The registry, the workspaces, the way out."""
    state = facts.state
    if state.registry_problem:
        hint = state.registry_hint or "openclaw-sandbox doctor --fix"
        yield fail("state.registry", state.registry_problem, hint)
    else:
        yield ok("state.registry", "The registry can be read.")
    for agent, problem, hint in state.workspace_problems:
        yield fail("state.workspace", f"Agent {agent}: {problem}", hint)
    if not state.workspace_problems:
        yield ok("state.workspace", "Every workspace can be used by its sandbox.")
    if facts.gateway_problems is None:
        yield skip("state.gateway", "No sandbox has allowed hosts: there is no gateway.")
    elif facts.gateway_problems:
        message = "The egress gateway does not answer: sandboxes with allowed hosts reach nothing."
        yield warn("state.gateway", message, "It is made again by the next run.", *facts.gateway_problems)
    else:
        yield ok("state.gateway", "The egress gateway answers.")


def check_tool(facts: Facts) -> Iterator[Finding]:
    """This installation."""
    kinds = {policy.hardening.seccomp.kind for policy in facts.policies}
    if kinds and kinds != {SeccompKind.OURS}:
        message = "Some agents do not use the built-in filter of system calls."
        yield warn("tool.seccomp", message, "Remove docker.seccompProfile.")
    elif kinds:
        yield ok("tool.seccomp", "The built-in filter is what every sandbox gets.")
    if facts.completion is None:
        yield skip("tool.completion", "The shell is not known.")
    elif facts.completion:
        yield ok("tool.completion", "Shell completion is installed.")
    else:
        yield skip("tool.completion", "Shell completion is not installed.")
