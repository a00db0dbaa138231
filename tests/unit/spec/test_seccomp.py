"""What the engine is given as a syscall filter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw_sandbox.errors import ConfigError
from openclaw_sandbox.spec.seccomp import load_profile_file, profile_json, profile_warnings
from tests.profiles import ALLOW, decide, shipped

EPERM = 1


def text(**changes: Any) -> str:
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule()]} | changes)


def rule(**changes: Any) -> dict[str, Any]:
    return {"names": ["read"], "action": "SCMP_ACT_ALLOW"} | changes


def condition(**changes: Any) -> dict[str, Any]:
    return {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"} | changes


@pytest.mark.parametrize(
    ("arch", "file"),
    [("x86_64", "x86_64"), ("amd64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64")],
)
def test_shipped_profile_by_either_spelling(arch: str, file: str) -> None:
    assert json.loads(profile_json(arch)) == shipped(file)


def test_other_architectures_are_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match="riscv64") as caught:
        profile_json("riscv64")
    assert "docker-default" in caught.value.hint


@pytest.mark.parametrize("name", ["mkdir", "socket", "clone3", "ptrace"])
def test_blocked_calls_are_refused_whatever_they_were(name: str) -> None:
    profile = json.loads(profile_json("x86_64", blocked=[name]))
    assert [r["action"] for r in profile["syscalls"] if name in r["names"]] == ["SCMP_ACT_ERRNO"]
    assert decide(profile, name, (1, 1, 0, 0, 0, 0)) == EPERM
    assert decide(profile, "read") == ALLOW


def test_a_call_of_another_architecture_is_refused_already() -> None:
    assert profile_json("aarch64", blocked=["open", "iopl"]) == profile_json("aarch64")


def test_a_misspelt_call_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"'ptrce' is not a syscall\. Did you mean 'ptrace'\?") as caught:
        profile_json("x86_64", blocked=["mkdir", "ptrce"])
    assert caught.value.exit_code == 2


def test_a_call_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^'zzzz' is not a syscall\.$"):
        profile_json("x86_64", blocked=["zzzz"])


def test_an_operators_profile_is_taken_as_it_is() -> None:
    assert json.loads(load_profile_file(text())) == json.loads(text())


def test_an_operators_profile_with_blocked_calls() -> None:
    old_style = {"name": "mkdir", "action": "SCMP_ACT_ALLOW"}
    both = rule(names=["read", "mkdir"], comment="kept")
    profile = json.loads(load_profile_file(text(syscalls=[old_style, both]), blocked=["mkdir"]))
    assert profile["syscalls"] == [
        rule(comment="kept"),
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
    ]


def test_blocked_calls_reach_a_profile_without_rules() -> None:
    profile = json.loads(load_profile_file('{"defaultAction": "SCMP_ACT_ALLOW"}', blocked=["mkdir"]))
    assert decide(profile, "mkdir") == EPERM
    assert decide(profile, "read") == ALLOW


def test_broken_json_names_the_place() -> None:
    with pytest.raises(ConfigError, match=r"p\.json is not valid JSON") as caught:
        load_profile_file('{\n  "defaultAction": }', file="p.json")
    (issue,) = caught.value.issues
    assert (issue.where(), issue.excerpt) == ("p.json:2:20", '  "defaultAction": }')


@pytest.mark.parametrize("bad", ["", "[]", "null", "7" * 5000, "[" * 100_000])
def test_what_is_no_profile_at_all(bad: str) -> None:
    with pytest.raises(ConfigError):
        load_profile_file(bad)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"defaultAction": None}, "defaultAction"),
        ({"defaultAction": []}, "defaultAction"),
        ({"defaultAction": "ALLOW"}, "defaultAction"),
        ({"architectures": ["SCMP_ARCH_X86"], "archMap": [{}]}, "archMap"),
        ({"syscalls": {}}, "syscalls"),
        ({"syscalls": ["read"]}, "syscalls.0"),
        ({"syscalls": [rule(names=[])]}, "syscalls.0.names"),
        ({"syscalls": [rule(names="read")]}, "syscalls.0.names"),
        ({"syscalls": [rule(), rule(names=[7])]}, "syscalls.1.names"),
        ({"syscalls": [rule(name="read")]}, "syscalls.0.name"),
        ({"syscalls": [rule(action="allow")]}, "syscalls.0.action"),
        ({"syscalls": [rule(includes=["CAP_SYS_ADMIN"])]}, "syscalls.0.includes"),
        ({"syscalls": [rule(args={})]}, "syscalls.0.args"),
        ({"syscalls": [rule(args=[condition(), condition(index=6)])]}, "syscalls.0.args.1"),
        ({"syscalls": [rule(args=[condition(index="0")])]}, "syscalls.0.args.0"),
        ({"syscalls": [rule(args=[condition(value=-1)])]}, "syscalls.0.args.0"),
        ({"syscalls": [rule(args=[condition(op="==")])]}, "syscalls.0.args.0"),
        ({"syscalls": [rule(args=[condition(op=[])])]}, "syscalls.0.args.0"),
    ],
)
def test_every_fault_has_a_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError, match="not a seccomp profile") as caught:
        load_profile_file(text(**changes), file="p.json")
    assert [issue.path for issue in caught.value.issues] == [path]


def test_a_long_wrong_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile_file(text(syscalls={"a": "b" * 500}))
    assert len(caught.value.issues[0].message) < 100


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"defaultAction": "SCMP_ACT_ALLOW"}, "every syscall that it does not name"),
        ({"defaultAction": "SCMP_ACT_LOG"}, "every syscall that it does not name"),
        ({"syscalls": [rule(includes={"caps": ["CAP_BPF"]})]}, "keeps more capabilities"),
        ({"syscalls": [rule(args=[condition(op="SCMP_CMP_NE"), condition(value=2)])]}, "either holds"),
    ],
)
def test_what_is_odd_is_said(changes: dict[str, Any], warning: str) -> None:
    (said,) = profile_warnings(load_profile_file(text(**changes)))
    assert warning in said


def test_nothing_odd_about_an_ordinary_profile() -> None:
    assert profile_warnings(load_profile_file(text(syscalls=None))) == ()
    assert profile_warnings(profile_json("x86_64")) == ()
