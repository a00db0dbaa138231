"""OpenClaw 2026.9 and later keep the registry in SQLite. It is read, never written: it is not ours."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.errors import StateFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TABLE = "sandbox_registry_entries"
#: Their column -> the field of an entry.
_COLUMNS = {
    "container_name": "containerName",
    "session_key": "sessionKey",
    "created_at_ms": "createdAtMs",
    "last_used_at_ms": "lastUsedAtMs",
    "image": "image",
    "config_hash": "configHash",
    "backend_id": "backendId",
    "runtime_label": "runtimeLabel",
    "config_label_kind": "configLabelKind",
    "cdp_port": "cdpPort",
    "no_vnc_port": "noVncPort",
}
_BUSY_S = 2.0


def read_entries(path: Path, kind: str) -> list[dict[str, Any]]:
    """The entries of one kind ("container" or "browser") in the older file's form; none without a database.

    Raises:
        StateFileError: there is a database and it cannot be read.
    """
    if not path.is_file():
        return []
    import sqlite3

    query = f"SELECT * FROM {_TABLE} WHERE registry_kind = ? ORDER BY last_used_at_ms"  # noqa: S608  a constant
    try:
        with _open(path) as database:
            if not database.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (_TABLE,)
            ).fetchone():
                return []
            database.row_factory = sqlite3.Row
            return [_entry(dict(row)) for row in database.execute(query, (kind,))]
    except sqlite3.Error as error:
        raise StateFileError(
            f"OpenClaw's registry in {path} cannot be read: {error}.",
            hint="Containers that only it knows are found by their labels.",
        ) from None


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    import sqlite3
    from urllib.parse import quote

    database = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)
    try:
        database.execute("PRAGMA query_only = ON")
        yield database
    finally:
        database.close()


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """`entry_json` holds the whole entry; the columns, which OpenClaw searches by, win."""
    whole: Any = None
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        whole = json.loads(row.get("entry_json") or "{}")
    columns = {field: row[column] for column, field in _COLUMNS.items() if row.get(column) is not None}
    return {**(whole if isinstance(whole, dict) else {}), **columns}
