"""Decisions about hosts, as lines and as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.ui import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.egress.foresee import Foreseen
    from openclaw_sandbox.egress.journal import Need
    from openclaw_sandbox.egress.records import Record


def record_document(record: Record) -> dict[str, Any]:
    """One decision."""
    return {
        "id": record.id,
        "time": record.time,
        "sandbox": record.sandbox,
        "via": record.via,
        "host": record.host,
        "port": record.port,
        "verdict": record.verdict,
        "reason": record.reason,
        "rule": record.rule,
        "bytesUp": record.bytes_up,
        "bytesDown": record.bytes_down,
        "error": record.error,
    }


def record_line(ui: Ui, record: Record) -> str:
    """One decision for a human."""
    style = "ok" if record.verdict == "allow" else "error"
    place = place_text(record.host, record.port) if record.host else "(no host)"
    parts = [
        f"{place} ({record.via})",
        record.sandbox,
        f"{record.reason}{f': {record.rule}' if record.rule else ''}",
    ]
    if record.bytes_up is not None and record.bytes_down is not None:
        parts.append(f"{record.bytes_up} bytes up, {record.bytes_down} down")
    if record.error:
        parts.append(f"failed: {record.error}")
    verdict = ui.paint(_one_line(f"{record.verdict:5}"), style, sys.stdout)
    return f"{_one_line(record.time)}  {verdict}  {_one_line('  '.join(parts))}"


def _one_line(text: str) -> str:
    return printable(text, keep="")


def place_text(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def foreseen_document(foreseen: Foreseen) -> dict[str, Any]:
    """What would happen."""
    return {
        "host": foreseen.host,
        "port": foreseen.port,
        "verdict": "allow" if foreseen.allowed else "deny",
        "reason": foreseen.reason,
        "rule": foreseen.rule,
        "addresses": list(foreseen.addresses),
        "recorded": foreseen.recorded,
    }


def foreseen_lines(ui: Ui, foreseen: Foreseen) -> list[str]:
    """The verdict first, then why, then what a program that avoids the proxy gets."""
    word = ui.paint("allow", "ok", sys.stdout) if foreseen.allowed else ui.paint("deny", "error", sys.stdout)
    lines = [f"{word} {place_text(foreseen.host, foreseen.port)}: {foreseen.reason}"]
    if foreseen.rule:
        lines.append(f"  rule: {foreseen.rule}")
    if foreseen.addresses:
        lines.append(f"  addresses, as this host sees them: {', '.join(foreseen.addresses)}")
    if foreseen.recorded:
        lines.append("  The gateway writes it down. A program that ignores the proxy variables has no")
        lines.append("  network at all: it fails at once, and leaves no record.")
    elif not foreseen.allowed:
        lines.append("  It fails at once, and leaves no record.")
    return lines


def need_document(need: Need) -> dict[str, Any]:
    """One host that a command asked for."""
    return {
        "entry": need.entry,
        "requests": need.requests,
        "bytesDown": need.bytes_down,
        "never": need.never,
        "problem": need.problem,
    }


def need_lines(needs: Sequence[Need]) -> list[str]:
    """A list to put under allowed_hosts, and apart from it what must not stand there."""
    good = [need for need in needs if not need.never]
    lines = ["The command asked for no host."] if not needs else []
    if good:
        lines += ["allowed_hosts:", *(f"  - '{need.entry}'{_remark(need)}" for need in good)]
    lines += [f"never allow {need.entry}: {need.never}" for need in needs if need.never]
    return [_one_line(line) for line in lines]


def _remark(need: Need) -> str:
    times = f"{need.requests} request{'' if need.requests == 1 else 's'}, {need.bytes_down} bytes"
    return f"  # {times}{f'; failed: {need.problem}' if need.problem else ''}"
