"""What config.yml says of seccomp, AppArmor and SELinux. Pure."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.model import Resolved, Seccomp, SeccompKind
from openclaw_sandbox.policy.tighten import lost_to

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import Candidate, Hardening
    from openclaw_sandbox.policy.tighten import Tightening

ENGINE_DEFAULT = "docker-default"
#: System calls that every program makes, the engine's own helper at the start of a container too.
_EVERY_PROGRAM = frozenset(
    {
        "arch_prctl",
        "clone",
        "close",
        "execve",
        "exit",
        "exit_group",
        "futex",
        "getdents64",
        "mmap",
        "mprotect",
    }
    | {"newfstatat", "openat", "read", "rt_sigreturn", "write"}
)
_SELINUX = r"[\w.-]+:[\w.-]+:(?P<type>[\w.-]+)(?::[\w.,:-]+)?"
#: Types that SELinux itself calls unconfined.
_UNCONFINED_TYPES = frozenset({"spc_t", "unconfined_t", "unconfined_service_t", "container_runtime_t"})


def profiles(base: Hardening, step: Tightening) -> Hardening:
    """Profiles replace: openclaw.json, which is higher, keeps what it names."""
    for key, value_key, name in (
        ("seccomp_profile", "docker.seccompProfile", "seccomp"),
        ("apparmor_profile", "docker.apparmorProfile", "apparmor"),
        ("selinux_label", "selinux_label", "selinux_label"),
    ):
        said = step.last(key)
        named = step.values.get(value_key)
        if said is None or (value_key != key and named is not None and named.origin.file is not None):
            continue
        if str(said.value).lower() == "unconfined":
            message = f"{key} unconfined switches it off."
            step.notes.error(f"{name}.unconfined", message, hint=f"Remove {key}.", origin=said.origin)
            continue
        if name == "selinux_label" and not _is_selinux_label(said, step):
            continue
        change: dict[str, Any] = {name: _seccomp_choice(said, step) if name == "seccomp" else said.value}
        base = replace(base, **change)
        step.values[value_key] = replace(step.values[key], key=value_key)
    blocked = step.union("blocked_syscalls", base.seccomp.blocked)
    _note_needed_calls(step)
    if blocked and base.seccomp.kind is SeccompKind.ENGINE:
        # The engine's own profile is not text that more calls could be compiled into; ours is stricter.
        message = "blocked_syscalls needs a profile to be compiled into: the built-in one, which allows less."
        origin = step.layers.said("blocked_syscalls")[-1].origin
        step.notes.info("seccomp.compiled", message, origin=origin)
        before = step.values.get("docker.seccompProfile")
        lost = () if before is None else lost_to(before, "calls can be added only to the built-in one")
        step.values["docker.seccompProfile"] = Resolved(
            key="docker.seccompProfile", value=SeccompKind.OURS.value, origin=origin, overridden=lost
        )
        return replace(base, seccomp=Seccomp(kind=SeccompKind.OURS, blocked=blocked))
    return replace(base, seccomp=replace(base.seccomp, blocked=blocked))


def _is_selinux_label(said: Candidate[Any], step: Tightening) -> bool:
    found = re.fullmatch(_SELINUX, said.value)
    if found is None:
        message = f'selinux_label: "{said.value}" is no label.'
        hint = "Write it as user:role:type:level, for instance system_u:system_r:container_t:s0."
        step.notes.error("selinux_label.invalid", message, hint=hint, origin=said.origin)
        return False
    if found["type"] in _UNCONFINED_TYPES:
        message = f"selinux_label: the type {found['type']} confines nothing."
        hint = "Use container_t, or a type of your own."
        step.notes.error("selinux_label.unconfined", message, hint=hint, origin=said.origin)
        return False
    return True


def _note_needed_calls(step: Tightening) -> None:
    for entry in step.layers.entries("blocked_syscalls"):
        if entry.value in _EVERY_PROGRAM:
            message = f"blocked_syscalls: without {entry.value} no command starts or ends."
            step.notes.error("syscall.needed", message, hint=f"Remove {entry.value}.", origin=entry.origin)


def _seccomp_choice(said: Candidate[Any], step: Tightening) -> Seccomp:
    if said.value in (ENGINE_DEFAULT, "builtin"):
        if not step.layers.said("blocked_syscalls"):
            message = "Docker's own seccomp profile is used; the built-in one allows less."
            hint = "Remove seccomp_profile."
            step.notes.warn("weak.seccomp", message, hint=hint, origin=said.origin)
        return Seccomp(kind=SeccompKind.ENGINE)
    if said.value == SeccompKind.OURS.value:
        return Seccomp(kind=SeccompKind.OURS)
    folder = posixpath.dirname(str(step.layers.loaded.file))
    return Seccomp(kind=SeccompKind.FILE, path=posixpath.normpath(posixpath.join(folder, said.value)))
