"""Which package of the distribution a program belongs to, and what its changelog says."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from openclaw_sandbox.doctor.components import Package
from openclaw_sandbox.doctor.debian import parse_packages

_STATUS = Path("/var/lib/dpkg/status")
#: Component -> packages of distributions that bring it.
_PACKAGES = {
    "docker": ("docker.io",),
    "containerd": ("containerd",),
    "runc": ("runc",),
}
_MAX_CHANGELOG = 8 << 20


def package_of(component: str) -> Package | None:
    """The installed package of the distribution; None where the component is an upstream build."""
    if not shutil.which("dpkg"):
        return None
    try:
        with _STATUS.open(encoding="utf-8", errors="replace") as file:
            installed = parse_packages(file)
    except OSError:
        return None
    for name in _PACKAGES.get(component, ()):
        if name in installed:
            return Package(name=name, version=installed[name], changelog=changelog_of(name))
    return None


def changelog_of(package: str, docs: Path = Path("/usr/share/doc")) -> str | None:
    """Its text; None where the machine keeps none, as slim systems do."""
    for name in ("changelog.Debian.gz", "changelog.gz"):
        try:
            with gzip.open(docs / package / name) as file:
                return file.read(_MAX_CHANGELOG).decode("utf-8", "replace")
        except (OSError, EOFError):
            continue
    return None
