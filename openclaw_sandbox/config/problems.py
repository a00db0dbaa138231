"""What is wrong in a config file, before anybody looked up where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.secret_text import is_secret_name, looks_secret
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong at `path`. `at` is the key to point at, where that is another one."""

    path: KeyPath
    message: str
    hint: str = ""
    at: KeyPath | None = None


def invalid_config(file: Path | str, issues: Sequence[Issue], *, hint: str = "") -> ConfigError:
    """The error for a file with these issues. Its brief names the file, the issues say the rest."""
    count = f" ({len(issues)} problems)" if len(issues) > 1 else ""
    return ConfigError(f"invalid config: {file}{count}", issues=issues, hint=hint)


def refused_file(
    file: Path | str, message: str, *, line: int | None = None, column: int | None = None, hint: str = ""
) -> ConfigError:
    """The error for a file that cannot be read as a whole."""
    issue = Issue(path="", message=message, file=str(file), line=line, column=column, hint=hint or None)
    return invalid_config(file, [issue])


def found(value: Any, path: KeyPath) -> str:
    """What stands at `path`, for "expected ..., found ...". A value that may be a secret is not repeated."""
    kind = kind_of(value)
    if isinstance(value, (dict, list)) or value is None:
        return kind
    text = f'"{printable(value)}"' if isinstance(value, str) else _number(value)
    if any(is_secret_name(str(part)) for part in path) or looks_secret(text):
        return f"{kind} (not shown)"
    return text if isinstance(value, bool) else f"{kind} {text}"


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    if value is None:
        return "null"
    for types, word in _KINDS:
        if isinstance(value, types):
            return word
    return type(value).__name__


_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "a boolean"),
    ((int, float), "the number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


def printable(text: str) -> str:
    """`text` on one line, cut, with control characters escaped."""
    cut = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return printable(str(value))


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if one is near enough."""
    from difflib import get_close_matches

    by_folded = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower(), by_folded, n=1, cutoff=0.7)
    return by_folded[matches[0]] if matches else None
