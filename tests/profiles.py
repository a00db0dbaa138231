"""A seccomp profile as libseccomp reads it, for tests that ask what it decides without a kernel."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

SECCOMP = Path(__file__).resolve().parent.parent / "seccomp"
ARCHITECTURES = ("x86_64", "aarch64")

ALLOW = "allow"
WORD = (1 << 64) - 1


def generator() -> ModuleType:
    """`seccomp/generate.py`, which is a script and not part of the package."""
    if "seccomp_generate" in sys.modules:
        return sys.modules["seccomp_generate"]
    spec = importlib.util.spec_from_file_location("seccomp_generate", SECCOMP / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def shipped(arch: str) -> dict[str, Any]:
    profile: dict[str, Any] = json.loads((SECCOMP / f"openclaw-sandbox.{arch}.json").read_text())
    return profile


def numbers(arch: str) -> dict[str, int]:
    table: dict[str, int] = generator().read_numbers((SECCOMP / "numbers.txt").read_text())[arch]
    return table


def decide(profile: dict[str, Any], name: str, arguments: Sequence[int] = (0,) * 6) -> str | int:
    """ALLOW, or the errno.

    A rule without conditions beats those with; conditions of one rule must all hold; a rule that does what
    the default does is dropped by the runtime and decides nothing.
    """
    rules = [rule for rule in profile["syscalls"] if name in rule["names"]]
    rules.sort(key=lambda rule: bool(rule.get("args")))
    default = (profile["defaultAction"], profile.get("defaultErrnoRet", 1))
    for rule in rules:
        verdict = (rule["action"], rule.get("errnoRet", 1))
        if verdict != default and all(holds(condition, arguments) for condition in rule.get("args") or ()):
            return _answer(*verdict)
    return _answer(*default)


def holds(condition: dict[str, Any], arguments: Sequence[int]) -> bool:
    """Only the one operator that our profiles use."""
    assert condition["op"] == "SCMP_CMP_MASKED_EQ"
    return bool(arguments[condition["index"]] & WORD & condition["value"] == condition["valueTwo"])


def _answer(action: str, errno: int) -> str | int:
    return ALLOW if action == "SCMP_ACT_ALLOW" else errno
