"""What is left of a run after its marked processes were killed, and whose it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.lifecycle.reaper import (
    Belongs,
    Process,
    Verdict,
    find_entry,
    is_hidden,
    judge,
    parse_processes,
)

BEFORE, SINCE, LATER = 900, 1000, 1100


def process(pid: int, ppid: int, start: int = LATER, belongs: Belongs = Belongs.NOBODY) -> Process:
    return Process(pid=pid, ppid=ppid, start=start, belongs=belongs)


def claims(pid: int, ppid: int, mark: str = "", start: int = LATER) -> Process:
    """A process that carries another run's mark, or says so."""
    return Process(pid=pid, ppid=ppid, start=start, belongs=Belongs.ANOTHER_RUN, mark=mark)


INIT, KEEPER = process(1, 0, BEFORE), process(7, 1, BEFORE)
#: A container that was only just started for this run: init and keeper are no older than it.
NEW_INIT, NEW_KEEPER = process(1, 0, SINCE), process(7, 1, SINCE)

CLEAN = (Verdict.CLEAN, ())
DOUBT = (Verdict.DOUBT, ())


def strays(*pids: int) -> tuple[Verdict, tuple[int, ...]]:
    return Verdict.STRAYS, pids


@pytest.mark.parametrize(
    ("others", "alone", "entry", "verdict"),
    [
        # Nothing but the container's own two.
        ([], True, None, CLEAN),
        ([], False, None, CLEAN),
        # A marked one survived every round of killing.
        ([process(20, 0, belongs=Belongs.THIS_RUN)], True, None, DOUBT),
        ([process(20, 0, belongs=Belongs.THIS_RUN)], False, 20, DOUBT),
        # Orphans without the mark: `env -i setsid sleep`.
        ([process(20, 1)], True, None, strays(20)),
        ([process(20, 1), process(21, 20)], True, None, strays(20, 21)),
        # With another command in the container it could be that one's.
        ([process(20, 1)], False, None, DOUBT),
        # Older than the run: somebody's background process from before.
        ([process(20, 1, BEFORE)], True, None, CLEAN),
        ([process(20, 1, BEFORE)], False, None, CLEAN),
        # Other runs', by their mark.
        ([claims(20, 0, "aa")], False, None, CLEAN),
        ([claims(20, 0, "aa"), claims(21, 1, "aa")], False, None, CLEAN),
        ([claims(20, 1, "aa", BEFORE)], True, None, CLEAN),
        # A mark that no living run has: any program can write itself one.
        ([claims(20, 1, "aa")], True, None, strays(20)),
        ([claims(20, 1)], True, None, strays(20)),
        ([claims(20, 0, "aa"), claims(21, 1, "bb"), claims(22, 1)], False, None, strays(21, 22)),
        ([claims(20, 0, "aa"), claims(21, 1, "bb"), process(22, 1)], False, None, DOUBT),
        # Entered from outside (`docker exec`), and what it started.
        ([process(20, 0), process(21, 20), process(22, 21)], False, None, CLEAN),
        ([process(20, 0, BEFORE), process(21, 20)], False, None, CLEAN),
        # This run's first process, which gave up its mark: `exec env -i sleep`.
        ([process(20, 0), process(21, 20)], False, 20, strays(20, 21)),
        ([process(20, 0), process(30, 0), process(31, 30)], False, 30, strays(30, 31)),
        ([process(20, 0, belongs=Belongs.ANOTHER_RUN)], False, 20, strays(20)),
        # A parent that is not in the table any more counts as outside.
        ([process(21, 20)], False, None, CLEAN),
        ([process(21, 20)], True, None, strays(21)),
    ],
)
def test_whose_they_are(
    others: list[Process], alone: bool, entry: int | None, verdict: tuple[Verdict, tuple[int, ...]]
) -> None:
    assert judge([INIT, KEEPER, *others], since=SINCE, alone=alone, entry=entry) == verdict


def test_the_keeper_of_a_new_container_is_spared() -> None:
    assert judge([NEW_INIT, NEW_KEEPER], since=SINCE, alone=True) == CLEAN
    found = judge([NEW_INIT, NEW_KEEPER, process(20, 1)], since=SINCE, alone=True)
    assert found == strays(20)


def test_a_keeper_without_an_init_is_pid_1() -> None:
    assert judge([NEW_INIT], since=SINCE, alone=True) == CLEAN


