"""`~` in path-like values, expanded as OpenClaw does it after validation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.discover import user_path
from openclaw_sandbox.config.trim import trim

if TYPE_CHECKING:
    from pathlib import Path

_PATH_KEY = re.compile(r"(?:dir|path|paths|file|root|workspace)$", re.IGNORECASE)
_PATH_LIST_KEYS = frozenset({"paths", "pathPrepend"})
_HOME_VALUE = re.compile(r"~(?:\Z|[/\\])")


def expand_paths(data: Any, *, home: Path, cwd: Path) -> Any:
    """`data` with a leading `~` expanded under path-like keys, and in lists under `paths`, `pathPrepend`.

    `seccompProfile` and `apparmorProfile` end in "file" and are expanded; `binds` are not.
    """
    return _expanded("", data, home, cwd)


def _expanded(key: str, value: Any, home: Path, cwd: Path) -> Any:
    if isinstance(value, dict):
        return {name: _expanded(name, item, home, cwd) for name, item in value.items()}
    if isinstance(value, list):
        within = key if key in _PATH_LIST_KEYS else ""
        return [_expanded(within if isinstance(item, str) else "", item, home, cwd) for item in value]
    if (
        isinstance(value, str)
        and (text := trim(value))[:1] == "~"
        and _is_path_key(key)
        and _HOME_VALUE.match(text)
    ):
        return str(user_path(value, home=home, cwd=cwd))
    return value


def _is_path_key(key: str) -> bool:
    return bool(_PATH_KEY.search(key)) or key in _PATH_LIST_KEYS
