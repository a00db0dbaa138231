"""What only the engine or this host can say about a policy: is the image there, what runs now."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineHangingError, SandboxError
from openclaw_sandbox.policy.model import Finding, SeccompKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.engine.base import EngineInfo, Observed
    from openclaw_sandbox.lifecycle.compare import FieldCheck
    from openclaw_sandbox.policy.model import EffectivePolicy

#: `explain` is about the policy and waits for nobody for long; a busy machine's engine may need some seconds.
_PATIENCE_S = 5.0
_NO_ANSWER = frozenset({"engine.unreachable", "engine.slow"})
#: Networks that every Docker Engine has.
_ALWAYS_THERE = frozenset({"none", "bridge", "default", "host"})


def engine_findings(policy: EffectivePolicy) -> tuple[Finding, ...]:
    """What `run` would be refused by this machine, as warnings. Never raises, never waits long."""
    image = _missing_image(policy)
    if image is not None and image.code in _NO_ANSWER:
        return (*profile_findings(policy), image)
    network = _missing_network(policy)
    found = (finding for finding in (image, network) if finding is not None)
    return (*profile_findings(policy), *_unenforced(policy), *found)


def _unenforced(policy: EffectivePolicy) -> tuple[Finding, ...]:
    """What this engine would not keep of the settings that not every engine keeps."""
    hardening = policy.hardening
    asked = (hardening.runtime, hardening.apparmor, hardening.selinux_label, hardening.disk_bytes)
    if all(value is None for value in asked):
        return ()
    from openclaw_sandbox.engine.docker.quick import engine_info

    try:
        info = engine_info(os.environ, patience_s=_PATIENCE_S)
    except SandboxError:
        return ()
    return () if info is None else tuple(_engine_says(policy, info))


def _engine_says(policy: EffectivePolicy, info: EngineInfo) -> Iterator[Finding]:
    from openclaw_sandbox.lifecycle.fit import Needs, disk_means, find_gaps
    from openclaw_sandbox.lifecycle.volume import host_objection
    from openclaw_sandbox.spec.build import BuildContext, build_spec

    hardening = policy.hardening
    spec = build_spec(policy, BuildContext(user="1000:1000", seccomp_profile="", created_at_ms=0))
    if hardening.runtime is not None and hardening.runtime not in info.runtimes:
        yield _warning(
            policy,
            "runtime",
            f"Not runnable now: the engine has no runtime {hardening.runtime}.",
            f"Register it in the engine's daemon.json, or choose one of: {', '.join(info.runtimes)}.",
        )
    needs = Needs(way_out=policy.egress is not None, no_volume=host_objection(policy, lambda: info))
    for gap in find_gaps(spec, info, needs):
        allowed = gap.tolerable or gap.allow in hardening.allow_unenforced
        message = f"{gap.key}: {'not enforced' if allowed else 'run refuses'}: {gap.why}."
        hint = "" if allowed else f"Use an engine that can, or name it: allow_unenforced: [{gap.allow}]"
        yield _warning(policy, gap.key, message, hint)
    if hardening.disk_bytes is not None:
        key = "resource_limits.disk"
        told = _warning(policy, key, f"{key}: {disk_means(spec, info, needs)}.", "")
        yield replace(told, code="disk.means", severity=Severity.INFO)


def _warning(policy: EffectivePolicy, key: str, message: str, hint: str) -> Finding:
    value = policy.values.get(key)
    return Finding(
        code="engine.unenforced",
        severity=Severity.WARNING,
        message=message,
        hint=hint,
        origin=value.origin if value else None,
    )


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
    except EngineHangingError:
        return Finding(
            code="engine.slow",
            severity=Severity.WARNING,
            message=f"The engine took longer than {_PATIENCE_S:g} s to answer: what it lacks is not shown.",
            hint="Ask again when the machine is less busy. If it stays so: openclaw-sandbox doctor",
        )
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


def _missing_network(policy: EffectivePolicy) -> Finding | None:
    network = policy.hardening.network
    if network in _ALWAYS_THERE or ":" in network:
        return None
    from openclaw_sandbox.engine.docker.quick import has_network

    try:
        if has_network(os.environ, network, patience_s=_PATIENCE_S) is not False:
            return None
    except SandboxError:  # the question for the image has told
        return None
    value = policy.values.get("docker.network")
    return Finding(
        code="network.missing",
        severity=Severity.WARNING,
        message=f'Not runnable now: the engine has no network "{network}".',
        hint=f'Create it: docker network create {network}; or set docker.network to "none".',
        origin=value.origin if value else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """The comparison with what runs; `observed` is None if there is no such container.

    `conflict` says why the container of that name is not this state folder's; None if it may be.
    """

    observed: Observed | None
    checks: tuple[FieldCheck, ...] = ()
    conflict: SandboxError | None = None

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
    from openclaw_sandbox.lifecycle.plan import whose
    from openclaw_sandbox.spec import labels

    engine = engine_of(ui)
    observed = engine.inspect(policy.container_name)
    if observed is None:
        return LiveResult(observed=None)
    blueprint = draw_blueprint(policy, engine, now_ms=now_ms(), touch=False)
    # OpenClaw labels no state folder: only its registry, which `run` reads, tells whose such a container is.
    by_openclaw = observed.labels.get(labels.SANDBOX) == "1" and labels.STATE not in observed.labels
    conflict = None if by_openclaw else whose(blueprint.desired, observed)
    return LiveResult(observed=observed, checks=compare(blueprint.spec, observed), conflict=conflict)
