"""Where the recorded answers of OpenClaw are, and how to read them.

The data does not travel with the project: it is read in place. `OPENCLAW_SANDBOX_CONFORMANCE` names the
folder; without it, it is looked for beside the checkout.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """The folder of the recorded answers; it need not exist."""
    named = os.environ.get("OPENCLAW_SANDBOX_CONFORMANCE")
    return Path(named) if named else _ROOT.parent / "shared" / "conformance"


def present() -> bool:
    """Whether there is anything to compare with."""
    return (folder() / "README.md").is_file()


@cache
def records(name: str) -> list[dict[str, Any]]:
    """The records of `resolve.jsonl`, `invalid.jsonl`, ...: one dict a line. Shared: do not change them."""
    lines = (folder() / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


@cache
def units() -> dict[str, list[dict[str, Any]]]:
    """`units.json`: the name of a function -> its recorded inputs and outputs. Shared: do not change them."""
    read: dict[str, list[dict[str, Any]]] = json.loads((folder() / "units.json").read_text(encoding="utf-8"))
    return read
