"""OpenClaw's resolved `docker` block plus what nobody has to ask for, in the engine's units.

What makes the container weaker than the default is obeyed and noted. What would open the host (its network,
profiles `unconfined`, sensitive binds) is noted as an error, which `run` refuses.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import Origin, OriginKind
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy import binds as bind_rules
from openclaw_sandbox.policy import limits
from openclaw_sandbox.policy.environment import is_secret, sanitize
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.model import Candidate, Hardening, Resolved, Seccomp, SeccompKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openclaw_sandbox.policy.findings import Findings

CAPABILITIES = frozenset(
    {
        *(
            "AUDIT_CONTROL",
            "AUDIT_READ",
            "AUDIT_WRITE",
            "BLOCK_SUSPEND",
            "BPF",
            "CHECKPOINT_RESTORE",
            "CHOWN",
        ),
        *("DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
        *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE"),
        *("NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG"),
        *("SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE"),
        *("SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
    }
)

#: Container folders that the workspace may not replace.
_SYSTEM_FOLDERS = frozenset(
    {
        *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin"),
        *("/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/var", "/opt"),
    }
)
# Texts, not compiled patterns: `re` keeps what is used, and most policies need few of them.
IMAGE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?"
_NETWORK = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_ENV_NAME = r"[^=\0]+"
_IP = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What hardening is made from: OpenClaw's resolved `docker` block, and `newer` keys of later releases."""

    docker: Mapping[str, Any]
    newer: Mapping[str, Any]
    values: Mapping[str, Resolved[Any]]
    config_dir: Path
    judge: bind_rules.BindJudge
    notes: Findings
    timeout_s: float | None = None

    def origin(self, key: str) -> Origin | None:
        """Where a `docker.` key was set; None if nobody set it."""
        value = self.values.get(f"docker.{key}")
        return value.origin if value is not None else None

    def origins(self) -> dict[str, Origin]:
        """Of every key, for those who need several."""
        return {key: value.origin for key, value in self.values.items()}

    def text(self, key: str) -> str:
        """A text value, trimmed; empty if unset."""
        value = self.docker.get(key)
        return trim(value) if isinstance(value, str) else ""


def is_root(user: str) -> bool:
    """Whether a `docker.user` means uid 0 by number or name."""
    name = user.partition(":")[0]
    return name == "root" or (name.isdigit() and int(name) == 0)


def _user(inputs: Inputs) -> str | None:
    user, origin = inputs.text("user"), inputs.origin("user")
    if not user:
        return None
    if not re.fullmatch(_USER, user):
        hint = 'Write docker.user as "1000:1000", or remove it: the workspace\'s owner is used.'
        inputs.notes.error("user.invalid", f'docker.user: "{user}" is no user.', hint=hint, origin=origin)
    elif is_root(user):
        hint = "Remove docker.user: the workspace's owner is used, never root."
        inputs.notes.warn(
            "weak.root-user", "Commands run as root in the container.", hint=hint, origin=origin
        )
    return user


def _capabilities(inputs: Inputs) -> tuple[str, ...]:
    origin = inputs.origin("capDrop")
    names = [trim(name).upper().removeprefix("CAP_") for name in inputs.docker.get("capDrop", ())]
    names = [name for name in dict.fromkeys(names) if name]
    unknown = [name for name in names if name != "ALL" and name not in CAPABILITIES]
    if unknown:
        message = f'docker.capDrop: "{unknown[0]}" is no capability.'
        inputs.notes.error(
            "capability.unknown", message, hint='Write docker.capDrop as ["ALL"].', origin=origin
        )
    if "ALL" in names:
        return ("ALL",)
    kept = "Docker's default capabilities stay" + (f" except {', '.join(names)}" if names else "")
    hint = 'Remove docker.capDrop, or set it to ["ALL"].'
    inputs.notes.warn("weak.capabilities", f"{kept}: docker.capDrop has no ALL.", hint=hint, origin=origin)
    return tuple(names)


def _network(inputs: Inputs) -> str:
    network, origin, notes = inputs.text("network"), inputs.origin("network"), inputs.notes
    kind = network.lower()
    if kind in ("", "none"):
        return "none"
    hint = 'Set docker.network to "none".'
    if kind == "host":
        message = f'docker.network "{network}" shares the host\'s network with the sandbox.'
        notes.error("network.host", message, hint=hint, origin=origin)
    elif kind.startswith("container:"):
        message = f'docker.network "{network}" joins another container\'s network.'
        if inputs.newer.get("dangerouslyAllowContainerNamespaceJoin") is True:
            notes.warn("network.container", message, hint=hint, origin=origin)
        else:
            notes.error("network.container", message, hint=hint, origin=origin)
    elif not re.fullmatch(_NETWORK, network):
        notes.error("network.invalid", f'docker.network: "{network}" is no name.', hint=hint, origin=origin)
    else:
        message = f'The sandbox has a network: docker.network is "{network}".'
        notes.warn("weak.network", message, hint=hint, origin=origin)
    return network


