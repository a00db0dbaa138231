"""The shipped profiles: what their structure must be, whatever the list says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles import ALLOW, ARCHITECTURES, SECCOMP, decide, generator, numbers, shipped

EPERM, ENOSYS = 1, 38

#: Libraries try these and take an older way when told ENOSYS; any other refusal breaks them.
PROBED = """
    arch_prctl clone3 faccessat2 openat2 close_range fchmodat2 epoll_pwait2 futex_waitv pidfd_open
    pidfd_send_signal membarrier rseq statx statmount listmount cachestat copy_file_range io_uring_setup
    io_uring_enter io_uring_register memfd_secret userfaultfd map_shadow_stack process_madvise getrandom
    landlock_create_ruleset renameat2 preadv2 pwritev2 memfd_create execveat mseal
"""

pytestmark = pytest.mark.parametrize("arch", ARCHITECTURES)


def rules(arch: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shipped(arch)["syscalls"]
    return found


def test_is_what_the_list_says(arch: str) -> None:
    wanted = generator().generate()
    path = SECCOMP / f"openclaw-sandbox.{arch}.json"
    assert path.read_text(encoding="utf-8") == wanted[path], "run python3 seccomp/generate.py"


def test_has_the_native_abi_only(arch: str) -> None:
    """A second ABI has other numbers: 32-bit socketcall would undo the filter on socket."""
    profile = shipped(arch)
    assert profile["architectures"] == [f"SCMP_ARCH_{arch.upper()}"]
    assert "archMap" not in profile


def test_refuses_what_it_does_not_name(arch: str) -> None:
    profile = shipped(arch)
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", EPERM)


def test_decides_every_call_of_the_architecture_and_no_other(arch: str) -> None:
    named = {name for rule in rules(arch) for name in rule["names"]}
    assert named == numbers(arch).keys()


def test_compares_masked_words_only(arch: str) -> None:
    """NE, LT, GT and a 64-bit EQ look at bits that the kernel drops."""
    for rule in rules(arch):
        for condition in rule.get("args", ()):
            assert condition["op"] == "SCMP_CMP_MASKED_EQ"
            assert condition["value"] < 1 << 32
            assert condition["valueTwo"] & ~condition["value"] == 0


def test_no_rule_has_two_conditions_on_one_argument(arch: str) -> None:
    """runc makes two rules of it, which means "or"."""
    for rule in rules(arch):
        indexes = [condition["index"] for condition in rule.get("args", ())]
        assert len(set(indexes)) == len(indexes)


def test_no_name_has_both_a_plain_and_a_filtered_rule(arch: str) -> None:
    """The plain one would win, whichever comes first."""
    plain = [name for rule in rules(arch) if "args" not in rule for name in rule["names"]]
    filtered = {name for rule in rules(arch) if "args" in rule for name in rule["names"]}
    assert len(set(plain)) == len(plain)
    assert not filtered & set(plain)


def test_filters_only_ever_allow(arch: str) -> None:
    """A filtered refusal with the default's errno is dropped by runc."""
    assert {rule["action"] for rule in rules(arch) if "args" in rule} == {"SCMP_ACT_ALLOW"}


def test_what_is_probed_for_is_there_or_absent(arch: str) -> None:
    here = numbers(arch)
    refused = {
        name for name in PROBED.split() if name in here and decide(shipped(arch), name) not in (ALLOW, ENOSYS)
    }
    assert refused == set()


def test_nothing_depends_on_capabilities(arch: str) -> None:
    """Docker's own profile opens mount, bpf and more to a container that keeps a capability."""
    keys = {key for rule in rules(arch) for key in rule}
    assert keys == {"names", "action", "args", "errnoRet"}


@pytest.mark.parametrize(
    "name",
    [
        "mount",
        "pivot_root",
        "unshare",
        "setns",
        "ptrace",
        "bpf",
        "keyctl",
        "finit_module",
        "open_by_handle_at",
    ],
)
def test_refuses_what_no_sandbox_needs(arch: str, name: str) -> None:
    assert decide(shipped(arch), name) == EPERM
