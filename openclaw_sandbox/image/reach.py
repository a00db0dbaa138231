"""How packages of a release are reached from this machine: the values of AptFiles, read from its files."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.image import host
from openclaw_sandbox.image.apt import COMPONENTS, distribution_sources, mirror_sources
from openclaw_sandbox.image.aptfiles import AptFiles, file_settings
from openclaw_sandbox.image.mirrors import ask_mirrors, check_url
from openclaw_sandbox.image.recipes import DEFAULT_SUITE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openclaw_sandbox.image.apt import AptSource
    from openclaw_sandbox.image.host import Machine

#: The way that is always left.
BUNDLE_HINT = (
    "Elsewhere, with a network: openclaw-sandbox setup --save bundle.tar; here: setup --base bundle.tar"
)


class Reach:
    """This machine's way to packages. Mirrors that somebody named replace the machine's own sources."""

    def __init__(
        self, machine: Machine, *, mirrors: Sequence[str], ca_file: Path | None, env: Mapping[str, str]
    ) -> None:
        self._machine = machine
        self._mirrors = tuple(map(check_url, mirrors))
        self._env = env
        self._ca_file = find_ca(ca_file, env)
        self._ca = self._ca_file.read_bytes() if self._ca_file else None

    def suite(self) -> str:
        """The release to bootstrap when nobody named one: the recipe's, else the machine's own.

        Ubuntu's archive has no Debian release; the recipe's packages are in its own.
        """
        if self._mirrors or self._own_sources(DEFAULT_SUITE):
            return DEFAULT_SUITE
        return self._machine.suite or DEFAULT_SUITE

    def apt_files(self, suite: str) -> AptFiles:
        """Everything apt needs to reach `suite`; without sources if this machine knows none.

        Raises:
            VerbFailedError: a named mirror does not answer, or has no such release.
        """
        sources = self._named_sources(suite) if self._mirrors else self._own_sources(suite)
        keyrings = {path for source in sources for path in source.keyrings}
        needs_trust = any(not source.signed_by for source in sources)
        return AptFiles(
            sources=sources,
            keyrings=_contents(map(Path, sorted(keyrings))),
            trusted=host.trusted_keys() if needs_trust else {},
            settings=self._machine.apt_settings,
            setting_files=_contents(map(Path, file_settings(self._machine.apt_settings))),
            passwords=host.apt_passwords() if sources else "",
            ca=self._ca,
        )

    def apt_files_for_bootstrap(self, suite: str) -> AptFiles:
        """As `apt_files`, where sources are indispensable.

        Raises:
            VerbFailedError: this machine has no source for `suite`.
        """
        files = self.apt_files(suite)
        if not files.sources:
            raise VerbFailedError(
                f"This machine has no package source for {suite!r}.",
                hint=f"Name a mirror with --mirror URL, another release with --suite, or: {BUNDLE_HINT}",
            )
        return files

    def _own_sources(self, suite: str) -> tuple[AptSource, ...]:
        return distribution_sources(
            self._machine.sources,
            suite=suite,
            own_suite=self._machine.suite,
            distribution=self._machine.distribution,
        )

    def _named_sources(self, suite: str) -> tuple[AptSource, ...]:
        proxies = {
            key.lower().removesuffix("_proxy"): value for key, value in host.proxy_settings(self._env).items()
        }
        for key, value in self._machine.apt_settings:
            if key in ("Acquire::http::Proxy", "Acquire::https::Proxy") and value not in ("DIRECT", "false"):
                proxies[key.split("::")[1]] = value
        found = ask_mirrors(self._mirrors, suite, proxies=proxies, ca_file=self._ca_file)
        origin = next((mirror.origin for mirror in found if suite in mirror.suites), "")
        known = COMPONENTS.get(origin, ("main",))
        return mirror_sources({mirror.url: mirror.suites for mirror in found}, components=known)


def find_ca(asked: Path | None, env: Mapping[str, str]) -> Path | None:
    """The CA file: the flag's, else SSL_CERT_FILE's if it exists.

    Raises:
        UsageError: it cannot be read or holds no certificate.
    """
    named = env.get("SSL_CERT_FILE", "")
    if asked is None and (not named or not os.path.lexists(named)):
        return None
    path, who = (asked, "--ca-file") if asked is not None else (Path(named), "SSL_CERT_FILE")
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate"
        raise UsageError(f"{who}: {path} cannot be used: {reason}.", hint="A PEM file is needed.") from None
    return path


def _contents(paths: Iterable[Path]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in paths:
        try:
            found[str(path)] = path.read_bytes()
        except OSError as error:
            raise VerbFailedError(
                f"apt's configuration names {path}, which cannot be read: {error.strerror}.",
                hint="Correct /etc/apt, or name a mirror with --mirror.",
            ) from None
    return found
