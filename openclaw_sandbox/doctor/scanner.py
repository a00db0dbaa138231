"""An image scanner of the operator's own, if one is installed: how many holes of which severity it sees."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.errors import VerbFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TIMEOUT_S = 300.0
#: Scanner -> its command for an image, as far as the image's name.
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "trivy": ("trivy", "image", "--quiet", "--format", "json"),
    "grype": ("grype", "--quiet", "--output", "json"),
}


def installed_scanner() -> str:
    """The first that is on the path; empty if none is."""
    return next((name for name in _COMMANDS if shutil.which(name)), "")


def scan(scanner: str, reference: str) -> dict[str, int] | None:
    """Severity (in capitals) -> count; None if it gave no usable answer. It may fetch its own database."""
    from openclaw_sandbox.image.process import run

    lines: list[str] = []
    try:
        ended = run([*_COMMANDS[scanner], reference], on_line=lines.append, timeout_s=_TIMEOUT_S)
    except VerbFailedError:
        return None
    return parse_scan("\n".join(lines)) if ended.status == 0 and not ended.timed_out else None


def parse_scan(text: str) -> dict[str, int] | None:
    """Counts from trivy's or grype's JSON; words before it are skipped."""
    try:
        document = json.loads(text[max(0, text.find("{")) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not ({"Results", "matches"} & set(document)):
        return None
    return dict(Counter(str(severity).upper() for severity in _severities(document)))


def _severities(document: Mapping[str, Any]) -> Iterator[Any]:
    for result in document.get("Results") or ():
        for hole in result.get("Vulnerabilities") or ():
            yield hole.get("Severity", "UNKNOWN")
    for match in document.get("matches") or ():
        yield (match.get("vulnerability") or {}).get("severity", "UNKNOWN")
