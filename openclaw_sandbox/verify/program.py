"""The program that goes into the sandbox, and its answers. Nothing the image brings is believed blindly."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.verify.model import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = "openclaw_sandbox.verify.inside"
_MODULES = ("kit", "syscalls", "network", "filesystem", "interfaces", "rights", "limits")
_MAX_LINE = 8192
#: Loads the modules that its first argument holds as JSON.
LOADER = """\
import json, sys, types
def load(name, text):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, name, "exec"), module.__dict__)
    return module
kit = [load(name, text) for name, text in json.loads(sys.argv[1]).items()][0]
"""
_MAIN = f"{LOADER}kit.main(json.loads(sys.argv[2]))\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came back.

    `problem`, the rest of a sentence about the interpreter, is empty if the answers can be believed as far as
    the sandbox can be.
    """

    answers: Mapping[str, Answer]
    problem: str = ""
    interpreter: str = ""
    uid: str = ""
    bounding: str = ""
    seccomp: str = ""


def arguments(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What a Python is given to run it."""
    # Annotations are not evaluated there, so typing's newest names do no harm.
    return ("-c", _MAIN, json.dumps(texts()), json.dumps(facts))


def texts() -> dict[str, str]:
    """The program's modules by name, the one that runs first."""
    return {f"{_PACKAGE}.{name}": _source(name) for name in _MODULES}


def _source(name: str) -> str:
    return (importlib.resources.files(_PACKAGE) / f"{name}.py").read_text(encoding="utf-8")


def parse(output: bytes, *, nonce: str) -> Told:
    """The answers, as far as they are well formed and prove that Python ran."""
    lines = [_object(line) for line in output.splitlines()[:1000] if len(line) <= _MAX_LINE]
    head = lines[0] if lines else None
    if head is None or "proof" not in head:
        return Told(answers={}, problem="gave no answer")
    if head["proof"] != hashlib.sha256(nonce.encode()).hexdigest():
        return Told(answers={}, problem="is not Python: its answers do not count")
    answers = {}
    for line in lines[1:]:
        if line is not None and isinstance(line.get("id"), str):
            answers[line["id"]] = _answer(line)
    return Told(
        answers=answers,
        uid=str(head.get("uid", "")),
        bounding=str(head.get("bounding", "")),
        seccomp=str(head.get("seccomp", "")),
    )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _answer(line: Mapping[str, Any]) -> Answer:
    try:
        verdict = Verdict(line.get("state"))
    except ValueError:
        return Answer(verdict=Verdict.ERROR, evidence="the answer is garbled")
    items = line.get("items")
    found = tuple(str(item) for item in items) if isinstance(items, list) else ()
    return Answer(verdict=verdict, evidence=str(line.get("evidence", ""))[:400], items=found)