def _seccomp(inputs: Inputs) -> Seccomp:
    profile, origin = inputs.text("seccompProfile"), inputs.origin("seccompProfile")
    if profile.lower() == "unconfined":
        message = "docker.seccompProfile unconfined switches the filter of system calls off."
        hint = "Remove docker.seccompProfile: the built-in profile is used."
        inputs.notes.error("seccomp.unconfined", message, hint=hint, origin=origin)
    if not profile or profile.lower() == "unconfined":
        return Seccomp(kind=SeccompKind.OURS)
    if profile in ("docker-default", "builtin"):
        message = "Docker's own seccomp profile is used; the built-in one allows less."
        hint = "Remove docker.seccompProfile."
        inputs.notes.warn("weak.seccomp", message, hint=hint, origin=origin)
        return Seccomp(kind=SeccompKind.ENGINE)
    path = posixpath.join(str(inputs.config_dir), profile)
    if not profile.startswith("/"):
        message = f"docker.seccompProfile is relative: it is taken from the config's folder, {path}."
        hint = "Write the full path: OpenClaw takes it from the folder its gateway was started in."
        inputs.notes.warn("seccomp.relative", message, hint=hint, origin=origin)
    return Seccomp(kind=SeccompKind.FILE, path=posixpath.normpath(path))


def _apparmor(inputs: Inputs) -> str | None:
    profile, origin = inputs.text("apparmorProfile"), inputs.origin("apparmorProfile")
    if not profile:
        return None
    if profile.lower() == "unconfined":
        message = "docker.apparmorProfile unconfined switches AppArmor off."
        inputs.notes.error(
            "apparmor.unconfined", message, hint="Remove docker.apparmorProfile.", origin=origin
        )
    else:
        message = f'AppArmor profile "{profile}": only an engine with AppArmor enforces it.'
        inputs.notes.info("apparmor.profile", message, origin=origin)
    return profile


def _workdir(inputs: Inputs) -> str:
    workdir, origin = inputs.text("workdir"), inputs.origin("workdir")
    folder = bind_rules.normalize(workdir) if workdir.startswith("/") else workdir
    taken = folder in _SYSTEM_FOLDERS or any(
        bind_rules.is_under(folder, root) for root in bind_rules.RESERVED_TREES
    )
    if not workdir.startswith("/") or taken or ":" in folder:
        message = f'docker.workdir: "{workdir}" cannot hold the workspace.'
        hint = "Use an absolute path of its own, for instance /workspace."
        inputs.notes.error("workdir.invalid", message, hint=hint, origin=origin)
        return bind_rules.WORKSPACE_TARGET
    return folder


def _env(inputs: Inputs) -> tuple[dict[str, str], dict[str, str]]:
    """(what the container's config may show, what only exec may carry). Blank names are dropped."""
    raw = inputs.docker.get("env", {})
    names = {trim(name): name for name in raw if trim(name)}
    verdict = sanitize(raw)
    secret = {name: raw[key] for name, key in names.items() if is_secret(name, raw[key])}
    for name, key in names.items():
        origin = inputs.origin(f"env.{key}")
        if not re.fullmatch(_ENV_NAME, name) or "\0" in raw[key]:
            message = f'docker.env: "{name}" cannot be a variable.'
            inputs.notes.error("env.invalid", message, hint="Rename or remove it.", origin=origin)
        elif name in secret:
            message = f"docker.env.{name} looks like a secret: commands in the sandbox can read it."
            hint = (
                f"Remove docker.env.{name} unless the sandbox must have it. It is kept out of docker inspect."
            )
            inputs.notes.warn("env.secret", message, hint=hint, origin=origin)
    for name, oddity in verdict.warnings:
        message = f"docker.env.{name}: {oddity[0].lower()}{oddity[1:]}."
        inputs.notes.warn("env.odd-value", message, origin=inputs.origin(f"env.{names[name]}"))
    return {name: value for name, value in verdict.allowed.items() if name not in secret}, secret


def _addresses(inputs: Inputs) -> tuple[str, ...]:
    found = tuple(trim(entry) for entry in inputs.docker.get("dns", ()) if trim(entry))
    for wrong in (entry for entry in found if not re.fullmatch(_IP, entry)):
        hint = "Write numbers, for instance 10.0.0.53."
        message = f'docker.dns: "{wrong}" is no IP address.'
        inputs.notes.error("dns.invalid", message, hint=hint, origin=inputs.origin("dns"))
    return found


def _extra_hosts(inputs: Inputs) -> tuple[str, ...]:
    origin = inputs.origin("extraHosts")
    found = tuple(trim(entry) for entry in inputs.docker.get("extraHosts", ()) if trim(entry))
    for entry in found:
        name, _, address = entry.partition(":")
        if address == "host-gateway":
            message = f'docker.extraHosts "{entry}" gives the host a name inside the sandbox.'
            inputs.notes.warn(
                "weak.extra-host", message, hint="Remove it from docker.extraHosts.", origin=origin
            )
        elif not re.fullmatch(_HOST, name) or not re.fullmatch(_IP, address.strip("[]")):
            message = f'docker.extraHosts: "{entry}" is not "name:address".'
            hint = "Write it as internal.example:10.0.0.5."
            inputs.notes.error("extra-hosts.invalid", message, hint=hint, origin=origin)
    return found


