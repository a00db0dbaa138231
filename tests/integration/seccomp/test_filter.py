"""The shipped profile on a real engine: ordinary work runs, and what must fail does, for the right reason."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.spec.seccomp import profile_json
from tests.integration.seccomp import calls
from tests.integration.seccomp.bench import HERE, UNCONFINED, allowing, without
from tests.integration.seccomp.calls import MACHINE, Call

if TYPE_CHECKING:
    from tests.integration.seccomp.bench import Bench

pytestmark = pytest.mark.engine

#: The newest call that every supported runtime's libseccomp knows by name. Later ones are left out of its
#: filter, and runc answers ENOSYS for them whatever the profile says.
KNOWN_EVERYWHERE = 450

#: The kernel lets its own trampolines through before it asks any filter.
PASSED_BY_THE_KERNEL = {"uprobe", "uretprobe"}

#: What a kernel says of a call or a protocol that it was built without: such a row proves nothing here.
NOT_BUILT_IN = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT"}

#: Rows that must be able to fail on any kernel: each answers differently as soon as the filter is gone.
MUST_DISCRIMINATE = {
    "clone3", "io_uring_setup", "mount", "pivot_root", "unshare", "setns", "ptrace", "bpf", "keyctl",
    "reboot", "open_by_handle_at", "process_vm_readv", "perf_event_open", "settimeofday",
    "socket NETLINK_AUDIT", "clone NEWUSER", "clone NEWUSER, high bits",
    "personality ADDR_NO_RANDOMIZE, high bits",
    "ioctl TIOCSTI", "ioctl TIOCSTI, high bits", "mknodat block device",
    "mknodat block device, high bits",
}  # fmt: skip


def sample(names: list[str], count: int) -> list[str]:
    """The same few every time; all of them in a soak."""
    if os.environ.get("OPENCLAW_SANDBOX_SOAK") == "1":
        return names
    return sorted(random.Random(20).sample(names, count))


def needed_by_workloads() -> list[str]:
    """Calls whose loss breaks a workload, as measured by taking away each allowed one in turn."""
    return (HERE / "needed.txt").read_text(encoding="utf-8").split()


def wrong_answers(rows: list[Call], answers: dict[str, str], kernel: dict[str, str]) -> dict[str, str]:
    wrong = {}
    for row in rows:
        right = {kernel[row.id]} if row.passes else {row.refusal}
        if row.number > KNOWN_EVERYWHERE:
            right.add("ENOSYS")
        if answers.get(row.id) not in right:
            wrong[row.id] = f"{answers.get(row.id)}, not {' or '.join(sorted(right))}"
    return wrong


def test_every_call_is_answered_as_the_list_says(bench: Bench, filtered: dict[str, str]) -> None:
    kernel = bench.raw(UNCONFINED)
    assert wrong_answers([*calls.by_name(), *calls.by_argument()], filtered, kernel) == {}


def test_capabilities_change_no_answer(bench: Bench, profile: str, unfiltered: dict[str, str]) -> None:
    """The engine's own profile opens calls to a container that keeps a capability; ours does not."""
    answers = bench.raw(profile, mighty=True)
    assert wrong_answers([*calls.by_name(), *calls.by_argument()], answers, unfiltered) == {}


def test_each_refusal_is_the_filters_and_not_the_kernels(unfiltered: dict[str, str]) -> None:
    """The control: without the filter the same call gets another answer, or this kernel lacks the feature."""
    refused = [row for row in (*calls.by_name(), *calls.by_argument()) if not row.passes]
    silent = {row.id for row in refused if unfiltered[row.id] == row.refusal}
    assert {row.id for row in refused if unfiltered[row.id] == "EPERM"} == set()
    assert {unfiltered[row] for row in silent} <= NOT_BUILT_IN
    assert not silent & MUST_DISCRIMINATE


