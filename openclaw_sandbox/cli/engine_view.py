"""What only the engine or this host can say about a policy: is the image there, what runs now."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.policy.model import Finding, SeccompKind, Severity

if TYPE_CHECKING:
    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.lifecycle.compare import FieldCheck
    from openclaw_sandbox.policy.model import EffectivePolicy

#: `explain` is about the policy: it does not wait for a slow engine.
_PATIENCE_S = 1.0


def engine_findings(policy: EffectivePolicy) -> tuple[Finding, ...]:
    """What `run` would be refused by this machine, as warnings. Never raises, never waits long."""
    image = _missing_image(policy)
    return (*profile_findings(policy), *((image,) if image else ()))


def profile_findings(policy: EffectivePolicy) -> tuple[Finding, ...]:
    """What is wrong or odd about a seccomp profile of the operator's own."""
    if policy.hardening.seccomp.kind is not SeccompKind.FILE:
        return ()
    from openclaw_sandbox.lifecycle.ensure import seccomp_profile
    from openclaw_sandbox.spec.seccomp import profile_warnings

    value = policy.values.get("docker.seccompProfile")
    finding = Finding(
        code="seccomp.profile",
        severity=Severity.WARNING,
        message="",
        hint="Correct docker.seccompProfile, or remove it to use the built-in profile.",
        origin=value.origin if value else None,
    )
    try:
        text = seccomp_profile(policy, platform.machine())
    except SandboxError as error:
        faults = "; ".join(f"{issue.path}: {issue.message}" for issue in error.issues if issue.path)
        message = f"run refuses: {error.brief} {faults}".rstrip()
        return (replace(finding, code="seccomp.unusable", message=message),)
    return tuple(replace(finding, message=warning) for warning in profile_warnings(text or "{}"))


def _missing_image(policy: EffectivePolicy) -> Finding | None:
    from openclaw_sandbox.engine.docker.quick import has_image

    image = policy.hardening.image
    try:
        if has_image(os.environ, image, patience_s=_PATIENCE_S) is not False:
            return None
    except SandboxError as error:
        return Finding(
            code="engine.unreachable",
            severity=Severity.WARNING,
            message=f"Not runnable now: {error.brief}",
            hint=error.hint,
        )
    from openclaw_sandbox.lifecycle.ensure import missing_image  # the rare case: it brings half of the tool

    missing, origin = missing_image(image), policy.values["docker.image"].origin
    return Finding(
        code=missing.code,
        severity=Severity.WARNING,
        message=f"Not runnable now: {missing.brief}",
        hint=missing.hint,
        origin=origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """The comparison with what runs; `observed` is None if there is no such container."""

    observed: Observed | None
    checks: tuple[FieldCheck, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is a container, and it breaks a promise."""
        return not all(check.agrees for check in self.checks)


def compare_live(policy: EffectivePolicy, ui: Ui) -> LiveResult:
    """Compare the container that `run` would use with the one that is there.

    Raises:
        EngineError: the engine does not answer, or the image is missing.
        WorkspaceError: the workspace cannot be used as the policy promises.
    """
    from openclaw_sandbox.cli.context import engine_of
    from openclaw_sandbox.cli.ui import now_ms
    from openclaw_sandbox.lifecycle.compare import compare
    from openclaw_sandbox.lifecycle.ensure import draw_blueprint

    engine = engine_of(ui)
    observed = engine.inspect(policy.container_name)
    if observed is None:
        return LiveResult(observed=None)
    blueprint = draw_blueprint(policy, engine, now_ms=now_ms(), touch=False)
    return LiveResult(observed=observed, checks=compare(blueprint.spec, observed))
