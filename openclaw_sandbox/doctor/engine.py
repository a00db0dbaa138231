"""The engine and the kernel under it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.components import check_kernel
from openclaw_sandbox.doctor.floors import numbers
from openclaw_sandbox.doctor.model import Finding, fail, ok, skip, warn
from openclaw_sandbox.policy.model import SeccompKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.facts import EngineFacts, Facts, Space
    from openclaw_sandbox.engine.base import EngineInfo

_OLDEST_API = (1, 41)  # private cgroup namespaces
_GIB = 1 << 30
_LEAST_FREE = 2 * _GIB
_LEAST_SHARE = 0.05
_NEEDED_LIMITS = ("memory", "pids", "cpus", "swap")
_GOOD_STORAGE = frozenset({"overlay2", "overlayfs", "btrfs", "zfs", "fuse-overlayfs"})
_BOUNDED_LOGS = frozenset({"local", "none", "journald"})


def check_engine(facts: Facts) -> Iterator[Finding]:
    """Is there one, and can it keep what a policy promises?"""
    engine = facts.engine
    if engine.info is None:
        error = engine.error
        message = error.brief if error is not None else "The engine does not answer."
        yield fail("engine.reachable", message, error.hint if error is not None else "")
        return
    info = engine.info
    yield ok("engine.reachable", f"{info.name} {info.version} at {engine.address} ({engine.source}).")
    yield _api(info)
    yield _rootless(info)
    yield _cgroup(info)
    yield _security(info)
    yield _limits(info)
    yield _storage(info)
    yield _space(engine.space)
    yield _inodes(engine.space)
    yield _logs(info)
    yield _live_restore(info)
    yield _group(engine)
    yield _listens(engine)
    yield _bridge(engine)
    if facts.broke_off:
        message = "The engine answered, and then broke off: parts of it could not be looked at."
        fix = "See what it does: journalctl -u docker"
        yield fail("engine.steady", message, fix, *facts.broke_off)


def _api(info: EngineInfo) -> Finding:
    if numbers(info.api_version) < _OLDEST_API:
        message = f"The engine speaks API {info.api_version}; private cgroup namespaces need 1.41."
        return fail("engine.api", message, "Install Docker Engine 20.10 or newer.")
    return ok("engine.api", f"API {info.api_version}.")


def _rootless(info: EngineInfo) -> Finding:
    if info.rootless:
        return ok("engine.rootless", "The engine runs without root.")
    if info.userns_remapped:
        return ok("engine.rootless", "The engine maps the users of containers (userns-remap).")
    message = "The engine runs as root and does not map users: uids in a sandbox are the host's uids."
    return warn(
        "engine.rootless", message, 'Set "userns-remap": "default" in daemon.json, or run it rootless.'
    )


def _cgroup(info: EngineInfo) -> Finding:
    if info.cgroup_version == 2:
        return ok("engine.cgroup", f"cgroup v2, driver {info.cgroup_driver}.")
    if info.cgroup_version is None:
        return skip("engine.cgroup", "The engine does not tell its cgroup version.")
    message = f"cgroup v1, driver {info.cgroup_driver}: older ways out lead through it."
    return warn("engine.cgroup", message, "Boot with systemd.unified_cgroup_hierarchy=1.")


def _security(info: EngineInfo) -> Finding:
    if not info.seccomp:
        message = "The engine cannot filter system calls: no sandbox can keep its promise."
        return fail("engine.security", message, "Use a kernel with CONFIG_SECCOMP_FILTER.")
    if not (info.apparmor or info.selinux):
        message = "System calls are filtered; there is neither AppArmor nor SELinux behind the filter."
        return warn(
            "engine.security", message, "Boot with AppArmor or SELinux, where the distribution has it."
        )
    return ok("engine.security", f"seccomp and {'AppArmor' if info.apparmor else 'SELinux'}.")


def _limits(info: EngineInfo) -> Finding:
    missing = [limit for limit in _NEEDED_LIMITS if limit not in info.enforced_limits]
    if not missing:
        return ok("engine.limits", f"Enforced: {', '.join(sorted(info.enforced_limits))}.")
    text = f"The engine takes these limits and does not enforce them: {', '.join(missing)}."
    fix = "Delegate the controllers to the user (cgroup v2), or run the engine as root."
    if not info.rootless:
        fix = "Boot with cgroup_enable=memory swapaccount=1."
    hard = [limit for limit in missing if limit in ("memory", "pids")]
    return fail("engine.limits", text, fix) if hard else warn("engine.limits", text, fix)


def _storage(info: EngineInfo) -> Finding:
    if info.storage_driver in _GOOD_STORAGE:
        return ok("engine.storage", f"Storage driver {info.storage_driver}.")
    message = f"Storage driver {info.storage_driver or 'unknown'} is slow or wasteful."
    return warn("engine.storage", message, "Use overlay2.")


def _space(space: Space | None) -> Finding:
    if space is None:
        return skip("engine.disk", "This user may not look at the engine's folder.")
    text = (
        f"{space.free_bytes / _GIB:.1f} GiB of {space.total_bytes / _GIB:.1f} GiB are free in {space.path}."
    )
    fix = "Make room: docker system df; openclaw-sandbox prune."
    if space.free_bytes < _LEAST_FREE / 4:
        return fail("engine.disk", text, fix)
    if space.free_bytes < max(_LEAST_FREE, _LEAST_SHARE * space.total_bytes):
        return warn("engine.disk", text, fix)
    return ok("engine.disk", text)


def _inodes(space: Space | None) -> Finding:
    if space is None or not space.total_inodes:
        return skip("engine.inodes", "The engine's file system tells no inodes.")
    share = space.free_inodes / space.total_inodes
    text = f"{share:.0%} of the inodes of {space.path} are free."
    if share < 0.01:
        return fail("engine.inodes", text, "Remove images and containers: docker system df.")
    return (
        warn("engine.inodes", text, "docker system df") if share < _LEAST_SHARE else ok("engine.inodes", text)
    )


def _logs(info: EngineInfo) -> Finding:
    if info.log_driver in _BOUNDED_LOGS:
        return ok("engine.logs", f"Log driver {info.log_driver}.")
    message = (
        f"The log driver of other containers is {info.log_driver or 'unknown'}: their logs may grow for ever."
    )
    return warn(
        "engine.logs", message, 'Set "log-driver": "local" in daemon.json. Sandboxes keep no log at all.'
    )


def _live_restore(info: EngineInfo) -> Finding:
    if info.live_restore:
        return ok("engine.live-restore", "Sandboxes survive a restart of the engine.")
    message = "A restart of the engine ends every sandbox."
    return warn("engine.live-restore", message, 'Set "live-restore": true in daemon.json.')


def _group(engine: EngineFacts) -> Finding:
    if engine.group is None:
        return skip("engine.group", "Nobody but root owns the engine's socket, or there is none.")
    if not engine.group:
        return ok("engine.group", "No user is in the group that owns the engine's socket.")
    who = ", ".join(engine.group)
    message = f"Members of the engine's group can become root on this machine: {who}."
    return warn("engine.group", message, "Keep that group as small as the group of root's password.")


def _listens(engine: EngineFacts) -> Finding:
    if engine.listens is None:
        return skip("engine.tcp", "The engine's own process cannot be looked at.")
    if not engine.listens:
        return ok("engine.tcp", "The engine listens on no network.")
    where = ", ".join(engine.listens)
    if engine.tls:
        return warn("engine.tcp", f"The engine listens on {where}, with TLS.", "Use ssh:// instead.")
    message = f"The engine listens on {where} without TLS: whoever reaches it is root here."
    return fail("engine.tcp", message, "Remove -H tcp:// from dockerd's arguments and daemon.json.")


def _bridge(engine: EngineFacts) -> Finding:
    if engine.bridge_known is None or engine.bridge_link is None:
        return skip("engine.bridge", "The engine's networks cannot be looked at.")
    if engine.bridge_known and not engine.bridge_link:
        message = "The engine's default network exists and its interface docker0 is gone."
        return fail("engine.bridge", message, "Restart the engine: sudo systemctl restart docker")
    return ok(
        "engine.bridge", "The default network is there." if engine.bridge_known else "No default network."
    )


#: sysctl -> (values that are good, what another value means).
_SETTINGS = {
    "kernel.dmesg_restrict": (("1",), "every user reads the kernel's log"),
    "kernel.kptr_restrict": (("1", "2"), "kernel addresses are told to those who may read them"),
    "kernel.unprivileged_bpf_disabled": (("1", "2"), "every user loads BPF programs"),
    "kernel.perf_event_paranoid": (("2", "3", "4"), "every user measures the kernel"),
    "kernel.io_uring_disabled": (("1", "2"), "io_uring is on; the profile refuses it in sandboxes"),
    "dev.tty.legacy_tiocsti": (("0",), "programs push input into their terminal; the profile refuses it"),
}


def check_host_kernel(facts: Facts) -> Iterator[Finding]:
    """Version and settings."""
    filtered = bool(facts.policies) and all(
        policy.hardening.seccomp.kind is SeccompKind.OURS for policy in facts.policies
    )
    yield check_kernel(facts.kernel.release, facts.kernel.build, filtered=filtered)
    wrong = [
        f"{name} is {value}: {meaning}"
        for name, (good, meaning) in _SETTINGS.items()
        if (value := facts.kernel.settings.get(name)) is not None and value not in good
    ]
    if wrong:
        fix = "Set them in /etc/sysctl.d, where nothing else needs them as they are."
        yield warn("kernel.settings", f"{len(wrong)} settings are looser than they could be.", fix, *wrong)
    else:
        yield ok("kernel.settings", "The settings that matter are tight.")
