"""Does this engine keep what the policies ask for, and with which runtimes? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.model import Finding, fail, ok, warn
from openclaw_sandbox.lifecycle.fit import Needs, applies_seccomp, disk_means, find_gaps, is_gvisor
from openclaw_sandbox.lifecycle.volume import host_objection
from openclaw_sandbox.policy.findings import errors
from openclaw_sandbox.spec.build import BuildContext, build_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.facts import Facts
    from openclaw_sandbox.engine.base import EngineInfo
    from openclaw_sandbox.policy.model import EffectivePolicy

#: Gaps depend on none of these.
_ANY = BuildContext(user="1000:1000", seccomp_profile="", created_at_ms=0, devices=("/dev/any",))


def check_runtimes(facts: Facts) -> Iterator[Finding]:
    """Which runtimes there are, and whether gVisor would apply the profile."""
    info = facts.engine.info
    if info is None:
        return
    names = [name for name in info.runtimes if not name.startswith("io.containerd.")]
    bare = [name for name in names if is_gvisor(name) and not applies_seccomp(name, info)]
    if bare:
        message = f"{', '.join(bare)} applies no seccomp profile: run refuses it."
        yield warn("engine.runtimes", message, "Add --oci-seccomp to its runtimeArgs in daemon.json.")
    else:
        yield ok("engine.runtimes", f"Runtimes: {', '.join(names)}.")


def check_enforcement(facts: Facts) -> Iterator[Finding]:
    """What the policies ask of this engine, and it would take and not keep."""
    info = facts.engine.info
    if info is None or not facts.policies:
        return
    usable = [policy for policy in facts.policies if not errors(policy.findings)]
    refused = dict.fromkeys(line for policy in usable for line in _gaps(policy, info, facts, allowed=False))
    loose = dict.fromkeys(line for policy in usable for line in _gaps(policy, info, facts, allowed=True))
    if refused:
        fix = "Use an engine that can, or name the key in allow_unenforced in config.yml."
        message = f"This engine cannot keep {len(refused)} of the settings: run refuses them."
        yield fail("config.enforced", message, fix, *refused, *loose)
    elif loose:
        message = f"This engine does not keep {len(loose)} of the settings, with leave."
        yield warn("config.enforced", message, "Use an engine that can.", *loose)
    else:
        yield ok("config.enforced", "This engine keeps every setting.")
    limited = [policy for policy in facts.policies if policy.hardening.disk_bytes is not None]
    means = dict.fromkeys(disk_means(build_spec(p, _ANY), info, _needs(p, info, facts)) for p in limited)
    if means:
        yield ok("config.disk", f"Disk limits: {'. Elsewhere '.join(means)}.")


def _needs(policy: EffectivePolicy, info: EngineInfo, facts: Facts) -> Needs:
    no_volume = host_objection(policy, lambda: info, no_loop=lambda: facts.no_loop)
    return Needs(way_out=policy.egress is not None, no_volume=no_volume)


def _gaps(policy: EffectivePolicy, info: EngineInfo, facts: Facts, *, allowed: bool) -> Iterator[str]:
    hardening = policy.hardening
    if not allowed and hardening.runtime is not None and hardening.runtime not in info.runtimes:
        yield f"{policy.agent_id}: runtime {hardening.runtime}: the engine has none of this name"
    for gap in find_gaps(build_spec(policy, _ANY), info, _needs(policy, info, facts)):
        if allowed == (gap.tolerable or gap.allow in hardening.allow_unenforced):
            yield f"{policy.agent_id}: {gap.key}: {gap.why}"
