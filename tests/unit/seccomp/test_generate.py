"""The generator refuses a list that cannot be right, and covers "all but these" with prefixes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles import ARCHITECTURES, decide, generator, numbers

generate = generator()

TABLES = {"x86_64": {"read": 0, "open": 2, "ioctl": 16}, "aarch64": {"read": 63, "ioctl": 29}}


def groups(**changes: list[dict[str, Any]]) -> dict[str, Any]:
    complete: dict[str, Any] = {
        "allow": [{"names": ["read", "open"]}],
        "filter": [],
        "exclude": [{"names": ["ioctl"], "argument": 1, "values": [0x5412]}],
        "absent": [],
        "deny": [],
    }
    return complete | changes


def condition(argument: int, mask: int, equals: int) -> dict[str, int]:
    return {"argument": argument, "mask": mask, "equals": equals}


def test_a_complete_list_passes() -> None:
    generate.check(groups(), TABLES)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (groups(allow=[{"names": ["read"]}]), "undecided: open"),
        (groups(deny=[{"names": ["raed"]}]), "not in numbers.txt: raed"),
        (groups(deny=[{"names": ["read"]}]), "decided 2 times: read"),
        (
            groups(filter=[{"names": ["x"], "accept": [[condition(0, 15, 1), condition(0, 15, 2)]]}]),
            "two conditions on one argument",
        ),
        (groups(filter=[{"names": ["x"], "accept": [[condition(0, 1, 2)]]}]), "a value outside its mask"),
        (groups(filter=[{"names": ["x"], "accept": [[condition(0, 1 << 32, 0)]]}]), "a mask too wide"),
    ],
)
def test_a_wrong_list_is_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(generate.ListError, match=complaint):
        generate.check(wrong, TABLES)


def test_a_name_is_left_out_where_it_does_not_exist() -> None:
    arm = generate.profile(groups(), "aarch64", set(TABLES["aarch64"]))
    assert arm["syscalls"][0]["names"] == ["read"]


@pytest.mark.parametrize("values", [set(), {0}, {0xFFFFFFFF}, {0x5412, 0x541C, 0x5423}, {1, 2, 3}])
def test_prefixes_cover_everything_else_once(values: set[int]) -> None:
    prefixes = generate.prefixes_without(values)
    # Each prefix covers 2 ** (bits that its mask leaves open) numbers; disjoint ones add up.
    covered = sum(1 << (32 - mask.bit_count()) for mask, _ in prefixes)
    assert covered == (1 << 32) - len(values)
    for value in values:
        assert all(value & mask != wanted for mask, wanted in prefixes)


def test_the_shipped_ioctl_filter_needs_38_prefixes() -> None:
    """More than a few dozen rules would lengthen every ioctl."""
    assert len(generate.prefixes_without({0x5412, 0x541C, 0x5423})) == 38


def test_check_tells_a_stale_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert generate.main(["--check"]) == 0
    true = generate.generate()
    monkeypatch.setattr(generate, "generate", lambda: {path: text + " " for path, text in true.items()})
    assert generate.main(["--check"]) == 1
    assert "openclaw-sandbox.aarch64.json is not what syscalls.toml says" in capsys.readouterr().err


def test_a_wrong_argument_is_a_usage_error() -> None:
    assert generate.main(["--chekc"]) == 2


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_numbers_are_unique(arch: str) -> None:
    table = numbers(arch)
    assert len(set(table.values())) == len(table)


def test_the_evaluator_of_these_tests_follows_libseccomp() -> None:
    rule = {"names": ["a"], "action": "SCMP_ACT_ALLOW"}
    same_as_default = {"names": ["a"], "action": "SCMP_ACT_ERRNO"}
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [same_as_default, rule]}
    assert decide(profile, "a") == "allow"
    assert decide(profile, "b") == 1
