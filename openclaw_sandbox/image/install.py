"""The engine from the distribution's packages, started; and the bootstrap tool. Only when somebody asked."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import (
    EngineForbiddenError,
    EngineHangingError,
    EngineUnavailableError,
    UsageError,
    VerbFailedError,
)
from openclaw_sandbox.image.host import root_prefix
from openclaw_sandbox.image.process import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openclaw_sandbox.image.host import Machine
    from openclaw_sandbox.image.process import Finished
    from openclaw_sandbox.image.progress import Reporter

_APT_S = 1800.0
_START_S = 90.0
_SYSTEMD = Path("/run/systemd/system")
_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_LOG = "/var/log/openclaw-sandbox-dockerd.log"
#: A service manager in a package's script would start a prompt or the service before its settings are there.
_QUIET = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTraits:
    """What decides how the engine is installed and started."""

    systemd: bool
    apparmor: bool
    cgroups: bool
    has_dockerd: bool


def host_traits() -> HostTraits:
    """This machine's traits."""
    return HostTraits(
        systemd=_SYSTEMD.is_dir(),
        apparmor=_APPARMOR.is_file() and _APPARMOR.read_text().startswith("Y"),
        cgroups=any(Path("/sys/fs/cgroup").glob("*")),
        has_dockerd=shutil.which("dockerd", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin") is not None,
    )


def engine_packages(traits: HostTraits) -> tuple[str, ...]:
    """The packages of an engine that starts containers here. Pure.

    With AppArmor in the kernel and no parser for its profiles, the engine starts no container at all; without
    mounted cgroups, it does not start itself.
    """
    return (
        "docker.io",
        *(("apparmor",) if traits.apparmor else ()),
        *(("cgroupfs-mount",) if not traits.cgroups and not traits.systemd else ()),
    )


def start_commands(traits: HostTraits) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """How the engine is started here: (what that is, the command), as root. Pure."""
    if traits.systemd:
        return (("starting the engine with systemd", ("systemctl", "enable", "--now", "docker")),)
    mount = () if traits.cgroups else (("mounting the control groups", ("cgroupfs-mount",)),)
    start = f"PATH=$PATH:/usr/sbin:/sbin setsid -f dockerd </dev/null >>{_LOG} 2>&1"
    return (*mount, (f"starting the engine; its log is {_LOG}", ("sh", "-c", start)))


def manual_steps(machine: Machine) -> tuple[str, ...]:
    """What to do where this tool does not install an engine. Pure."""
    steps = {
        "fedora": "sudo dnf install moby-engine",
        "arch": "sudo pacman -S docker",
        "alpine": "sudo apk add docker",
        "opensuse": "sudo zypper install docker",
    }
    kinds = (machine.distribution.partition("-")[0], *machine.like)
    install = next(
        (steps[kind] for kind in kinds if kind in steps), "Install Docker Engine as your system does it."
    )
    start = "sudo rc-service docker start" if "alpine" in kinds else "sudo systemctl enable --now docker"
    return (install, start, "openclaw-sandbox setup")


def install_engine(machine: Machine, *, ping: Callable[[], object], report: Reporter) -> None:
    """Install and start Docker's engine, and wait until it answers. Does nothing if it answers already.

    `ping` raises EngineUnavailableError while nobody answers.

    Raises:
        VerbFailedError: not a machine with apt (the error lists the steps), no permission, apt failed.
        EngineUnavailableError: it was started and does not answer.
    """
    error = _answers(ping)
    if error is None:
        report.note("An engine is running already: nothing to install.")
        return
    if isinstance(error, EngineForbiddenError | EngineHangingError):
        raise error  # it is installed and it runs: another one would not help
    if not machine.has_apt:
        raise VerbFailedError(
            f"Installing an engine is for Debian and Ubuntu; this is {machine.name}. By hand:",
            details=manual_steps(machine),
        )
    traits = host_traits()
    root = _root("install an engine", "sudo openclaw-sandbox setup --install-engine")
    if not traits.has_dockerd:
        packages = engine_packages(traits)
        report.step(f"installing {' '.join(packages)}")
        _apt_install(packages, root, report)
    for step, command in start_commands(traits):
        report.step(step)
        _must([*root, *command], "start the engine", report, timeout_s=_START_S)
    _await(ping, report)


def refuse_named_engine(env: Mapping[str, str]) -> None:
    """An engine that is installed here would not be the one that DOCKER_HOST or a context names.

    Raises:
        UsageError: they name another one.
    """
    named = env.get("DOCKER_HOST", "").strip() or env.get("DOCKER_CONTEXT", "").strip()
    if named not in ("", "default", "unix:///var/run/docker.sock", "unix:///run/docker.sock"):
        raise UsageError(
            f"--install-engine: the environment names another engine, {named}.",
            hint="Unset DOCKER_HOST and DOCKER_CONTEXT, or leave --install-engine out.",
        )


def install_bootstrap_tool(machine: Machine, report: Reporter) -> None:
    """Install mmdebstrap with apt.

    Raises:
        VerbFailedError: not a machine with apt, no permission, apt failed.
    """
    if not machine.has_apt:
        raise VerbFailedError(
            "A base image is bootstrapped with mmdebstrap or debootstrap, and neither is installed.",
            hint="Install one of them, or use --base registry or --base bundle.tar.",
        )
    root = _root("install mmdebstrap", "sudo apt-get install mmdebstrap")
    report.step("installing mmdebstrap")
    _apt_install(("mmdebstrap",), root, report)


def _root(doing: str, command: str) -> tuple[str, ...]:
    prefix = root_prefix()
    if prefix is None:
        raise VerbFailedError(f"Only root may {doing}, and sudo asks for a password.", hint=f"Run: {command}")
    return prefix


def _apt_install(packages: Sequence[str], root: Sequence[str], report: Reporter) -> None:
    apt = [*root, *_QUIET, "apt-get", "-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]
    _must([*apt, "update"], "update the package lists", report, timeout_s=_APT_S)
    install = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    _must(install, f"install {' '.join(packages)}", report, timeout_s=_APT_S)


def _must(argv: Sequence[str], doing: str, report: Reporter, *, timeout_s: float) -> None:
    finished: Finished = run(argv, on_line=report.output, timeout_s=timeout_s)
    if finished.status != 0:
        how = f"it took more than {timeout_s:.0f} s" if finished.timed_out else f"status {finished.status}"
        raise VerbFailedError(f"Could not {doing}: {how}.", details=finished.tail[-10:])


def _answers(ping: Callable[[], object]) -> EngineUnavailableError | None:
    try:
        ping()
    except EngineUnavailableError as error:
        return error
    return None


def _await(ping: Callable[[], object], report: Reporter) -> None:
    report.step("waiting for the engine")
    deadline = time.monotonic() + _START_S
    while (error := _answers(ping)) is not None:
        if isinstance(error, EngineForbiddenError):
            raise error  # it runs; this user may not use it yet, and the error says how to change that
        if time.monotonic() > deadline:
            raise EngineUnavailableError(
                f"The engine was started and does not answer within {_START_S:.0f} s.",
                hint=f"Look at its log: journalctl -u docker, or {_LOG}",
                details=[error.brief],
            )
        time.sleep(0.25)