def _image(inputs: Inputs) -> str:
    image = inputs.text("image")
    if not re.fullmatch(IMAGE_PATTERN, image):
        hint = "Remove docker.image to use openclaw-sandbox:bookworm-slim."
        message = f'docker.image: "{image}" is no image name.'
        inputs.notes.error("image.invalid", message, hint=hint, origin=inputs.origin("image"))
    return image


def _note_weak_root(inputs: Inputs) -> None:
    if inputs.docker.get("readOnlyRoot") is not False:
        return
    message = "The container's root file system is writable: docker.readOnlyRoot is false."
    hint = "Remove docker.readOnlyRoot, and name writable folders in docker.tmpfs."
    inputs.notes.warn("weak.writable-root", message, hint=hint, origin=inputs.origin("readOnlyRoot"))


def _binds(inputs: Inputs, workdir: str) -> tuple[Any, ...]:
    entries = [
        (text, inputs.values[f"docker.binds.{index}"].origin)
        for index, text in enumerate(inputs.docker.get("binds", ()))
        if trim(text)
    ]
    rules = bind_rules.flags(inputs.newer, workdir=workdir)
    return bind_rules.resolve_binds(entries, inputs.judge, rules, inputs.notes)


def harden(inputs: Inputs) -> Hardening:
    """The container's settings. Never raises: what must not run is noted as an error in `inputs.notes`."""
    docker, origins = inputs.docker, inputs.origins()
    workdir = _workdir(inputs)
    env, secret_env = _env(inputs)
    memory, swap = limits.memory_limits(
        docker.get("memory"), docker.get("memorySwap"), origins=origins, notes=inputs.notes
    )
    mounts = _binds(inputs, workdir)
    covered = {bind.destination for bind in mounts}
    tmpfs = limits.tmpfs_mounts(
        docker.get("tmpfs", ()), workdir=workdir, origin=inputs.origin("tmpfs"), notes=inputs.notes
    )
    _note_weak_root(inputs)
    setup = docker.get("setupCommand")
    return Hardening(
        image=_image(inputs),
        user=_user(inputs),
        workdir=workdir,
        env=env,
        secret_env=secret_env,
        read_only_root=docker.get("readOnlyRoot") is not False,
        tmpfs=tuple(mount for mount in tmpfs if mount.destination not in covered),
        network=_network(inputs),
        dns=_addresses(inputs),
        extra_hosts=_extra_hosts(inputs),
        cap_drop=_capabilities(inputs),
        cap_add=(),
        seccomp=_seccomp(inputs),
        apparmor=_apparmor(inputs),
        pids_limit=int(docker.get("pidsLimit", limits.DEFAULT_PIDS)),
        memory_bytes=memory,
        memory_swap_bytes=swap,
        cpus=float(docker["cpus"]) if "cpus" in docker else None,
        ulimits=limits.ulimits(docker.get("ulimits", {}), origins=origins, notes=inputs.notes),
        shm_bytes=limits.DEFAULT_SHM,
        binds=mounts,
        setup_command=_setup_command(setup),
        timeout_s=inputs.timeout_s,
        runtime=None,
    )


def _setup_command(value: Any) -> str | None:
    """One shell text; a list (2026.9.6) is joined by newlines. Blank is none."""
    text = "\n".join(value) if isinstance(value, list) else value
    return text if isinstance(text, str) and trim(text) else None


BUILT_IN_HARDENING = Origin(kind=OriginKind.BUILT_IN, key="built-in hardening")


def built_in_values(hardening: Hardening, values: Mapping[str, Resolved[Any]]) -> dict[str, Resolved[Any]]:
    """What we add where the config is silent or blank, as values with an origin of their own."""
    added: dict[str, Any] = {
        "docker.memory": hardening.memory_bytes,
        "docker.memorySwap": hardening.memory_swap_bytes,
        "docker.pidsLimit": hardening.pids_limit,
        "docker.seccompProfile": hardening.seccomp.kind.value,
        "docker.noNewPrivileges": True,
        "docker.shmSize": hardening.shm_bytes,
    }
    added |= {f"docker.ulimits.{u.name}": f"{u.soft}:{u.hard}" for u in hardening.ulimits}
    return {
        key: _added(key, value, values.get(key)) for key, value in added.items() if _silent(values.get(key))
    }


def _silent(said: Resolved[Any] | None) -> bool:
    return said is None or said.value in ({}, None) or (isinstance(said.value, str) and not trim(said.value))


def _added(key: str, value: Any, said: Resolved[Any] | None) -> Resolved[Any]:
    blank = () if said is None else (Candidate(origin=said.origin, value=said.value, why_lost="it is blank"),)
    return Resolved(key=key, value=value, origin=BUILT_IN_HARDENING, overridden=blank)
