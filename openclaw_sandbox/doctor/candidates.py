"""The newest packages that this host's own apt lists know for the release of an image."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.debian import is_older, parse_packages
from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.image.apt import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LISTS = Path("/var/lib/apt/lists")
#: A list's name ends so: `..._dists_bookworm-security_main_binary-amd64_Packages`, on some hosts compressed.
_NAME = re.compile(r"_dists_(?P<suite>.+)_(?P<component>[^_]+)_binary-[^_]+_Packages(\.(lz4|gz|xz|zst|bz2))?")
_COMPONENTS = frozenset(name for names in COMPONENTS.values() for name in names)


def host_candidates(suite: str, folder: Path = _LISTS) -> Mapping[str, str] | None:
    """Name -> newest version; None without lists of that release."""
    newest: dict[str, str] = {}
    for path in sorted(folder.glob("*_Packages*")) if suite else ():
        if is_of_release(path.name, suite):
            for name, version in parse_packages(_lines(path)).items():
                if name not in newest or is_older(newest[name], version):
                    newest[name] = version
    return newest or None


def is_of_release(name: str, suite: str) -> bool:
    """Whether a list is of the release itself, its updates or its security updates.

    Backports and the archives of others do not update an image. Pure.
    """
    found = _NAME.search(name)
    suites = (suite, f"{suite}-updates", f"{suite}-security", f"{suite}_updates")
    return found is not None and found["suite"] in suites and found["component"] in _COMPONENTS


def _lines(path: Path) -> Iterator[str]:
    """What names packages and versions, by apt's own tool if compressed; nothing if it cannot be read."""
    from openclaw_sandbox.image.process import run

    lines: list[str] = []

    def keep(line: str) -> None:
        if line.startswith(("Package:", "Version:")):
            lines.append(line)

    with contextlib.suppress(OSError, VerbFailedError):
        if path.name.endswith("_Packages"):
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    keep(line)
        else:
            run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], timeout_s=60.0, on_line=keep)
    yield from lines
