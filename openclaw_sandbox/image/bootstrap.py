"""A base image made from the distribution's packages: the command lines (pure), and their run."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.image.apt import split_login, without_password
from openclaw_sandbox.image.aptfiles import flat_name, lasting_sources
from openclaw_sandbox.image.held import held, is_abandoned
from openclaw_sandbox.image.process import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openclaw_sandbox.image.aptfiles import AptFiles
    from openclaw_sandbox.image.process import Finished
    from openclaw_sandbox.image.progress import Reporter

_TIMEOUT_S = 1800.0
#: The packages, the unpacked system and its tar, with air. apt does not fail on a full disk, it hangs.
_NEEDED_BYTES = 600 * 10**6
#: What no command in a sandbox reads. Left out while unpacking, which is faster than removing it.
_EXCLUDED = ("man", "info", "doc", "locale", "lintian")
#: Work of a process that holds the lock in it.
_PREFIX, _LOCK = "openclaw-sandbox-bootstrap-", "lock"
#: Both tools copy these from the host.
_HOST_FILES = ("etc/resolv.conf", "etc/hostname")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """One base image to be: what, and from where."""

    suite: str
    architecture: str
    apt: AptFiles


def bootstrap_tool() -> str | None:
    """The tool of this machine, the faster one first; None if there is none."""
    return next((tool for tool in ("mmdebstrap", "debootstrap") if shutil.which(tool)), None)


def mmdebstrap_argv(wanted: Bootstrap, folder: str) -> list[str]:
    """The command that writes `folder`/rootfs.tar. Pure.

    `apt` is essential packages plus apt: the smallest set on which the recipe can build.
    """
    dpkg = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _EXCLUDED]
    # aptopt is a file of the image; its proxy and its CA are the host's, and nobody else's business.
    forget = " ".join(f'"$1/{name}"' for name in ("etc/apt/apt.conf.d/99mmdebstrap", *_HOST_FILES))
    return [
        "mmdebstrap",
        "--variant=apt",
        "--format=tar",
        f"--architectures={wanted.architecture}",
        *([f"--keyring={folder}/apt/trusted.d"] if wanted.apt.trusted else []),
        f"--aptopt={folder}/apt.options",  # a file: a proxy's password is nothing for the process list
        *dpkg,
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f'--customize-hook=rm -rf {forget} "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*',
        f"--customize-hook=upload {shlex.quote(folder)}/lasting.sources /etc/apt/sources.list.d/host.sources",
        wanted.suite,
        f"{folder}/rootfs.tar",
        f"{folder}/apt/sources.d/host.sources",
    ]


def debootstrap_argv(wanted: Bootstrap, folder: str) -> list[str]:
    """The same with debootstrap, which takes one mirror and needs root. Pure.

    It mounts /proc in the new root: a mount namespace of its own makes sure that no mount is left.
    """
    source = next(source for source in wanted.apt.sources if wanted.suite in source.suites)
    keyring = next((f"{folder}/apt/keyrings/{flat_name(path)}" for path in source.keyrings), "")
    make = [
        "debootstrap",
        "--variant=minbase",
        f"--arch={wanted.architecture}",
        f"--components={','.join(source.components)}",
        *([f"--keyring={keyring}"] if keyring else []),
        wanted.suite,
        f"{folder}/root",
        split_login(source.uris[0])[0],
    ]
    script = "\n".join(
        [
            "set -e",
            shlex.join(make),
            f"cd {shlex.quote(folder)}/root",
            f"rm -rf {' '.join(_HOST_FILES)} etc/apt/sources.list",
            "rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/*",
            "cp ../lasting.sources etc/apt/sources.list.d/host.sources",
            "tar --numeric-owner --one-file-system -cf ../rootfs.tar .",
        ]
    )
    return ["unshare", "--mount", "sh", "-c", script]


@contextlib.contextmanager
def bootstrapped(wanted: Bootstrap, *, env: Mapping[str, str], report: Reporter) -> Iterator[Path]:
    """The root file system as a tar, for as long as the context lasts. Nothing is left of it afterwards.

    Raises:
        VerbFailedError: no tool, no permission, no mirror, no space; the error holds the tool's last lines.
    """
    tool = bootstrap_tool()
    if tool is None:
        raise VerbFailedError(
            "Neither mmdebstrap nor debootstrap is installed.", hint="sudo apt-get install mmdebstrap"
        )
    with _workspace() as folder:
        _write(folder, wanted)
        argv = (mmdebstrap_argv if tool == "mmdebstrap" else debootstrap_argv)(wanted, str(folder))
        report.step(f"{tool}: {wanted.suite} for {wanted.architecture}, from this machine's mirrors")
        environment = {**env, "TMPDIR": str(folder), "WGETRC": str(folder / "wgetrc"), "LC_ALL": "C.UTF-8"}
        finished = run(
            argv,
            on_line=lambda line: report.output(without_password(line)),
            timeout_s=_TIMEOUT_S,
            env=environment,
        )
        tar = folder / "rootfs.tar"
        if finished.status != 0 or not tar.is_file():
            raise _failure(tool, finished)
        yield tar


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    _sweep_forgotten()
    try:
        made = tempfile.mkdtemp(prefix=_PREFIX)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(f"no temporary folder can be made in {tempfile.gettempdir()}") from None
        raise VerbFailedError(f"No temporary folder can be made: {error.strerror}.") from None
    folder = Path(made)
    try:
        if shutil.disk_usage(folder).free < _NEEDED_BYTES:
            raise _full(f"a base image needs {_NEEDED_BYTES / 10**6:.0f} MB in {folder.parent}")
        # apt reads as its own user, and mmdebstrap without root as another one. Nobody may look around in it.
        folder.chmod(0o711)
        with held(folder / _LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep_forgotten() -> None:
    """Remove this user's folders of bootstraps that were killed: their lock is free."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Whoever put it there: a link is not followed, and what is another's is left alone.
        with contextlib.suppress(OSError):
            about = folder.lstat()
            is_mine = about.st_uid == os.geteuid() and stat.S_ISDIR(about.st_mode)
            if is_mine and is_abandoned(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, wanted: Bootstrap) -> None:
    files: dict[str, bytes] = {
        f"apt/{name}": content for name, content in wanted.apt.files(f"{folder}/apt").items()
    }
    options = wanted.apt.settings_at(f"{folder}/apt")
    files["apt.options"] = "".join(f'{key} "{value}";\n' for key, value in options).encode()
    files["lasting.sources"] = lasting_sources(wanted.apt.sources).encode()
    files["wgetrc"] = wgetrc(wanted, f"{folder}/apt/ca.crt").encode()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600 if name in _PRIVATE and _is_readable_privately(name) else 0o644)


