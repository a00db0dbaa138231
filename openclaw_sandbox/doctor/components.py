"""Versions against the floors, in words that hold for distributions too.

A distribution mends an old version without changing its number: only its changelog tells. Such a build is
never called vulnerable, only not known to be mended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.floors import (
    AS_OF,
    CONTAINERD,
    DOCKER,
    KERNEL,
    REFUSED_BY_PROFILE,
    RUNC,
    STALE_AFTER_DAYS,
    is_fixed,
    numbers,
)
from openclaw_sandbox.doctor.model import Finding, Status, fail, ok, skip, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from openclaw_sandbox.doctor.floors import Floor

_DISTRIBUTION = re.compile(r"\+dfsg|[+~]ds|ubuntu|\+deb|\.el\d|\.fc\d|\.amzn", re.IGNORECASE)


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
    versions: dict[str, str], package_of: Callable[[str], Package | None], *, today: date
) -> Iterator[Finding]:
    """runc, containerd and the engine; `package_of` finds the package that owns a program."""
    for name, floors in (("docker", DOCKER), ("containerd", CONTAINERD), ("runc", RUNC)):
        version = versions.get(name, "")
        if not numbers(version):
            yield skip(f"components.{name}", f"The engine does not tell the version of {name}.")
            continue
        package = package_of(name)
        if package is None and is_distribution_build(version):
            package = Package(name=name, version=version, changelog=None)
        yield judge_component(Component(name=name, version=version, package=package), floors)
    yield _age_of_table(today)


def _age_of_table(today: date) -> Finding:
    age = (today - AS_OF).days
    if age > STALE_AFTER_DAYS:
        return warn(
            "components.floors",
            f"The table of known holes is from {AS_OF.isoformat()}, {age} days ago: newer ones lack.",
            "Install a newer openclaw-sandbox.",
        )
    return ok("components.floors", f"The table of known holes is from {AS_OF.isoformat()}.")


def judge_component(component: Component, floors: tuple[Floor, ...]) -> Finding:
    """One component. Fails only for upstream builds."""
    name = f"components.{component.name}"
    below = [floor for floor in floors if not is_fixed(component.version, floor.fixed)]
    if not below:
        return ok(name, f"{component.name} {component.version}: no known hole in the table.")
    package = component.package
    if package is None:
        details = tuple(_upstream(floor) for floor in below)
        message = f"{component.name} {component.version} is older than the fix of {len(below)} known holes."
        fix = f"Update {component.name} to {_newest(below)} or newer."
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


def _newest(floors: list[Floor]) -> str:
    return max((floor.fixed[-1] for floor in floors), key=numbers)


def check_kernel(release: str, build: str, *, filtered: bool) -> Finding:
    """`release`, `build` as of uname -r and -v; `filtered`: sandboxes have the built-in profile."""
    version = kernel_version(release, build)
    if version is None:
        message = f"Kernel {release} is a distribution's: its number does not tell which holes are mended."
        return skip("kernel.version", message)
    below = [floor for floor in KERNEL if not is_fixed(version, floor.fixed)]
    if not below:
        return ok("kernel.version", f"Kernel {version}: no known hole in the table.")
    reachable = [floor for floor in below if not (filtered and floor.needs in REFUSED_BY_PROFILE)]
    details = tuple(_kernel_line(floor, reachable) for floor in below)
    if reachable:
        message = f"Kernel {version} has {len(reachable)} known holes that a sandbox can reach."
        return fail("kernel.version", message, f"Update the kernel to {_newest(below)} or newer.", *details)
    message = f"Kernel {version} has {len(below)} known holes; the profile keeps sandboxes from all of them."
    return warn("kernel.version", message, f"Update the kernel to {_newest(below)} or newer.", *details)


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
    if is_distribution_build(release):
        return None
    found = re.match(r"\d+\.\d+(\.\d+)?", release)
    return found[0] if found else None
