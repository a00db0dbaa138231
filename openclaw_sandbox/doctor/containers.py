"""The containers that are there, and the memory of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.doctor.model import Finding, fail, ok, skip, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.facts import Facts
    from openclaw_sandbox.engine.base import Observed

_SENSITIVE = (
    *("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/root", "/var/run", "/run"),
    *("/var/lib/docker", "/var/log", "/var/lib/containerd"),
)


def check_containers(facts: Facts) -> Iterator[Finding]:
    """Drift, leftovers, strangers, and the recommendations of the CIS benchmark's section 5."""
    found = facts.containers
    if found is None:
        yield skip("containers.drift", "Without an engine and a registry no container can be looked at.")
        return
    lines = tuple(f"{name}: {reason}" for name, reason in found.drifted)
    yield _several("containers.drift", lines, "differ from their policy", "openclaw-sandbox recreate --all")
    yield _several("containers.orphans", found.orphans, "are not in the registry", "openclaw-sandbox prune")
    hint = "openclaw-sandbox doctor --fix"
    yield _several("containers.half-made", found.half_made, "were left half-made", hint)
    strangers = tuple(f"{name}: of {whose}" for name, whose in found.foreign)
    yield _several(
        "containers.foreign", strangers, "belong to another state folder", "Leave them, or docker rm."
    )
    if found.impostors:
        message = f"{len(found.impostors)} containers carry the sandbox label and are no sandboxes."
        yield fail("containers.impostors", message, "docker inspect, then docker rm", *found.impostors)
    else:
        yield ok("containers.impostors", "Every container with the sandbox label is one.")
    yield _browsers(found.browsers)
    yield from _benchmark(found.running)


def _browsers(browsers: tuple[Observed, ...]) -> Finding:
    """OpenClaw's browser image runs Chromium as root, with its own sandbox off."""
    roots = [browser.name for browser in browsers if _runs_as_root(browser)]
    if not roots:
        return ok("containers.browser", "No browser runs as root.")
    fix = "Set agents.defaults.sandbox.browser.enabled to false, then openclaw-sandbox recreate --browser."
    return fail("containers.browser", f"{len(roots)} browser containers run as root.", fix, *roots)


def _runs_as_root(container: Observed) -> bool:
    config = container.raw.get("Config")
    user = str(config.get("User") or "") if isinstance(config, dict) else ""
    return user.partition(":")[0] in ("", "0", "root")


def _several(name: str, lines: tuple[str, ...], what: str, fix: str) -> Finding:
    if not lines:
        return ok(name, f"No containers {what}.")
    return warn(name, f"{len(lines)} containers {what}.", fix, *lines[:20])


def _benchmark(running: tuple[Observed, ...]) -> Iterator[Finding]:
    """One finding for each recommendation that a sandbox breaks, one for all when none does."""
    broken: dict[str, list[str]] = {}
    for container in running:
        config = container.raw.get("HostConfig")
        host = config if isinstance(config, dict) else {}
        for name, holds in CIS.items():
            if not holds(host):
                broken.setdefault(name, []).append(container.name)
    for name, names in broken.items():
        number, _, words = name.partition(" ")
        message = f"CIS {number}: {words} does not hold for {len(names)} containers."
        yield fail(f"containers.cis-{number}", message, "openclaw-sandbox recreate --all", *names[:20])
    if not broken:
        yield ok(
            "containers.cis", f"{len(running)} running sandboxes keep {len(CIS)} rules of CIS section 5."
        )


def _security(host: Mapping[str, Any], beginning: str) -> bool:
    return any(str(option).startswith(beginning) for option in host.get("SecurityOpt") or ())


def _harmless_mounts(host: Mapping[str, Any]) -> bool:
    sources = [str(mount.get("Source", "")) for mount in host.get("Mounts") or ()]
    sources += [str(bind).partition(":")[0] for bind in host.get("Binds") or ()]
    return not any(source in _SENSITIVE or source.endswith(".sock") for source in sources)


def _own(host: Mapping[str, Any], key: str) -> bool:
    value = str(host.get(key) or "")
    return value != "host" and not value.startswith("container:")


def _unshared(host: Mapping[str, Any]) -> bool:
    options = [(mount.get("BindOptions") or {}).get("Propagation", "") for mount in host.get("Mounts") or ()]
    return not any(str(option) in ("shared", "rshared") for option in options)


def _loopback_only(host: Mapping[str, Any]) -> bool:
    bindings = [item for items in (host.get("PortBindings") or {}).values() for item in items or ()]
    return all(item.get("HostIp") in ("127.0.0.1", "::1") for item in bindings)


#: "number words" -> whether a container's HostConfig keeps it.
CIS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "5.4 capabilities are dropped": lambda h: "ALL" in [str(c).upper() for c in h.get("CapDrop") or ()],
    "5.5 not privileged": lambda h: not h.get("Privileged"),
    "5.6 no sensitive folder is mounted": _harmless_mounts,
    "5.10 own network namespace": lambda h: _own(h, "NetworkMode"),
    "5.11 memory is limited": lambda h: bool(h.get("Memory")),
    "5.13 the root is read-only": lambda h: bool(h.get("ReadonlyRootfs")),
    "5.14 ports only on loopback": _loopback_only,
    "5.15 no endless restarts": lambda h: (h.get("RestartPolicy") or {}).get("Name") not in ("always",),
    "5.16 own process namespace": lambda h: _own(h, "PidMode"),
    "5.17 own IPC namespace": lambda h: _own(h, "IpcMode"),
    "5.18 no devices": lambda h: (
        not (h.get("Devices") or h.get("DeviceCgroupRules") or h.get("DeviceRequests"))
    ),
    "5.20 mounts are not shared": _unshared,
    "5.21 own host name": lambda h: _own(h, "UTSMode"),
    "5.22 system calls are filtered": lambda h: not _security(h, "seccomp=unconfined"),
    "5.26 no new privileges": lambda h: _security(h, "no-new-privileges"),
    "5.29 processes are limited": lambda h: (h.get("PidsLimit") or 0) > 0,
    "5.31 users are not the host's by choice": lambda h: _own(h, "UsernsMode"),
}
