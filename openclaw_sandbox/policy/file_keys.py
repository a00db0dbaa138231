"""The keys of config.yml that are no plain limits: capabilities, filters, mounts, network, log, ports."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.file_access import file_access
from openclaw_sandbox.policy.file_mounts import mounts, tmpfs_sizes
from openclaw_sandbox.policy.file_profiles import profiles
from openclaw_sandbox.policy.hardening import CAPABILITIES, IMAGE_PATTERN
from openclaw_sandbox.policy.hardening_file import Applied
from openclaw_sandbox.policy.model import (
    Candidate,
    Hardening,
    HealthChoice,
    LogChoice,
    Port,
    Resolved,
)
from openclaw_sandbox.policy.sizes import human_size
from openclaw_sandbox.policy.tighten import Tightening, lost_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.policy import binds as bind_rules
    from openclaw_sandbox.policy.findings import Findings
    from openclaw_sandbox.policy.hardening_file import FileLayers

#: Capabilities that undo the sandbox, whoever holds them.
_DANGEROUS = frozenset(
    {"BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "NET_ADMIN", "NET_RAW", "PERFMON", "SYS_ADMIN", "SYS_BOOT"}
    | {"SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME", "SETUID", "SETGID", "MKNOD", "SYSLOG"}
)
#: Keys that load and are shown, and that nothing enforces yet: `run` refuses them by name.
_UNBUILT = (
    "logging.enabled",
    "logging.level",
    "logging.capture_stdout",
    "logging.capture_stderr",
    "logging.audit_trail",
)
#: Docker takes names of up to 255 characters, and a tag or a digest behind them.
_MAX_IMAGE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInputs:
    """What config.yml is applied with."""

    layers: FileLayers
    judge: bind_rules.BindJudge
    rules: bind_rules.BindRules
    values: Mapping[str, Resolved[Any]]
    notes: Findings


def apply_file(base: Hardening, inputs: FileInputs) -> Applied:
    """`base` under config.yml. Never raises: what must not run is noted as an error."""
    step = Tightening(layers=inputs.layers, values=dict(inputs.values), notes=inputs.notes)
    step.limits(base)
    _note_unbuilt(step)
    _engine(step)
    base = replace(base, **step.changes)
    base = _reservation(_swap(base, step), step)
    base = _capabilities(profiles(_image(base, step), step), step)
    base = mounts(base, step, inputs.judge, inputs.rules)
    base = file_access(tmpfs_sizes(_network(base, step), step), step)
    base = _observation(replace(base, ulimits=step.ulimits(base.ulimits)), step)
    return Applied(
        hardening=replace(base, allow_unenforced=step.union("allow_unenforced", base.allow_unenforced)),
        values=step.values,
        enabled=all(said.value for said in step.layers.said("enabled")),
        deny_network=bool(step.layers.said("network_policy")),
        hosts={key: tuple(step.layers.entries(key)) for key in ("allowed_hosts", "denied_hosts")},
    )


def _note_unbuilt(step: Tightening) -> None:
    for key in _UNBUILT:
        said = step.last(key)
        if said is not None and said.value not in (False, None):
            step.notes.error(
                "key.unbuilt",
                f"{key}: nothing enforces this key yet, so nothing runs as if it were kept.",
                hint=f"Remove {key} from config.yml.",
                origin=said.origin,
            )


def _engine(step: Tightening) -> None:
    said = step.last("engine")
    if said is not None and said.value != "docker":
        message = f'engine "{said.value}" is not supported.'
        step.notes.error("engine.unknown", message, hint="Write engine: docker.", origin=said.origin)
    runtime = step.last("runtime")
    if runtime is not None:
        step.changes["runtime"] = None if runtime.value == "runc" else runtime.value


def _swap(base: Hardening, step: Tightening) -> Hardening:
    """Memory may have become smaller; where nobody asked for swap there still is none."""
    memory, swap = base.memory_bytes, base.memory_swap_bytes
    said = step.values.get("docker.memorySwap")
    if memory is None:
        return base
    if said is None or said.origin.file is None:
        return replace(base, memory_swap_bytes=memory)
    if swap is not None and 0 <= swap < memory:
        message = "The swap limit is memory plus swap, and less than the memory limit."
        hint = "Raise it, or remove it: then there is no swap."
        step.notes.error("limit.swap", message, hint=hint, origin=said.origin)
    return base


def _reservation(base: Hardening, step: Tightening) -> Hardening:
    """What is kept free for a sandbox cannot be more than it may use; somebody may have tightened that."""
    wanted, memory = base.memory_reservation_bytes, base.memory_bytes
    key = "resource_limits.memory_reservation"
    said = step.values.get(key)
    if wanted is None or memory is None or wanted <= memory or said is None:
        return base
    message = (
        f"{key}: {human_size(wanted)} lowered to {human_size(memory)}, which is all the memory there is."
    )
    step.notes.warn("limit.reservation", message, hint=f"Lower {said.origin.key}.", origin=said.origin)
    step.values[key] = replace(said, value=memory)
    return replace(base, memory_reservation_bytes=memory)


def _image(base: Hardening, step: Tightening) -> Hardening:
    """The lowest layer: an image that openclaw.json names stays."""
    said = step.last("default_image")
    if said is None:
        return base
    if not re.fullmatch(IMAGE_PATTERN, said.value) or len(said.value) > _MAX_IMAGE:
        message = f'default_image: "{said.value[:80]}" is no image name.'
        hint = "Remove it to use openclaw-sandbox:bookworm-slim."
        step.notes.error("image.invalid", message, hint=hint, origin=said.origin)
        return base
    named = step.values.get("docker.image")
    if named is not None and named.origin.file is not None:
        return base
    step.values["docker.image"] = replace(step.values["default_image"], key="docker.image")
    return replace(base, image=said.value)


def _capabilities(base: Hardening, step: Tightening) -> Hardening:
    dropped = step.union("drop_capabilities", base.cap_drop)
    kept = step.joined("keep_capabilities")
    for entry in (*step.layers.entries("drop_capabilities"), *kept):
        if entry.value not in CAPABILITIES and entry.value != "ALL":
            message = f'"{entry.value}" is no capability.'
            step.notes.error("capability.unknown", message, hint="See capabilities(7).", origin=entry.origin)
    if "ALL" in dropped:
        dropped = ("ALL",)
    forbidden = {entry.value for entry in step.layers.entries("drop_capabilities")}
    added = tuple(dict.fromkeys(entry.value for entry in kept if entry.value not in forbidden))
    for entry in kept:
        _note_kept(entry, step, lost=entry.value in forbidden)
    return replace(base, cap_drop=dropped, cap_add=added)


def _note_kept(entry: Candidate[Any], step: Tightening, *, lost: bool) -> None:
    name = entry.value
    if lost:
        message = f"keep_capabilities {name} is also in drop_capabilities, which wins."
        step.notes.warn("capability.lost", message, hint="Remove one of the two.", origin=entry.origin)
    elif name in _DANGEROUS or name == "ALL":
        message = f"keep_capabilities {name} can undo the sandbox."
        step.notes.error("capability.dangerous", message, hint=f"Remove {name}.", origin=entry.origin)
    else:
        message = f"{name} stays in the bounding set; a command that is not root does not hold it."
        step.notes.info("capability.kept", message, origin=entry.origin)


def _network(base: Hardening, step: Tightening) -> Hardening:
    """`deny-by-default` is stricter than any network that openclaw.json names."""
    said = step.last("network_policy")
    if said is None or base.network == "none":
        return base
    before = step.values.get("docker.network")
    message = f'docker.network "{base.network}" loses to network_policy: {said.value}.'
    step.notes.warn(
        "limit.lost",
        message,
        hint="List the hosts it needs under allowed_hosts.",
        origin=before.origin if before else said.origin,
    )
    lost = (*before.overridden, *lost_to(before, "a stricter value wins")) if before else ()
    step.values["docker.network"] = Resolved(
        key="docker.network", value="none", origin=said.origin, overridden=lost
    )
    return replace(base, network="none")


def _observation(base: Hardening, step: Tightening) -> Hardening:
    """Log, health check and ports; each block as a whole, the agent's over everybody's."""
    log, health = step.last("log"), step.last("health_check")
    ports = step.joined("ports")
    cpuset = _cpuset(step)
    if ports and base.network == "none":
        message = "ports cannot be published: the sandbox has no network."
        hint = "Remove ports, or give it a network with docker.network."
        step.notes.error("ports.no-network", message, hint=hint, origin=ports[0].origin)
    return replace(
        base,
        cpuset=cpuset,
        log=None if log is None else _log(log.value),
        health=None if health is None else _health(health.value),
        ports=tuple(
            Port(
                container_port=entry.value["container"],
                host_port=entry.value["host"],
                protocol=entry.value["protocol"],
            )
            for entry in ports
        ),
    )


def _cpuset(step: Tightening) -> str | None:
    """Only the processors that every block names."""
    said = step.layers.said("resource_limits.cpuset")
    if not said:
        return None
    common = set.intersection(*(set(candidate.value) for candidate in said))
    if not common:
        message = "resource_limits.cpuset: the agent's processors and everybody's have none in common."
        step.notes.error("limit.cpuset", message, hint="Name processors of both.", origin=said[-1].origin)
        return None
    text = _ranges(sorted(common))
    step.values["resource_limits.cpuset"] = Resolved(
        key="resource_limits.cpuset", value=text, origin=said[-1].origin, overridden=tuple(said[:-1])
    )
    return text


def _ranges(numbers: list[int]) -> str:
    """`0,1,4-7`: three and more in a row are a range."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    words = (f"{row[0]}-{row[-1]}" if len(row) > 2 else ",".join(map(str, row)) for row in rows)
    return ",".join(words)


def _log(block: Mapping[str, Any]) -> LogChoice:
    return LogChoice(
        driver=block["driver"],
        max_bytes=block["max_size"],
        max_files=block["max_file"],
        labels=tuple(block.get("labels", ())),
    )


def _health(block: Mapping[str, Any]) -> HealthChoice:
    return HealthChoice(
        command=tuple(block["command"]),
        interval_s=block["interval"],
        timeout_s=block["timeout"],
        retries=block["retries"],
    )
