"""Variables for a command: `-e NAME[=VALUE]` and `--env-file`, as Docker's CLI takes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import Issue, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
#: One variable larger than this cannot be passed to a program at all (MAX_ARG_STRLEN of the kernel).
_MAX_BYTES = 128 * 1024
_MAX_FILE_BYTES = 4 << 20


def command_variables(
    flags: Iterable[str], files: Iterable[Path], host_env: Mapping[str, str]
) -> dict[str, str]:
    """The variables of `--env-file`s, then of `-e` flags; later ones win.

    `NAME` alone copies the variable from this tool's environment, and is left out when it is not set there.
    In files blank lines and lines that begin with `#` are skipped; there are no quotes and no expansion.

    Raises:
        UsageError: an entry or a file that cannot be used; names file and line, never a value.
    """
    found: dict[str, str] = {}
    for path in files:
        for number, line in enumerate(_lines(path), start=1):
            text = line.lstrip()
            if text and not text.startswith("#"):
                _take(text, host_env, found, where=(str(path), number))
    for flag in flags:
        _take(flag, host_env, found, where=None)
    return found


def _take(
    entry: str, host_env: Mapping[str, str], found: dict[str, str], *, where: tuple[str, int] | None
) -> None:
    name, separator, value = entry.partition("=")
    problem = _problem(name, value)
    if problem:
        if where is None:
            raise UsageError(
                f"-e {name[:60]!r}: {problem}", hint="Write -e NAME=VALUE, or -e NAME to copy it."
            )
        # A line that is no assignment may be the middle of a key: nothing of it is shown.
        issue = Issue(path="line", message=problem, file=where[0], line=where[1])
        raise UsageError(
            f"The env file {where[0]} cannot be used.", issues=[issue], hint="Write one NAME=VALUE per line."
        )
    if separator:
        found[name] = value
    elif name in host_env:
        found[name] = host_env[name]


def _problem(name: str, value: str) -> str:
    if not name:
        return "the name of the variable is missing."
    if not _NAME.match(name):
        return "this is not the name of a variable."
    if "\0" in value:
        return "its value holds a NUL character."
    if len(name) + len(value.encode("utf-8", "surrogateescape")) + 2 > _MAX_BYTES:
        return f"its value is longer than {_MAX_BYTES} bytes."
    return ""


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():
            raise UsageError(f"The env file {path} does not exist or is not a regular file.")
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UsageError(f"The env file {path} is larger than 4 MiB.")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The env file {path} is not UTF-8 (byte {error.start}).") from None
    except OSError as error:
        raise UsageError(f"The env file {path} cannot be read: {error.strerror or error}.") from None
    # Not splitlines(): a value may hold a form feed or a Unicode line separator.
    return [line.removesuffix("\r") for line in text.split("\n")]
