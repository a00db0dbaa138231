"""Laws of the shipped profiles: no argument gets past a filter, and blocking touches nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.spec.seccomp import profile_json
from tests.profiles import ALLOW, ARCHITECTURES, decide, generator, numbers, shipped

architectures = st.sampled_from(ARCHITECTURES)
words = st.integers(0, (1 << 64) - 1)
LOW = (1 << 32) - 1

TERMINAL_INJECTION = {0x5412, 0x541C, 0x5423}
NEW_NAMESPACES = 0x7E020000


def near(*values: int) -> st.SearchStrategy[int]:
    """Any 64-bit word, and often one whose lower half is one of `values`."""
    crafted = st.builds(lambda high, low: high << 32 | low, st.integers(0, LOW), st.sampled_from(values))
    return crafted | words


@given(arch=architectures, request=near(*TERMINAL_INJECTION, 0x5401, 0x541B))
def test_ioctl_refuses_three_requests_and_no_other(arch: str, request: int) -> None:
    allowed = decide(shipped(arch), "ioctl", (0, request, 0, 0, 0, 0)) == ALLOW
    assert allowed == (request & LOW not in TERMINAL_INJECTION)


@given(arch=architectures, family=near(1, 2, 10, 16, 17, 38, 40), protocol=near(0, 6, 9))
def test_socket_families(arch: str, family: int, protocol: int) -> None:
    allowed = decide(shipped(arch), "socket", (family, 1, protocol, 0, 0, 0)) == ALLOW
    assert allowed == (family & LOW in (1, 2, 10) or (family & LOW, protocol & LOW) == (16, 0))


@given(arch=architectures, flags=words)
def test_clone_makes_no_namespace(arch: str, flags: int) -> None:
    allowed = decide(shipped(arch), "clone", (flags, 0, 0, 0, 0, 0)) == ALLOW
    assert allowed == (flags & NEW_NAMESPACES == 0)


@given(arch=architectures, mode=near(0, 0o100644, 0o010600, 0o020600, 0o060600, 0o140600))
def test_mknod_makes_no_device(arch: str, mode: int) -> None:
    allowed = decide(shipped(arch), "mknodat", (0, 0, mode, 0, 0, 0)) == ALLOW
    assert allowed == (mode & 0xF000 in (0, 0x8000, 0x1000, 0xC000))


@given(arch=architectures, data=st.data())
def test_blocking_refuses_the_blocked_and_changes_nothing_else(arch: str, data: st.DataObject) -> None:
    names = sorted(numbers(arch))
    blocked = data.draw(st.sets(st.sampled_from(names), max_size=8))
    arguments = data.draw(st.tuples(*[words] * 6))
    before, after = shipped(arch), json.loads(profile_json(arch, blocked=blocked))
    for name in names:
        expected = 1 if name in blocked else decide(before, name, arguments)
        assert decide(after, name, arguments) == expected, name


@given(values=st.sets(st.integers(0, LOW), max_size=5), number=st.integers(0, LOW))
def test_prefixes_match_all_but_the_values_and_none_twice(values: set[int], number: int) -> None:
    prefixes = generator().prefixes_without(values)
    for candidate in {number, *values}:
        matches = sum(candidate & mask == wanted for mask, wanted in prefixes)
        assert matches == (candidate not in values)
