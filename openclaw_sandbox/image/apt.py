"""The machine's apt sources: read, narrowed to the distribution's own, written again. Pure.

Both formats of sources.list(5) are read: one line per source, and deb822 stanzas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: The components that hold what the recipes install, by distribution.
COMPONENTS = {"debian": ("main",), "ubuntu": ("main", "universe")}
#: What is asked of an archive for one release: the release, its updates, its security updates.
_POCKETS = ("", "-updates", "-security", "/updates")
_FETCHED = ("http://", "https://", "ftp://", "mirror+http")
#: How an archive of a whole distribution, or its mirror, ends by custom.
_ARCHIVE_PATH = re.compile(r"/(debian|ubuntu|raspbian)(-security|-ports|-archive)?/?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """Where packages come from. `signed_by` is paths of keyrings, or a whole key block."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    architectures: tuple[str, ...] = ()
    trusted: bool = False

    @property
    def keyrings(self) -> tuple[str, ...]:
        """The keyring files that `signed_by` names; none for a key block or fingerprints."""
        words = self.signed_by.replace(",", " ").split()
        return tuple(words) if words and all(word.startswith("/") for word in words) else ()


# ---- reading


def parse_sources(name: str, text: str) -> tuple[AptSource, ...]:
    """The binary package sources of one file; its name decides the format. What is disabled is left out.

    Lines that are no sources are skipped, as apt has already complained about them.
    """
    stanzas = _deb822(text) if name.endswith(".sources") else filter(None, map(_one_line, text.splitlines()))
    return tuple(source for source in stanzas if source.uris and source.suites)


def _one_line(line: str) -> AptSource | None:
    found = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
    if not found or found[2].startswith("cdrom:"):
        return None
    options = dict(part.split("=", 1) for part in (found[1] or "").split() if "=" in part)
    return AptSource(
        uris=(found[2],),
        suites=(found[3],),
        components=tuple(found[4].split()),
        signed_by=options.get("signed-by", ""),
        architectures=_words(options.get("arch", "")),
        trusted=options.get("trusted") == "yes",
    )


def _deb822(text: str) -> Iterator[AptSource]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in (
            "no",
            "false",
        ):
            continue
        yield AptSource(
            uris=_words(fields.get("uris", "")),
            suites=_words(fields.get("suites", "")),
            components=_words(fields.get("components", "")),
            signed_by=fields.get("signed-by", "").strip(),
            architectures=_words(fields.get("architectures", "")),
            trusted=fields.get("trusted", "").lower() == "yes",
        )


def _fields(stanza: str) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1] in (" ", "\t"):
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


# ---- choosing


def distribution_sources(
    sources: Iterable[AptSource], *, suite: str, own_suite: str, distribution: str
) -> tuple[AptSource, ...]:
    """The sources that give `suite` of the machine's distribution, third parties left out.

    A Debian machine of another release finds `suite` on the mirror it uses for its own: an archive of Debian
    holds several. Nothing when the machine has no source for `suite`.
    """
    components = COMPONENTS.get(distribution, ("main",))
    usable = [_narrowed(source, suite, components) for source in sources]
    found = [source for source in usable if source is not None]
    if not any(suite in source.suites for source in found):
        if distribution != "debian" or own_suite in ("", suite):
            return ()
        renamed = (_renamed(source, own_suite, suite) for source in sources)
        return distribution_sources(renamed, suite=suite, own_suite=suite, distribution=distribution)
    archives = [source for source in found if any(_ARCHIVE_PATH.search(uri) for uri in source.uris)]
    return tuple(archives if any(suite in source.suites for source in archives) else found)


def _narrowed(source: AptSource, suite: str, components: Sequence[str]) -> AptSource | None:
    uris = tuple(uri for uri in source.uris if uri.startswith(_FETCHED))
    suites = tuple(name for name in source.suites if name in {suite + pocket for pocket in _POCKETS})
    kept = tuple(name for name in source.components if name in components)
    ours = not source.keyrings or any("archive-keyring" in path for path in source.keyrings)
    return (
        replace(source, uris=uris, suites=suites, components=kept)
        if uris and suites and kept and ours
        else None
    )


def _renamed(source: AptSource, old: str, new: str) -> AptSource:
    return replace(source, suites=tuple(re.sub(rf"^{re.escape(old)}\b", new, name) for name in source.suites))


def mirror_sources(
    mirrors: Mapping[str, Sequence[str]], *, components: Sequence[str]
) -> tuple[AptSource, ...]:
    """Sources for mirrors that somebody named: URL -> the suites it was found to have."""
    return tuple(
        AptSource(uris=(url,), suites=tuple(suites), components=tuple(components))
        for url, suites in mirrors.items()
        if suites
    )


def suites_to_try(suite: str) -> tuple[str, ...]:
    """The suites that belong to a release: itself, its updates, its security updates."""
    return (suite, f"{suite}-updates", f"{suite}-security")


# ---- writing


def render_sources(sources: Iterable[AptSource]) -> str:
    """The sources as one deb822 file."""
    return "\n".join(_stanza(source) for source in sources)


def _stanza(source: AptSource) -> str:
    lines = [
        "Types: deb",
        f"URIs: {' '.join(source.uris)}",
        f"Suites: {' '.join(source.suites)}",
        f"Components: {' '.join(source.components)}",
    ]
    if source.architectures:
        lines.append(f"Architectures: {' '.join(source.architectures)}")
    if source.trusted:
        lines.append("Trusted: yes")
    if source.signed_by:
        block = "\n".join(f" {line}" for line in source.signed_by.splitlines())
        lines.append(f"Signed-By:{block}" if "\n" not in block else f"Signed-By:\n{block}")
    return "\n".join(lines) + "\n"


def has_password(source: AptSource) -> bool:
    """Whether a URI carries a user's name or password."""
    return any("@" in uri.partition("://")[2].partition("/")[0] for uri in source.uris)


def without_password(text: str) -> str:
    """A URL, or a line that holds some, as it may be shown."""
    return re.sub(r"(://)[^/\s]*@", r"\1***@", text)


def split_login(url: str) -> tuple[str, str, str]:
    """The URL without the login in it, the user's name and the password; empty where there are none."""
    from urllib.parse import unquote

    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    login, at, host = host.rpartition("@")
    user, _, password = login.partition(":")
    return (f"{scheme}{mark}{host}{slash}{path}", unquote(user), unquote(password)) if at else (url, "", "")
