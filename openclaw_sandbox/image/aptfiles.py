"""apt's settings as a folder that stands on its own: sources, keys, proxy, CA. Pure.

The same folder serves the bootstrap (in a temporary folder) and the build (under /run in the container), so
every path in it is written for the place where it will stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.image.apt import AptSource, has_password, render_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Settings of apt whose value is a file of the host.
_FILE_SETTINGS = ("CaInfo", "SslCert", "SslKey", "CrlFile")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptFiles:
    """What apt needs to reach its mirrors, in values.

    `keyrings` are the files that sources name, by their path on the host; `trusted` those for sources that
    name none, by file name. `setting_files` are files that `settings` name, by path. Without `sources` the
    image's own are used.
    """

    sources: tuple[AptSource, ...]
    keyrings: Mapping[str, bytes] = field(repr=False)
    trusted: Mapping[str, bytes] = field(repr=False)
    settings: tuple[tuple[str, str], ...] = field(repr=False)
    setting_files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    passwords: str = field(default="", repr=False)
    ca: bytes | None = field(default=None, repr=False)

    def files(self, root: str) -> dict[str, bytes]:
        """The folder, relative path -> content, to be put at `root`."""
        made = {
            "apt.conf": self._conf(root).encode(),
            **{f"keyrings/{flat_name(path)}": content for path, content in self.keyrings.items()},
            **{f"settings/{flat_name(path)}": content for path, content in self.setting_files.items()},
            **{f"trusted.d/{name}": content for name, content in self.trusted.items()},
        }
        if self.sources:
            made["sources.d/host.sources"] = self._sources(root).encode()
        if self.passwords:
            made["auth.conf"] = self.passwords.encode()
        if self.ca is not None:
            made["ca.crt"] = self.ca
        return made

    def settings_at(self, root: str) -> list[tuple[str, str]]:
        """The settings that reach a mirror, with their files below `root`."""
        said = [
            (key, f"{root}/settings/{flat_name(value)}" if value in self.setting_files else value)
            for key, value in self.settings
        ]
        if self.ca is not None:
            said.append(("Acquire::https::CaInfo", f"{root}/ca.crt"))
        if self.passwords:
            said.append(("Dir::Etc::Netrc", f"{root}/auth.conf"))
        return said

    def _conf(self, root: str) -> str:
        said = self.settings_at(root)
        if self.sources:
            said += [("Dir::Etc::SourceList", "/dev/null"), ("Dir::Etc::SourceParts", f"{root}/sources.d")]
        if self.trusted:
            said.append(("Dir::Etc::TrustedParts", f"{root}/trusted.d"))
        return "".join(f'{key} "{value}";\n' for key, value in said)

    def _sources(self, root: str) -> str:
        return render_sources(
            replace(source, signed_by=" ".join(f"{root}/keyrings/{flat_name(p)}" for p in source.keyrings))
            if source.keyrings
            else source
            for source in self.sources
        )


def file_settings(settings: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The files of the host that `settings` name."""
    return tuple(value for key, value in settings if key.rpartition("::")[2] in _FILE_SETTINGS)


def lasting_sources(sources: tuple[AptSource, ...]) -> str:
    """What an image may keep: sources without a password, verified by keys that every base brings along."""
    kept = [
        source
        for source in sources
        if not has_password(source)
        and all(
            path.startswith("/usr/share/keyrings/") and "-archive-keyring" in path for path in source.keyrings
        )
    ]
    return render_sources(kept)


def flat_name(path: str) -> str:
    """A path of the host as one file name."""
    return path.strip("/").replace("/", "_")
