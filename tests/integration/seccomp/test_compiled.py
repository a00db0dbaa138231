"""What the runtime's library makes of the profiles, also for the architecture that this machine is not."""

from __future__ import annotations

import random

import pytest

from tests.integration.seccomp.compiled import (
    AUDIT_ARCH,
    RET_ALLOW,
    RET_ERRNO,
    RET_KILL,
    compile_profile,
    run,
)
from tests.profiles import ALLOW, ARCHITECTURES, decide, numbers, shipped

#: Marked: only a machine with an engine is sure to have its runtime's libseccomp.
pytestmark = [pytest.mark.engine, pytest.mark.parametrize("arch", ARCHITECTURES)]

ENOSYS = 38

#: Arguments worth trying with every call: the values that filters look at, with and without higher bits.
INTERESTING = [
    0,
    1,
    2,
    10,
    16,
    17,
    38,
    40,
    0x5401,
    0x5412,
    0x541C,
    0x5423,
    0x6000,
    0x8000,
    0x20000,
    0x10000000,
]
INTERESTING += [value | 1 << 32 for value in INTERESTING] + [0xFFFFFFFF, (1 << 64) - 1]


def vectors() -> list[list[int]]:
    draw = random.Random(3)
    return [[value] * 6 for value in INTERESTING] + [draw.choices(INTERESTING, k=6) for _ in range(40)]


def test_decides_every_call_as_the_profile_says(arch: str) -> None:
    program, unknown = compile_profile(shipped(arch), arch)
    filtered = {name for rule in shipped(arch)["syscalls"] if "args" in rule for name in rule["names"]}
    wrong = []
    for name, number in numbers(arch).items():
        if name in unknown:
            continue
        for arguments in vectors() if name in filtered else vectors()[-3:]:
            verdict = decide(shipped(arch), name, arguments)
            expected = RET_ALLOW if verdict == ALLOW else RET_ERRNO | int(verdict)
            if run(program, arch, number, arguments) != expected:
                wrong.append((name, arguments))
    assert wrong == []


def test_the_numbers_are_the_librarys(arch: str) -> None:
    """Read back from the program: a call that our table numbers wrongly would be decided as another one."""
    only = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": [], "syscalls": []}
    table = numbers(arch)
    _, unknown = compile_profile(shipped(arch), arch)
    for name in random.Random(5).sample(sorted(table.keys() - unknown), 40):
        program, _ = compile_profile(
            only | {"syscalls": [{"names": [name], "action": "SCMP_ACT_ALLOW"}]}, arch
        )
        assert [other for other in table if run(program, arch, table[other], [0] * 6) == RET_ALLOW] == [name]


def test_kills_every_other_abi(arch: str) -> None:
    program, _ = compile_profile(shipped(arch), arch)
    (other,) = AUDIT_ARCH.keys() - {arch}
    assert run(program, other, numbers(other)["read"], [0] * 6) == RET_KILL


def test_only_calls_newer_than_the_library_are_left_out(arch: str) -> None:
    """The runtime answers ENOSYS for those. None of them may be one that programs cannot do without."""
    _, unknown = compile_profile(shipped(arch), arch)
    assert {numbers(arch)[name] for name in unknown - {"uprobe", "uretprobe"}} <= set(range(451, 600))


def test_fits_in_the_kernels_limit(arch: str) -> None:
    """4096 instructions; each one before the answer is paid for at every call."""
    program, _ = compile_profile(shipped(arch), arch)
    assert len(program) < 1500