def test_a_table_that_changed_while_it_was_read_ends_too() -> None:
    circle = [process(20, 21), process(21, 20)]
    assert judge([INIT, KEEPER, *circle], since=SINCE, alone=False)[0] in Verdict


tables = st.lists(
    st.builds(
        Process,
        pid=st.integers(2, 40),
        ppid=st.integers(0, 40),
        start=st.sampled_from([BEFORE, SINCE, LATER]),
        belongs=st.sampled_from(Belongs),
    ),
    unique_by=lambda p: p.pid,
    max_size=12,
)


@given(table=tables, alone=st.booleans())
def test_laws(table: list[Process], alone: bool) -> None:
    processes = [INIT, *table]
    verdict, pids = judge(processes, since=SINCE, alone=alone)
    by_pid = {p.pid: p for p in processes}
    assert bool(pids) is (verdict is Verdict.STRAYS)
    assert 1 not in pids
    assert all(by_pid[pid].start >= SINCE for pid in pids)
    if any(p.belongs is Belongs.THIS_RUN for p in processes):
        assert verdict is Verdict.DOUBT
    if not alone:
        claimants = all(by_pid[pid].belongs is Belongs.ANOTHER_RUN for pid in pids)
        assert claimants, "with others in the container nobody unmarked is killed"


# ---- the helper's table


def test_the_table_is_read() -> None:
    assert parse_processes(b"1 0 900 0 -\n7 1 900 0 -\n20 0 1100 2 -\n21 20 1101 1 a0\n") == [
        process(1, 0, 900),
        process(7, 1, 900),
        process(20, 0, 1100, Belongs.THIS_RUN),
        claims(21, 20, "a0", 1101),
    ]


@pytest.mark.parametrize(
    "output",
    [
        *(b"", b"7 1 900 0 -\n", b"1 0 900 0\n", b"1 0 900 0 - 0\n", b"1 0 900 3 -\n", b"1 0 900 -1 -\n"),
        *(b"1 0 x 0 -\n", b"sh: 1: Cannot fork\n", b"1 0 900 0 -\nsh: not found\n", b"\xff\xfe\n"),
        b"1 0 9\xc2\xb2 0 -\n",
    ],
)
def test_what_is_no_table_is_refused(output: bytes) -> None:
    assert parse_processes(output) is None


@given(st.binary(max_size=200))
def test_no_output_breaks_it(output: bytes) -> None:
    found = parse_processes(output)
    assert found is None or any(p.pid == 1 for p in found)


# ---- this run's first process, by what the host knows of it

STATUS = "Name:\tsleep\nPid:\t4711\nNSpid:\t4711\t20\nThreads:\t1\n"
STAT = f"4711 (sl) eep) S 4690 4711 4711 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 {LATER} 2500000 250 0\n"
TABLE = [INIT, KEEPER, process(20, 0, LATER), process(21, 20, LATER)]


def test_the_entry_is_found_by_number_and_start() -> None:
    assert find_entry(TABLE, STATUS, STAT) == 20


@pytest.mark.parametrize(
    ("status", "stat"),
    [
        (STATUS.replace("20\n", "22\n"), STAT),
        (STATUS.replace("20\n", "21\n"), STAT),  # not entered from outside
        (STATUS, STAT.replace(str(LATER), str(LATER + 1))),  # another process with that number
        ("Name:\tsleep\n", STAT),
        (STATUS, ""),
        (STATUS, "4711 (sleep) S 1 2 3\n"),
        ("", ""),
    ],
)
def test_anything_else_is_not_the_entry(status: str, stat: str) -> None:
    assert find_entry(TABLE, status, stat) is None


@pytest.mark.parametrize(
    ("table", "status", "stat", "hidden"),
    [
        (TABLE, STATUS, STAT, False),
        (TABLE[:2], STATUS, STAT, True),
        ([*TABLE[:2], process(20, 0, BEFORE)], STATUS, STAT, True),  # another one of that number
        (TABLE[:2], STATUS, STAT.replace(") S ", ") Z "), False),
        (TABLE[:2], STATUS, STAT.replace(str(LATER), str(BEFORE)), False),
        (TABLE[:2], STATUS, STAT.replace(str(LATER), "1300"), False),  # younger than the table
        (TABLE[:2], "NSpid:\t4711\n", STAT, False),  # of this host itself
        (TABLE[:2], STATUS, "", False),
    ],
)
def test_what_the_helper_must_have_seen(table: list[Process], status: str, stat: str, hidden: bool) -> None:
    assert is_hidden(table, status, stat, since=SINCE, until=1200) is hidden
