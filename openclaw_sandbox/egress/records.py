"""The gateway's log: one JSON object a line. A decision when it falls, and an end when its bytes are known.

A record never holds a path, a query, a header or a body: only who, where, which rule, how much.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One decision. `time` is RFC 3339 UTC; bytes are None until the exchange has ended."""

    id: str
    time: str
    sandbox: str
    via: str  # connect, http, socks5
    host: str
    port: int
    verdict: str  # allow, deny
    reason: str
    rule: str = ""  # the entry and its place; empty: no rule decided
    bytes_up: int | None = None
    bytes_down: int | None = None
    error: str = ""  # allowed, and failed all the same: no such name, nobody answers


def now() -> str:
    """This moment, for a record."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decision_line(record: Record) -> str:
    """The line for a decision."""
    document = {
        "id": record.id,
        "time": record.time,
        "sandbox": record.sandbox,
        "via": record.via,
        "host": record.host,
        "port": record.port,
        "verdict": record.verdict,
        "reason": record.reason,
        "rule": record.rule,
    }
    return json.dumps({"decision": document}, separators=(",", ":"))


def end_line(record_id: str, *, up: int, down: int, error: str = "") -> str:
    """The line for the end of what was allowed."""
    document = {"id": record_id, "bytesUp": up, "bytesDown": down, "error": error}
    return json.dumps({"end": document}, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an allowed exchange ended."""

    id: str
    bytes_up: int
    bytes_down: int
    error: str


def parse_line(line: str) -> Record | End | None:
    """A line of the log; None for one that is no record (what Python itself printed)."""
    try:
        document: Any = json.loads(line)
        if "decision" in document:
            return _decision(document["decision"])
        end = document["end"]
        return End(
            id=str(end["id"]),
            bytes_up=int(end["bytesUp"]),
            bytes_down=int(end["bytesDown"]),
            error=str(end["error"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _decision(item: dict[str, Any]) -> Record:
    return Record(
        id=str(item["id"]),
        time=str(item["time"]),
        sandbox=str(item["sandbox"]),
        via=str(item["via"]),
        host=str(item["host"]),
        port=int(item["port"]),
        verdict=str(item["verdict"]),
        reason=str(item["reason"]),
        rule=str(item["rule"]),
    )


def parse_log(lines: Iterable[str]) -> list[Record]:
    """All decisions of a log in their order, each with its end if that is there."""
    found: dict[str, Record] = {}
    for line in lines:
        item = parse_line(line)
        if isinstance(item, Record):
            found[item.id] = item
        elif item is not None and item.id in found:
            found[item.id] = replace(
                found[item.id], bytes_up=item.bytes_up, bytes_down=item.bytes_down, error=item.error
            )
    return list(found.values())