def test_ordinary_work_runs(work: tuple[set[str], str]) -> None:
    passed, output = work
    assert "".join(line for line in output.splitlines(keepends=True) if not line.endswith(" 0\n")) == ""
    assert len(passed) == output.count(" 0\n") > 40


@pytest.mark.parametrize("row", calls.other_abis(), ids=lambda row: row.id)
def test_another_abi_kills(filtered: dict[str, str], unfiltered: dict[str, str], row: Call) -> None:
    """32-bit calls have numbers and arguments of their own, so none may be made."""
    sigsegv_without_support = {"signal 11"} & {unfiltered[row.id]}
    assert filtered[row.id] in {"signal 31", *sigsegv_without_support}


def test_blocked_syscalls_are_refused_and_no_other(bench: Bench, unfiltered: dict[str, str]) -> None:
    blocked = {"mkdirat", "symlinkat", "sendfile", "io_setup"}
    answers = bench.raw(profile_json(MACHINE, blocked=blocked), mighty=True)
    assert {name: answers[name] for name in blocked} == dict.fromkeys(blocked, "EPERM")
    rest = [row for row in calls.by_name() if row.id not in blocked]
    assert wrong_answers(rest, answers, unfiltered) == {}


@pytest.mark.parametrize("name", sample(needed_by_workloads(), 5))
def test_without_an_allowed_call_some_work_fails(
    bench: Bench, profile: str, work: tuple[set[str], str], name: str
) -> None:
    passed, _ = bench.workloads(without(profile, name))
    assert work[0] - passed


@pytest.mark.parametrize("name", sample([row.id for row in calls.by_name() if row.passes], 4))
def test_without_an_allowed_call_its_row_flips(
    bench: Bench, profile: str, unfiltered: dict[str, str], name: str
) -> None:
    """Every allowed call, also those that no workload needs; without some of them nothing runs at all."""
    answers = bench.raw(without(profile, name), mighty=True)
    row = next(row for row in calls.by_name() if row.id == name)
    if row.number <= KNOWN_EVERYWHERE and name not in PASSED_BY_THE_KERNEL:
        assert answers.get(name) != unfiltered[name]


@pytest.mark.parametrize("name", sample([row.id for row in calls.by_name() if not row.passes], 6))
def test_with_a_refused_call_allowed_a_row_flips(
    bench: Bench, profile: str, unfiltered: dict[str, str], name: str
) -> None:
    answers = bench.raw(allowing(profile, name), mighty=True)
    row = next(row for row in calls.by_name() if row.id == name)
    if unfiltered[name] in NOT_BUILT_IN or row.number > KNOWN_EVERYWHERE:
        assert answers[name] in NOT_BUILT_IN
    else:
        assert answers[name] == unfiltered[name] != row.refusal


@pytest.mark.parametrize("call", ["socket", "socketpair", "clone", "personality", "ioctl", "mknodat"])
def test_without_its_conditions_a_filter_lets_through(
    bench: Bench, profile: str, unfiltered: dict[str, str], call: str
) -> None:
    answers = bench.raw(allowing(profile, call), mighty=True)
    rows = [row for row in calls.by_argument() if row.id.split()[0] == call and not row.passes]
    assert {row.id: answers[row.id] for row in rows} == {row.id: unfiltered[row.id] for row in rows}
    assert any(answers[row.id] != row.refusal for row in rows)


def test_a_profile_with_a_refusal_beside_its_filter_would_open_it(
    bench: Bench, profile: str, unfiltered: dict[str, str]
) -> None:
    """Why the profile never says "all but": the obvious way to write it allows everything."""
    document = json.loads(without(profile, "ioctl"))
    conditions = [{"index": 1, "value": value, "op": "SCMP_CMP_NE"} for value in (0x5412, 0x541C)]
    document["syscalls"].append({"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": conditions})
    answers = bench.raw(json.dumps(document), mighty=True)
    assert answers["ioctl TIOCSTI"] == unfiltered["ioctl TIOCSTI"] == "EBADF"
