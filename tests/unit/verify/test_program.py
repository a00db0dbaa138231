"""The program's text, and answers that may be anything."""

from __future__ import annotations

import hashlib
import json

import pytest

from openclaw_sandbox.verify.asking import contradiction
from openclaw_sandbox.verify.model import Verdict
from openclaw_sandbox.verify.program import arguments, parse
from openclaw_sandbox.verify.witness import Limits, Witness

NONCE = "0123"
PROOF = hashlib.sha256(NONCE.encode()).hexdigest()
HEAD = json.dumps({"proof": PROOF, "uid": 1000, "bounding": "0000000000000000", "seccomp": "2"})


def test_no_argument_is_longer_than_the_kernel_takes() -> None:
    assert max(len(word) for word in arguments({"nonce": NONCE, "probes": []})) < 128 * 1024


def test_the_program_compiles() -> None:
    words = arguments({})
    compile(words[words.index("-c") + 1], "program", "exec")
    for name, text in json.loads(words[words.index("-c") + 2]).items():
        compile(text, name, "exec")


def test_an_answer() -> None:
    line = {"id": "ps.caps", "state": "blocked", "evidence": "empty", "items": []}
    told = parse(f"{HEAD}\n{json.dumps(line)}\n".encode(), nonce=NONCE)
    assert told.problem == ""
    assert told.answers["ps.caps"].verdict is Verdict.BLOCKED
    assert (told.uid, told.seccomp) == ("1000", "2")


@pytest.mark.parametrize(
    "output",
    [b"", b"hello\n", b"\xff\xfe", b"[]\n", b"null\n", b'{"proof": 1}\n', b"{" * 5000, b'{"proof": "x"}\n'],
)
def test_what_is_no_proof_is_no_answer(output: bytes) -> None:
    told = parse(output + b'{"id": "ps.caps", "state": "blocked"}\n', nonce=NONCE)
    assert told.answers == {}
    assert told.problem


@pytest.mark.parametrize("state", ["fine", None, 3, {}, "BLOCKED"])
def test_a_garbled_answer_is_an_error(state: object) -> None:
    line = json.dumps({"id": "ps.caps", "state": state})
    told = parse(f"{HEAD}\n{line}\nnot json\n[1]\n".encode(), nonce=NONCE)
    assert told.answers["ps.caps"].verdict is Verdict.ERROR


def witness(**status: str) -> Witness:
    return Witness(pid=1, status=status or None, host_namespaces={}, cgroup=Limits())


def test_a_contradiction_is_found() -> None:
    told = parse(HEAD.encode(), nonce=NONCE)
    agreeing = witness(Uid="1000 1000 1000 1000", CapBnd="0000000000000000", Seccomp="2")
    assert contradiction(told, agreeing) == ""
    assert contradiction(told, witness()) == ""
    assert "user 1000, which is 0" in contradiction(told, witness(Uid="0 0 0 0"))
    assert "filter 2, which is 0" in contradiction(told, witness(Uid="1000 0 0 0", Seccomp="0"))
