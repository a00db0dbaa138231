from __future__ import annotations

from typing import Any

import pytest

from openclaw_sandbox.policy import limits
from openclaw_sandbox.policy.findings import Findings
from openclaw_sandbox.policy.limits import MIB
from openclaw_sandbox.policy.model import Severity, Tmpfs, Ulimit


def _memory(memory: Any, swap: Any = None) -> tuple[tuple[int | None, int | None], list[str]]:
    notes = Findings()
    found = limits.memory_limits(memory, swap, origins={}, notes=notes)
    return found, [f"{finding.severity.value} {finding.code}" for finding in notes.found]


@pytest.mark.parametrize(
    ("memory", "swap", "found", "codes"),
    [
        (None, None, (2048 * MIB, 2048 * MIB), []),
        ("", None, (2048 * MIB, 2048 * MIB), []),
        ("512m", None, (512 * MIB, 512 * MIB), []),
        (536870912, " ", (512 * MIB, 512 * MIB), []),
        ("1g", "2g", (1024 * MIB, 2048 * MIB), []),
        ("1g", 0, (1024 * MIB, 1024 * MIB), []),
        ("1g", -1, (1024 * MIB, -1), ["warning weak.swap"]),
        (None, "-1", (2048 * MIB, -1), ["warning weak.swap"]),
        (None, "512m", (512 * MIB, 512 * MIB), []),
        (None, "4g", (2048 * MIB, 4096 * MIB), []),
        (0, "4g", (None, None), ["warning weak.memory"]),
        ("1g", "512m", (1024 * MIB, 512 * MIB), ["error limit.swap"]),
        ("5m", None, (5 * MIB, 5 * MIB), ["error limit.memory"]),
        ("lots", None, (2048 * MIB, 2048 * MIB), ["error limit.size"]),
        ("1g", "some", (1024 * MIB, 1024 * MIB), ["error limit.size"]),
        (-5, None, (2048 * MIB, 2048 * MIB), ["error limit.size"]),
    ],
)
def test_memory(memory: Any, swap: Any, found: tuple[int, int], codes: list[str]) -> None:
    assert _memory(memory, swap) == (found, codes)


def _tmpfs(*entries: str, workdir: str = "/workspace") -> tuple[tuple[Tmpfs, ...], list[str]]:
    notes = Findings()
    found = limits.tmpfs_mounts(entries, workdir=workdir, origin=None, notes=notes)
    return found, [f"{finding.severity.value} {finding.code}" for finding in notes.found]


def test_tmpfs_gets_hard_options_and_a_size() -> None:
    found, codes = _tmpfs("/tmp", "/var/tmp/", "/run", "/x")
    assert codes == []
    sizes = {mount.destination: mount.options[-1] for mount in found}
    assert sizes == {
        "/tmp": "size=104857600",
        "/var/tmp": "size=52428800",
        "/run": "size=16777216",
        "/x": "size=67108864",
    }
    assert all(mount.options[:3] == ("noexec", "nosuid", "nodev") for mount in found)


def test_tmpfs_keeps_what_the_entry_says() -> None:
    found, codes = _tmpfs("/tmp:size=64m,exec,mode=1770,ro")
    assert found[0].options == ("nosuid", "nodev", "size=67108864", "exec", "mode=1770", "ro")
    assert codes == ["warning weak.tmpfs"]


def test_the_last_entry_for_a_path_counts() -> None:
    found, _ = _tmpfs("/tmp:size=1m", "/tmp:size=2m")
    assert [mount.options[-1] for mount in found] == ["size=2097152"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("tmp", "tmpfs.path"),
        ("/", "tmpfs.path"),
        ("/agent", "tmpfs.path"),
        ("/workspace", "tmpfs.path"),
        ("/tmp:size=", "limit.size"),
        ("/tmp:size=lots", "limit.size"),
        ("/tmp:bind", "tmpfs.option"),
        ("/tmp:uid=x", "tmpfs.option"),
    ],
)
def test_tmpfs_that_cannot_be(entry: str, code: str) -> None:
    assert _tmpfs(entry)[1] == [f"error {code}"]


def test_a_percentage_is_left_to_the_kernel() -> None:
    assert _tmpfs("/tmp:size=10%")[0][0].options[-1] == "size=10%"


def _ulimits(entries: dict[str, Any]) -> tuple[dict[str, Ulimit], list[str]]:
    notes = Findings()
    found = limits.ulimits(entries, origins={}, notes=notes)
    return {limit.name: limit for limit in found}, [finding.code for finding in notes.found]


def test_default_ulimits() -> None:
    found, _ = _ulimits({})
    assert found == {limit.name: limit for limit in limits.DEFAULT_ULIMITS}


@pytest.mark.parametrize(
    ("value", "soft", "hard"),
    [
        (256, 256, 256),
        ("0", 0, 0),
        ("64:128", 64, 128),
        (" -1 ", -1, -1),
        ("5:-1", 5, -1),
        ({"soft": 64}, 64, 64),
        ({"hard": 64}, 64, 64),
        ({"soft": 1, "hard": 2}, 1, 2),
        ({"soft": -5, "hard": 2}, 0, 2),
    ],
)
def test_ulimit_forms(value: Any, soft: int, hard: int) -> None:
    found, codes = _ulimits({"nproc": value})
    assert found["nproc"] == Ulimit(name="nproc", soft=soft, hard=hard)
    assert codes == []


@pytest.mark.parametrize("entries", [{" ": 1}, {"nproc": {}}])
def test_blank_ulimits_say_nothing(entries: dict[str, Any]) -> None:
    found, codes = _ulimits(entries)
    assert "nproc" not in found
    assert codes == []


@pytest.mark.parametrize(
    "entries", [{"colour": 1}, {"nproc": "x"}, {"nproc": "9:5"}, {"nproc": "-1:5"}, {"nproc": 1.5}]
)
def test_ulimits_that_cannot_be(entries: dict[str, Any]) -> None:
    assert _ulimits(entries)[1] == ["limit.ulimit"]


def test_every_finding_here_that_refuses_says_what_to_do() -> None:
    notes = Findings()
    limits.memory_limits("x", "y", origins={}, notes=notes)
    limits.ulimits({"colour": 1}, origins={}, notes=notes)
    assert all(finding.hint for finding in notes.found if finding.severity is Severity.ERROR)
