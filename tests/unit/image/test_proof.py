"""The judge of `setup --check`."""

from __future__ import annotations

import pytest

from openclaw_sandbox.image.proof import judge, script

GOOD = """\
uid 1000
gid 1000
root read-only
workspace writable
nnp 1
seccomp 2
capabilities 0000000000000000
network lo \nsetuid 0
tool bash GNU bash, version 5.2.15
tool rg ripgrep 13.0.0
"""


def failures(output: str) -> list[str]:
    return [item.name for item in judge(output, ["bash", "rg"]) if not item.ok]


def test_a_good_sandbox_passes() -> None:
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("uid 1000", "uid 0", "user"),
        ("root read-only", "root writable", "root file system"),
        ("workspace writable", "workspace read-only", "workspace"),
        ("nnp 1", "nnp 0", "no new privileges"),
        ("seccomp 2", "seccomp 0", "system call filter"),
        ("capabilities 0000000000000000", "capabilities 00000000a80425fb", "capabilities"),
        ("network lo ", "network eth0 lo ", "network"),
        ("setuid 0", "setuid 7", "setuid files"),
        ("tool rg ripgrep 13.0.0", "tool rg sh: 1: rg: not found", "rg"),
        ("tool rg ripgrep 13.0.0", "tool rg", "rg"),
    ],
)
def test_each_broken_promise_is_found(old: str, new: str, name: str) -> None:
    assert failures(GOOD.replace(old, new)) == [name]


def test_silence_is_no_promise_kept() -> None:
    assert all(not item.ok for item in judge("", ["bash"]))


def test_the_script_asks_for_every_tool() -> None:
    assert "for tool in bash rg;" in script(["bash", "rg"])
    assert "for tool" not in script([])
