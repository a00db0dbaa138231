"""Asking a package mirror what it has, before anything is built on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import UsageError, VerbFailedError
from openclaw_sandbox.image.apt import split_login, suites_to_try, without_password

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from urllib.request import OpenerDirector, Request

_TIMEOUT_S = 10.0
_HEAD_BYTES = 1 << 16  # the fields stand before the checksums


def check_url(url: str) -> str:
    """The URL of a mirror, without a slash at its end.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"https?://[^/\s]\S*", url) or not _has_host(url):
        raise UsageError(
            f"--mirror: {without_password(url)!r} is not the URL of a package mirror.",
            hint="It begins with http:// or https://; its folder holds dists/ and pool/.",
        )
    return url.rstrip("/")


def _has_host(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that make no sense
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What one mirror has of a release. `origin` is "debian", "ubuntu", or what else its index says."""

    url: str
    suites: tuple[str, ...]
    origin: str
    components: tuple[str, ...]


def ask_mirrors(
    urls: Sequence[str], suite: str, *, proxies: dict[str, str], ca_file: Path | None
) -> tuple[Mirrored, ...]:
    """What each mirror has of `suite`: the release, its updates, its security updates.

    Raises:
        VerbFailedError: a mirror does not answer, or none has the release.
    """
    opener = _opener(proxies, ca_file)
    found = tuple(_ask(opener, url, suite) for url in urls)
    if not any(suite in mirror.suites for mirror in found):
        shown = ", ".join(without_password(url) for url in urls)
        raise VerbFailedError(
            f"No release {suite!r} at {shown}: there is no dists/{suite}/InRelease.",
            hint="--mirror takes the folder that holds dists/ and pool/; --suite chooses the release.",
        )
    return found


def _opener(proxies: dict[str, str], ca_file: Path | None) -> OpenerDirector:
    import ssl
    import urllib.request

    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies or None), urllib.request.HTTPSHandler(context=context)
    )


def _ask(opener: OpenerDirector, url: str, suite: str) -> Mirrored:
    heads = {
        name: head
        for name in suites_to_try(suite)
        if (head := _release(opener, f"{url}/dists/{name}")) is not None
    }
    fields = parse_release(next(iter(heads.values()), ""))
    return Mirrored(
        url=url,
        suites=tuple(heads),
        origin=fields.get("origin", "").lower(),
        components=tuple(fields.get("components", "main").split()),
    )


def _release(opener: OpenerDirector, folder: str) -> str | None:
    """The head of a release's index; None if the mirror has no such release."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    for name in ("InRelease", "Release"):
        try:
            with opener.open(_request(f"{folder}/{name}"), timeout=_TIMEOUT_S) as answer:
                head: bytes = answer.read(_HEAD_BYTES)
                return head.decode("utf-8", "replace")
        except HTTPError as error:
            if error.code not in (403, 404, 410):  # some mirrors forbid what they do not have
                raise _silent(folder, f"status {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise _silent(folder, str(getattr(error, "reason", error))) from None
    return None


def _request(url: str) -> Request:
    """Its login goes where urllib wants it."""
    import base64
    from urllib.request import Request

    bare, user, password = split_login(url)
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Request(bare, headers={"Authorization": f"Basic {login}"} if user else {})  # noqa: S310  (see check_url)


def _silent(folder: str, reason: str) -> VerbFailedError:
    return VerbFailedError(
        f"The package mirror does not answer: {without_password(folder)}: {reason}.",
        hint="Check the URL after --mirror, and http_proxy or --ca-file if one is needed.",
    )


def parse_release(text: str) -> dict[str, str]:
    """The one-line fields of a Release or InRelease file, names in lower case."""
    pairs = (line.partition(":") for line in text.splitlines() if line[:1].strip() and ":" in line)
    return {name.lower(): value.strip() for name, _, value in pairs}
