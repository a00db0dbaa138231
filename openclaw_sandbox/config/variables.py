"""`${NAME}` in the config's texts, and where the values of those names come from.

Three sources, the first that has a name wins: the environment of this process; `.env` in the state folder
(and in the config's own folder, where that is another one); the config's own `env` block. OpenClaw also reads
the `.env` of the folder it is started in. This tool does not: that folder is often a workspace that an agent
can write, and whoever writes that file would choose what `binds: ["${DATA}:/data"]` mounts. Where only that
file knows a missing name, the error says so.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.secret_text import is_secret_name, looks_secret
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from openclaw_sandbox.config.origin import KeyPath

MAX_DOTENV_BYTES = 1 << 20
#: What all variables together may add to a config: a long value that is referred to often has no other bound.
MAX_ADDED_CHARS = 16 << 20

_REFERENCE = re.compile(r"(\$?)\$\{([A-Z_][A-Z0-9_]*)\}")
_DOTENV_LINE = re.compile(
    r"""^[^\S\n]*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"""
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\n]+)?\s*(?:#.*)?$""",
    re.MULTILINE,
)
#: Shorter values are too ordinary to be searched for and masked wherever they appear.
_MIN_SECRET_CHARS = 6


@dataclass(slots=True)
class Substituted:
    """The outcome of a substitution.

    `missing` names each variable that has no usable value: where it is referred to, its name, and why.
    Beyond `MAX_ADDED_CHARS` nothing more is replaced; `added` tells.
    """

    data: Any
    added: int = 0
    missing: list[tuple[KeyPath, str, str]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` file; none where it is absent.

    Raises:
        ConfigError: the file exists and cannot be read.
    """
    from openclaw_sandbox.config.text_file import read_text

    try:
        path.lstat()
    except OSError:
        return {}
    text = (
        read_text(path, max_bytes=MAX_DOTENV_BYTES, what=".env file")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    return {name: _dotenv_value(raw or "") for name, raw in _DOTENV_LINE.findall(text)}


def _dotenv_value(raw: str) -> str:
    value = raw.strip()
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "'\"`":
        return value
    inner = value[1:-1]
    return inner.replace("\\n", "\n").replace("\\r", "\r") if value[0] == '"' else inner


def config_env_block(data: Any) -> dict[str, str]:
    """The variables that the config itself sets: `env.vars.*` and every other text in `env`."""
    block = data.get("env") if isinstance(data, dict) else None
    if not isinstance(block, dict):
        return {}
    nested = block.get("vars")
    entries = [*(nested.items() if isinstance(nested, dict) else ())]
    entries += [(name, value) for name, value in block.items() if name not in ("vars", "shellEnv")]
    found: dict[str, str] = {}
    for name, value in entries:
        if isinstance(value, str) and value.strip() and name not in found:
            found[name] = value
    return found


def known_variables(
    env: Mapping[str, str], dotenvs: Iterable[Mapping[str, str]], block: Mapping[str, str]
) -> dict[str, str]:
    """Every variable that a config may refer to.

    A `.env` file sets what no source before it has, not even empty; the config's block sets what is blank.
    """
    known: dict[str, str] = {}
    for source in (env, *dotenvs):
        known = {**source, **known}
    blank = {name: value for name, value in block.items() if not known.get(name, "").strip()}
    return {**known, **blank}


def substitute(data: Any, variables: Mapping[str, str]) -> Substituted:
    """`data` with every `${NAME}` in its texts replaced; `$${NAME}` stands for the text `${NAME}`.

    Names are upper-case; any other `$` is left alone. A variable without a value is reported in `missing` and
    left as it stands.
    """
    result = Substituted(None)
    result.data = _substituted(data, (), variables, result)
    return result


def _substituted(value: Any, path: KeyPath, variables: Mapping[str, str], result: Substituted) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(item, (*path, key), variables, result) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, (*path, index), variables, result) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    text = _replaced(value, path, variables, result) if "${" in value else value
    if len(text) >= _MIN_SECRET_CHARS and (is_secret_name(_last_key(path)) or looks_secret(text)):
        result.secrets.add(text)
    return text


def _replaced(value: str, path: KeyPath, variables: Mapping[str, str], result: Substituted) -> str:
    def replacement(match: re.Match[str]) -> str:
        escape, name = match.groups()
        if escape:
            return f"${{{name}}}"
        known = variables.get(name, "")
        unusable = "unset or empty" if not known else "" if _is_text(known) else "no UTF-8 text"
        if unusable:
            result.missing.append((path, name, unusable))
            return match.group()
        result.added += len(known)
        if result.added > MAX_ADDED_CHARS:
            return match.group()
        if len(known) >= _MIN_SECRET_CHARS and (is_secret_name(name) or looks_secret(known)):
            result.secrets.add(known)
        return known

    return _REFERENCE.sub(replacement, value)


def _is_text(value: str) -> bool:
    """Whether an environment variable's bytes were text; Python keeps others as lone surrogates."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _last_key(path: KeyPath) -> str:
    """The key that a value stands under; for an element of a list, the list's key."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")
