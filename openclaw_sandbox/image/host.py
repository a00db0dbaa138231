"""What this machine is and how its apt reaches packages. All reading, no deciding."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.image.apt import AptSource, parse_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_APT = Path("/etc/apt")
_OS_RELEASE = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
#: What of apt's configuration decides whether a mirror is reached.
_REACH = re.compile(r'^(Acquire::(?:http|https|ftp)(?:::[^ "]+)?) "([^"]+)";$')

#: `uname -m` and the engine's words -> Debian's word.
DEBIAN_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armhf",
    "arm": "armhf",
    "i686": "i386",
    "i386": "i386",
    "386": "i386",
    "ppc64le": "ppc64el",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine. `distribution` and `suite` are os-release's ID and VERSION_CODENAME; empty if unknown."""

    distribution: str
    like: tuple[str, ...]
    suite: str
    name: str
    architecture: str
    sources: tuple[AptSource, ...]
    #: apt's settings that decide whether a mirror is reached: ("Acquire::http::Proxy", "http://...").
    apt_settings: tuple[tuple[str, str], ...]

    @property
    def has_apt(self) -> bool:
        """Whether packages are installed with apt here."""
        return "debian" in (self.distribution, *self.like) or self.distribution == "ubuntu"


def this_machine() -> Machine:
    """Read this machine's files. Never fails: what cannot be read is empty."""
    release = parse_os_release(_first_text(_OS_RELEASE))
    return Machine(
        distribution=release.get("ID", ""),
        like=tuple(release.get("ID_LIKE", "").split()),
        suite=release.get("VERSION_CODENAME", ""),
        name=release.get("PRETTY_NAME", platform.system()),
        architecture=DEBIAN_ARCHITECTURES.get(platform.machine(), platform.machine()),
        sources=tuple(_read_sources()),
        apt_settings=_apt_settings(),
    )


def parse_os_release(text: str) -> dict[str, str]:
    """os-release(5) as a mapping."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def parse_apt_settings(dump: str) -> tuple[tuple[str, str], ...]:
    """From the output of `apt-config dump`: what decides whether a mirror is reached."""
    found = (_REACH.match(line) for line in dump.splitlines())
    return tuple((match[1], match[2]) for match in found if match and "Auto-Detect" not in match[1])


def key_files() -> Iterator[Path]:
    """The keyrings that apt trusts for sources that name none, and the distributions' own."""
    for folder, pattern in (
        (_APT / "trusted.gpg.d", "*"),
        (Path("/usr/share/keyrings"), "*-archive-keyring.gpg"),
    ):
        yield from (path for path in sorted(folder.glob(pattern)) if path.suffix in (".gpg", ".asc"))
    yield from (path for path in (_APT / "trusted.gpg",) if path.is_file())


def trusted_keys() -> dict[str, bytes]:
    """Those of them that this user may read, by file name; apt asks for no others either."""
    found: dict[str, bytes] = {}
    for path in key_files():
        with contextlib.suppress(OSError):
            found[path.name] = path.read_bytes()
    return found


def apt_passwords() -> str:
    """apt_auth.conf(5), all files of it that this user may read, as one text."""
    files = [_APT / "auth.conf", *sorted((_APT / "auth.conf.d").glob("*.conf"))]
    return "\n".join(text for text in map(_text, files) if text)


def proxy_settings(env: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables of the environment, as they are spelt there."""
    wanted = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"}
    return {name: value for name, value in env.items() if name.lower() in wanted and value}


def root_prefix() -> tuple[str, ...] | None:
    """What to put before a command that needs root: nothing, `sudo -n`, or None when there is no way."""
    from openclaw_sandbox.image.process import run

    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and run(["sudo", "-n", "true"], on_line=_ignore, timeout_s=10).status == 0:
        return ("sudo", "-n")
    return None


def _ignore(_line: str) -> None:
    return None


def _read_sources() -> Iterator[AptSource]:
    parts = sorted((_APT / "sources.list.d").glob("*"))
    for path in (_APT / "sources.list", *parts):
        if path.suffix in (".list", ".sources"):
            for source in parse_sources(path.name, _text(path)):
                yield replace(source, uris=tuple(_expanded(source.uris)))


def _expanded(uris: Iterable[str]) -> Iterator[str]:
    """Cloud images list their mirrors in a file of the host; a build cannot read it, so its lines go in."""
    for uri in uris:
        if uri.startswith("mirror+file:"):
            lines = _text(Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))).splitlines()
            yield from (line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
        else:
            yield uri


def _apt_settings() -> tuple[tuple[str, str], ...]:
    from openclaw_sandbox.image.process import run

    if not shutil.which("apt-config"):
        return ()
    lines: list[str] = []
    run(["apt-config", "dump"], on_line=lines.append, timeout_s=10)
    return parse_apt_settings("\n".join(lines))


def _first_text(paths: Iterable[Path]) -> str:
    return next((text for text in map(_text, paths) if text), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
