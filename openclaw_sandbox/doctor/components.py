"""Versions against the floors, in words that hold for distributions too.

A distribution mends an old version without changing its number: only its changelog tells. Such a build is
never called vulnerable, only not known to be mended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.floors import (
    GVISOR_FIXED,
    GVISOR_OLD_DAYS,
    REFUSED_BY_PROFILE,
    STALE_AFTER_DAYS,
    floors,
    is_fixed,
    newest,
    numbers,
)
from openclaw_sandbox.doctor.model import Finding, Status, fail, ok, skip, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.doctor.floors import Floor

_DISTRIBUTION = re.compile(r"\+dfsg|[+~]ds|ubuntu|\+deb|\.el\d|\.fc\d|\.amzn", re.IGNORECASE)
#: Kernels of distributions that keep an upstream number and mend it.
_DISTRIBUTION_KERNEL = re.compile(r"-pve$|-default$|-microsoft-", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The distribution's package of a component. `changelog` is its text; None: it was not shipped."""

    name: str
    version: str
    changelog: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One program. `package` is None for an upstream build."""

    name: str
    version: str
    package: Package | None = None


def is_distribution_build(version: str) -> bool:
    """By its suffix: `+dfsg1`, `~ds1-1+deb12u3`, `.el9`."""
    return bool(_DISTRIBUTION.search(version))


def check_components(
    versions: Mapping[str, str], package_of: Callable[[str], Package | None], *, today: date
) -> Iterator[Finding]:
    """runc, containerd and the engine; `package_of` finds the package that owns a program."""
    table = floors()
    for name, holes in (("docker", table.docker), ("containerd", table.containerd), ("runc", table.runc)):
        version = versions.get(name, "")
        if not numbers(version):
            yield skip(f"components.{name}", f"The engine does not tell the version of {name}.")
            continue
        package = _owner(name, version, package_of(name))
        yield judge_component(Component(name=name, version=version, package=package), holes)
    yield _age_of_table(table.as_of, today)


def _owner(name: str, version: str, installed: Package | None) -> Package | None:
    """The package that the running program comes from. One that is merely installed has another version."""
    if (
        installed is not None
        and numbers(installed.version.partition(":")[2] or installed.version)[:3] == (numbers(version)[:3])
    ):
        return installed
    return Package(name=name, version=version, changelog=None) if is_distribution_build(version) else None


def _age_of_table(as_of: date, today: date) -> Finding:
    age = (today - as_of).days
    if age > STALE_AFTER_DAYS:
        return warn(
            "components.floors",
            f"The table of known holes is from {as_of.isoformat()}, {age} days ago: newer ones are missing.",
            "Install a newer openclaw-sandbox.",
        )
    return ok("components.floors", f"The table of known holes is from {as_of.isoformat()}.")


def check_gvisor(said: str, *, today: date) -> Finding:
    """By `runsc --version`, whose release is a day: `runsc version release-20260928.0`."""
    found = re.search(r"release-(\d{8})", said)
    try:
        day = datetime.strptime(found[1] if found else "", "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return skip("components.runsc", "runsc does not tell the day of its release.")
    fix = "Install a newer gVisor."
    if day < GVISOR_FIXED:
        message = f"runsc is of {day.isoformat()}; a fix for CVE-2026-96812 cannot be in it."
        what = "a device file in an image leads to the host; matters only if: a foreign image runs"
        return warn("components.runsc", message, fix, f"CVE-2026-96812: {what}")
    if (today - day).days > GVISOR_OLD_DAYS:
        return warn("components.runsc", f"runsc is of {day.isoformat()}, {(today - day).days} days ago.", fix)
    return ok("components.runsc", f"runsc is of {day.isoformat()}.")


def judge_component(component: Component, holes: tuple[Floor, ...]) -> Finding:
    """One component. Fails only for upstream builds."""
    name = f"components.{component.name}"
    below = [hole for hole in holes if not is_fixed(component.version, hole)]
    if not below:
        return ok(name, f"{component.name} {component.version}: no known hole in the table.")
    package = component.package
    if package is None:
        details = tuple(_upstream(floor) for floor in below)
        message = f"{component.name} {component.version} is older than the fix of {len(below)} known holes."
        fix = f"Update {component.name} to {newest(below)} or newer."
        return Finding(id=name, status=Status.FAIL, message=message, fix=fix, details=details)
    if package.changelog is None:
        message = (
            f"{package.name} {package.version} is a distribution's build without a changelog: "
            f"whether {len(below)} known holes are mended cannot be told."
        )
        return warn(name, message, "Ask the distribution's security tracker.", *map(_upstream, below))
    missing = [floor for floor in below if floor.cve not in package.changelog]
    if not missing:
        return ok(name, f"{package.name} {package.version}: all known holes mended by the distribution.")
    details = tuple(_not_mentioned(floor, package) for floor in missing)
    message = f"{package.name} {package.version}: its changelog does not mention {len(missing)} known holes."
    return warn(name, message, "Install the distribution's updates, and ask its security tracker.", *details)


def _upstream(floor: Floor) -> str:
    return f"{floor.cve}: {floor.what}; fixed in {', '.join(floor.fixed)}; matters only if: {floor.only_if}"


def _not_mentioned(floor: Floor, package: Package) -> str:
    return (
        f"Upstream fixes {floor.cve} in {', '.join(floor.fixed)}; {package.name} {package.version} is older "
        f"and its changelog does not mention it. Matters only if: {floor.only_if}."
    )


def check_kernel(release: str, build: str, *, filtered: bool) -> Finding:
    """`release`, `build` as of uname -r and -v; `filtered`: sandboxes have the built-in profile."""
    version = kernel_version(release, build)
    if version is None:
        message = f"Kernel {release} is a distribution's: its number does not tell which holes are mended."
        return skip("kernel.version", message)
    below = [hole for hole in floors().kernel if not is_fixed(version, hole)]
    if not below:
        return ok("kernel.version", f"Kernel {version}: no known hole in the table.")
    reachable = [floor for floor in below if not (filtered and floor.needs in REFUSED_BY_PROFILE)]
    details = tuple(_kernel_line(floor, reachable) for floor in below)
    if reachable:
        message = f"Kernel {version} has {len(reachable)} known holes that a sandbox can reach."
        return fail("kernel.version", message, f"Update the kernel to {newest(below)} or newer.", *details)
    message = f"Kernel {version} has {len(below)} known holes; the profile keeps sandboxes from all of them."
    return warn("kernel.version", message, f"Update the kernel to {newest(below)} or newer.", *details)


def _kernel_line(floor: Floor, reachable: list[Floor]) -> str:
    state = "reachable from a sandbox" if floor in reachable else f"the profile refuses {floor.needs}"
    return f"{floor.cve}: {floor.what}; fixed in {', '.join(floor.fixed)}; {state}"


def kernel_version(release: str, build: str) -> str | None:
    """The upstream version behind a release; None where a distribution hides it."""
    named = re.search(r"Debian (\d+\.\d+\.\d+)", build)
    if named:
        return named[1]
    if re.match(r"\d+\.\d+\.0-\d+", release):
        return None  # an ABI number of Debian or Ubuntu, not a patch level
    if is_distribution_build(release) or _DISTRIBUTION_KERNEL.search(release):
        return None
    found = re.match(r"\d+\.\d+(\.\d+)?", release)
    return found[0] if found else None