#: What may hold a password.
_PRIVATE = frozenset({"apt/auth.conf", "apt.options", "wgetrc"})


def _is_readable_privately(name: str) -> bool:
    """Without root, mmdebstrap reads its options as another user than the one who wrote them."""
    return name != "apt.options" or os.geteuid() == 0


def wgetrc(wanted: Bootstrap, ca_path: str) -> str:
    """What debootstrap's wget needs and no command line should hold. Pure."""
    source = next((source for source in wanted.apt.sources if wanted.suite in source.suites), None)
    _, user, password = split_login(source.uris[0]) if source else ("", "", "")
    said = {"ca_certificate": ca_path if wanted.apt.ca else "", "user": user, "password": password}
    return "".join(f"{key} = {value}\n" for key, value in said.items() if value)


def _failure(tool: str, finished: Finished) -> VerbFailedError:
    told = [without_password(line) for line in finished.tail]
    lines: Sequence[str] = [line for line in told if not line.startswith("I: ")] or told
    said = "\n".join(lines)
    if finished.timed_out:
        return VerbFailedError(f"{tool} did not finish within {_TIMEOUT_S / 60:.0f} minutes.", details=lines)
    if "No space left on device" in said:
        return _full(f"{tool} could not make the base image", lines[-5:])
    for pattern, brief, hint in _CAUSES:
        if re.search(pattern, said):
            return VerbFailedError(brief.format(tool=tool), hint=hint, details=lines[-8:])
    return VerbFailedError(f"{tool} failed with status {finished.status}.", details=lines[-10:])


#: What the tools and apt print -> our sentence and hint. mmdebstrap 0.8-1.5, debootstrap 1.0, apt 2.2-3.0.
_CAUSES = (
    (
        r"newuidmap|subuid|must be root|unshare|can only be run as root|unable to pick chroot mode",
        "{tool} may not make a root file system as this user.",
        "Run setup with sudo, or allow user namespaces: sudo apt-get install uidmap",
    ),
    (
        r"does not have a Release file|Invalid Release file|404 +Not Found",
        "The package mirror does not have this release.",
        "Choose another with --suite, or another mirror with --mirror.",
    ),
    (
        r"Temporary failure resolving|(Could not|Unable to) (resolve|connect)|Connection timed out",
        "The package mirror does not answer.",
        "Check the network and the proxy (http_proxy), or name another mirror with --mirror.",
    ),
    (
        r"NO_PUBKEY|is not signed|EXPKEYSIG|signature verification|Unknown signature",
        "The package mirror's signature cannot be verified with the keys of this machine.",
        "Install the distribution's keyring: sudo apt-get install debian-archive-keyring",
    ),
    (
        r"[Cc]ertificate verification failed|certificate is NOT trusted|handshake failed",
        "The package mirror's TLS certificate is not trusted.",
        "Name the authority's file: --ca-file FILE",
    ),
)


def _full(what: str, details: Sequence[str] = ()) -> VerbFailedError:
    return VerbFailedError(
        f"The disk is full: {what}.",
        hint="Free some space, or set TMPDIR to a folder on a larger disk.",
        details=details,
    )
