"""What is wrong in a config file, before anybody looked up where it stands; and the words to say it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.secret_text import is_secret_name, looks_secret
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath

#: Of a file full of errors, this many are looked up and shown.
MAX_ISSUES = 100
_MAX_SHOWN = 60
_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
    (type(None), "null"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong at `path`. `at` is the key to point at, where that is another one."""

    path: KeyPath
    message: str
    hint: str = ""
    at: KeyPath | None = None


def invalid_config(file: Path | str, issues: Sequence[Issue], *, total: int = 0) -> ConfigError:
    """The error for a file with these issues (of `total`). Its brief names the file, they say the rest."""
    count = f" ({len(issues)} problems)" if len(issues) > 1 else ""
    if total > len(issues):
        count = f" ({total} problems; the first {len(issues)} are shown)"
    return ConfigError(f"invalid config: {file}{count}", issues=issues)


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
    text = _scalar(value)
    if any(is_secret_name(str(part)) for part in path) or looks_secret(text):
        return f"{kind} (not shown)"
    return text


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    return next((word for types, word in _KINDS if isinstance(value, types)), type(value).__name__)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{shortened(value)}"' if isinstance(value, str) else shortened(str(value))


def shortened(text: str) -> str:
    """`text` on one line of bounded length."""
    return printable(text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "...")


def printable(text: str) -> str:
    """`text` with everything that a terminal would act on escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return " " if char == "\t" else char.encode("unicode_escape").decode("ascii")


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> str | None:
    """The known word that was probably meant, if one is near enough. `cutoff`: 1 means the same letters."""
    from difflib import get_close_matches

    by_folded = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower(), by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None
