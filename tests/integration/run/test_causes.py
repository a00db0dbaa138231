"""Small programs that die in a dozen ways, and some that only say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

#: Name -> program, flags of `run`, exit status, reason, and whether it is only likely.
DEATHS: dict[str, tuple[str, tuple[str, ...], int, str, bool]] = {
    "well": ("true", (), 0, "ok", False),
    "with a status of its own": ("exit 3", (), 3, "nonzero", False),
    "of time": ("sleep 60", ("--timeout", "1"), 124, "timeout", False),
    "of memory": ("exec python3 -c 'x = bytearray(300 << 20)'", (), 137, "oom", False),
    "of a child's memory": ("python3 -c 'x = bytearray(300 << 20)'; exit 1", (), 1, "oom", False),
    "of too many processes": (
        "i=0; while [ $i -lt 80 ]; do sleep 5 & i=$((i + 1)); done 2>/dev/null; exit 9",
        (),
        2,
        "pids",
        False,
    ),
    "of a full tmpfs": ("dd if=/dev/zero of=/tmp/x bs=1M", (), 1, "disk-full", True),
    "of a read-only root": ("echo x >/etc/x", (), 2, "denied-write", True),
    "of a system call": ("unshare -U true", (), 1, "seccomp", True),
    "of too much output": ("yes", ("--max-output", "64k"), 137, "killed", False),
    "by its own hand": ("kill -9 $$", (), 137, "killed", True),
    "by a signal": ("kill -SEGV $$", (), 139, "killed", True),
}
#: They say what others die of, and exit as others do.
LIARS = {
    "killed": ("echo Killed >&2; exit 1", 1, "nonzero"),
    "124": ("echo timed out >&2; exit 124", 124, "nonzero"),
    "137": ("echo Killed: out of memory >&2; exit 137", 137, "killed"),
    "disk-full": ("echo /workspace/x: No space left on device >&2; exit 1", 1, "nonzero"),
    "denied": ("echo /workspace/x: Permission denied >&2; exit 1", 1, "nonzero"),
    "owner": ("chown 0:0 /workspace", 1, "nonzero"),
    "forks": ("echo fork: Resource temporarily unavailable >&2; exit 1", 1, "nonzero"),
}


@pytest.fixture(scope="module")
def small(new_sandbox: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox with little of everything."""
    made = new_sandbox()
    made.configure(docker={"memory": "128m", "memorySwap": "128m", "pidsLimit": 48})
    yield made
    made.remove_all()


def cause(sandbox: Sandbox, script: str, *flags: str) -> tuple[int, dict[str, Any]]:
    done = sandbox.run("sh", "-c", script, flags=["--json", *flags])
    found: dict[str, Any] = done.document
    return done.status, found


@pytest.mark.parametrize("way", [(), ("--rm",)], ids=["", "rm"])
@pytest.mark.parametrize("name", DEATHS)
def test_the_cause_of_death(small: Sandbox, name: str, way: tuple[str, ...]) -> None:
    script, flags, status, reason, likely = DEATHS[name]
    if name == "of a full tmpfs" and not way:
        script = f"{script}; status=$?; rm /tmp/x; exit $status"
    found = cause(small, script, *flags, *way)
    assert (found[0], found[1]["reason"], found[1]["likely"]) == (status, reason, likely), found[1]["message"]


@pytest.mark.parametrize("name", LIARS)
def test_who_only_says_so_is_not_believed(small: Sandbox, name: str) -> None:
    script, status, reason = LIARS[name]
    found = cause(small, script)
    assert (found[0], found[1]["reason"]) == (status, reason), found
