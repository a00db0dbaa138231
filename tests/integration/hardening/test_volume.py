"""`workspace_volume: loop` for real: as root, on loop devices of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.lifecycle import loop_image
from tests.integration.sandbox import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sandbox import Sandbox
    from tests.tool import Done

pytestmark = pytest.mark.engine

MIB = 1 << 20
LIMITED = {"workspace_volume": "loop", "resource_limits": {"disk": "32mb"}}


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Iterator[Sandbox]:
    """One whose volumes are gone at the end, whatever the test left."""
    assert loop_image.why_no_loop() == "", "these tests need root and loop devices"
    yield sandbox
    sandbox.remove_all()
    for folder in (sandbox.tool.state / "sandboxes").glob("*"):
        if loop_image.image_at(folder) is not None:
            loop_image.unmount(folder)
    assert str(sandbox.tool.home) not in Path("/proc/mounts").read_text()
    eventually(
        lambda: str(sandbox.tool.home) not in _loops()
    )  # the kernel lets go when the last mount is gone


def _loops() -> str:
    return subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout


def _write(sandbox: Sandbox, **block: Any) -> None:
    (sandbox.tool.state / "config.yml").write_text(json.dumps({"sandbox": block}, indent=1))


def _image(sandbox: Sandbox) -> Path:
    return sandbox.tool.state / "sandbox" / "volumes" / f"{sandbox.workspace.name}.img"


def _said(done: Done) -> str:
    return " ".join(done.said.split())


def _files(sandbox: Sandbox) -> list[str]:
    """What lies in the folder of volumes."""
    return sorted(path.name for path in _image(sandbox).parent.iterdir())


def _fill(sandbox: Sandbox, *, size_mib: int, name: str = "big") -> Done:
    return sandbox.run("dd", "if=/dev/urandom", f"of={name}", "bs=1M", f"count={size_mib}")


def test_the_workspace_holds_no_more_than_the_limit(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    done = _fill(sandbox, size_mib=40)
    assert done.status == 1
    assert "no space left in /workspace, a volume of 32 MiB" in _said(done)
    assert "config.yml:5 sandbox.resource_limits.disk)" in _said(done)
    assert sum(path.stat().st_size for path in sandbox.workspace.iterdir()) < 32 * MIB
    found = _image(sandbox).stat()
    assert (found.st_size, found.st_mode & 0o777, found.st_uid) == (32 * MIB, 0o600, 0)
    options = next(
        line for line in Path("/proc/mounts").read_text().splitlines() if str(sandbox.workspace) in line
    )
    assert {"nosuid", "nodev"} <= set(options.split()[3].split(","))
    (mount,) = [m for m in sandbox.inspect()["Mounts"] if m["Destination"] == "/workspace"]
    assert mount["Source"] == str(sandbox.workspace)


def test_the_cause_is_for_scripts_too(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    answer = sandbox.run("dd", "if=/dev/urandom", "of=/workspace/x", "bs=1M", "count=40", flags=["--json"])
    assert (answer.document["reason"], answer.document["key"]) == ("disk-full", "resource_limits.disk")


def test_no_more_files_than_it_has_inodes(sandbox: Sandbox) -> None:
    _write(sandbox, workspace_volume="loop", resource_limits={"disk": "16mb"})
    script = "for i in $(seq 20000); do : >f$i || exit 1; done"
    done = sandbox.run("sh", "-c", script)
    assert done.status != 0
    assert "a volume of 16 MiB" in _said(done)


def test_every_verb_says_which_means_holds(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    plan = sandbox.run("true", flags=["--dry-run"])
    assert "mount a volume of 32 MiB at" in _said(plan)
    assert not _image(sandbox).exists()
    assert "the workspace is a volume of its own" in _said(sandbox.run("true"))
    page = sandbox.tool("explain", "--all")
    assert "the workspace is a volume of its own" in " ".join(page.text.split())
    assert "config.yml:3" in sandbox.tool("explain", "--key", "workspace_volume").text
    checks = sandbox.tool("doctor", "--json").document["checks"]
    (told,) = [check["message"] for check in checks if check["id"] == "config.disk"]
    assert "the workspace is a volume of its own" in told


def test_verify_tries_to_fill_it(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    sandbox.configure(mode="all")
    done = sandbox.tool("verify", "--fresh", "--only", "rs.disk-workspace", "--json")
    assert done.status == 0, done.said
    (probe,) = done.document["probes"]
    assert (probe["verdict"], probe["expected"]) == ("blocked", "blocked")
    assert "a volume of 32 MiB" in probe["evidence"]


def test_what_is_there_goes_into_it(sandbox: Sandbox) -> None:
    assert (
        sandbox.run(
            "sh", "-c", "mkdir d && echo kept >d/f && ln d/f hard && ln -s d/f soft && chmod 700 ."
        ).status
        == 0
    )
    _write(sandbox, **LIMITED)
    done = sandbox.run("sh", "-c", "cat hard soft; stat -c '%a %u' . d/f; ls -A; echo more >>d/f; cat hard")
    assert done.text.split() == [
        *("kept", "kept", "700", "1000", "644", "1000"),
        "d",
        "hard",
        "soft",
        "kept",
        "more",
    ]
    assert _files(sandbox) == [_image(sandbox).name]


def test_what_does_not_fit_stays_where_it_is(sandbox: Sandbox) -> None:
    assert _fill(sandbox, size_mib=31).status == 0
    for limit in ("31mb", "20mb"):  # the second one cannot work, the first one leaves no room for tables
        _write(sandbox, workspace_volume="loop", resource_limits={"disk": limit})
        done = sandbox.run("true")
        assert done.status == 125
        assert "does not fit into a volume of" in _said(done)
        assert "sandbox.resource_limits.disk" in _said(done)
        assert (sandbox.workspace / "big").stat().st_size == 31 * MIB
        assert _files(sandbox) == []
    _write(sandbox)
    assert sandbox.run("ls").text == "big\n"


def test_after_a_reboot_it_is_mounted_again(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("sh", "-c", "echo kept >f").status == 0
    made = sandbox.inspect()["Id"]
    sandbox.api.stop(sandbox.name, timeout=0)
    loop_image.unmount(sandbox.workspace)
    assert sandbox.workspace.stat().st_mode & 0o777 == 0
    assert sandbox.run("cat", "f").text == "kept\n"
    assert sandbox.inspect()["Id"] == made


def test_a_sandbox_that_was_started_without_it_is_not_used(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("sh", "-c", "echo kept >f").status == 0
    sandbox.api.stop(sandbox.name, timeout=0)
    loop_image.unmount(sandbox.workspace)
    sandbox.api.start(sandbox.name)  # as somebody else would
    done = sandbox.run("cat", "f")
    assert done.text == "kept\n", done.said


def test_a_command_in_the_old_workspace_is_waited_for(sandbox: Sandbox) -> None:
    running = sandbox.start("sh", "-c", "echo on >f; cat >/dev/null")
    try:
        eventually(lambda: (sandbox.workspace / "f").exists())
        _write(sandbox, **LIMITED)
        done = sandbox.run("true")
        assert done.status == 125
        assert "A command runs in" in _said(done)
        assert not _image(sandbox).exists()
    finally:
        running.communicate()
    assert sandbox.run("cat", "f").text == "on\n"
    assert _image(sandbox).exists()


@pytest.mark.parametrize("limit", ["64mb", "24mb"])
def test_another_limit_makes_it_larger_or_smaller(limit: str, sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert _fill(sandbox, size_mib=8).status == 0
    _write(sandbox, workspace_volume="loop", resource_limits={"disk": limit})
    done = sandbox.run("sh", "-c", "stat -c %s big; df -k --output=size . | tail -1")
    size, blocks = map(int, done.text.split())
    wanted = int(limit[:-2])
    assert size == 8 * MIB
    assert wanted * 0.7 < blocks / 1024 < wanted
    assert _image(sandbox).stat().st_size == wanted * MIB
    assert _files(sandbox) == [_image(sandbox).name]


def test_a_limit_below_what_it_holds_is_refused(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert _fill(sandbox, size_mib=20).status == 0
    _write(sandbox, workspace_volume="loop", resource_limits={"disk": "16mb"})
    done = sandbox.run("true")
    assert done.status == 125
    assert "holds 20 MiB, which does not fit into a volume of 16 MiB" in _said(done)
    assert _image(sandbox).stat().st_size == 32 * MIB
    _write(sandbox, **LIMITED)
    assert sandbox.run("rm", "big").status == 0


def test_a_command_that_runs_keeps_the_old_size(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    running = sandbox.start("sh", "-c", "echo on >f; cat >/dev/null")
    try:
        eventually(lambda: (sandbox.workspace / "f").exists())
        _write(sandbox, workspace_volume="loop", resource_limits={"disk": "64mb"})
        assert sandbox.run("cat", "f", flags=["--on-busy", "use"]).text == "on\n"
        assert _image(sandbox).stat().st_size == 32 * MIB
    finally:
        running.communicate()
    assert sandbox.run("cat", "f").text == "on\n"
    assert _image(sandbox).stat().st_size == 64 * MIB


def test_what_was_once_a_volume_stays_one(sandbox: Sandbox) -> None:
    """The files are in it: without the key they would seem to be lost after the next reboot."""
    _write(sandbox, **LIMITED)
    assert sandbox.run("sh", "-c", "echo kept >f").status == 0
    sandbox.api.stop(sandbox.name, timeout=0)
    loop_image.unmount(sandbox.workspace)
    _write(sandbox)
    assert sandbox.run("cat", "f").text == "kept\n"


def test_recreate_leaves_it_and_prune_removes_it(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    session = "agent:main:gone"
    sandbox.configure(scope="session")
    assert sandbox.run("touch", "f", flags=["--session", session]).status == 0
    (image,) = _image(sandbox).parent.iterdir()
    folder = sandbox.workspace.parent / image.stem
    assert sandbox.tool("recreate", "--session", session, "--force").status == 0
    assert (folder / "f").exists()
    planned = sandbox.tool("prune", "--workspaces", "--dry-run")
    assert str(folder) in planned.text, planned.said
    assert (folder / "f").exists()
    done = sandbox.tool("prune", "--workspaces", "--json")
    assert done.status == 0, done.said
    (removed,) = done.document["removed"]
    assert (removed["kind"], removed["name"]) == ("workspace", str(folder))
    assert removed["bytes"] > MIB
    assert not image.exists()
    assert not folder.exists()


def test_a_volume_without_a_folder_is_pruned_too(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("true").status == 0
    lost = _image(sandbox).with_name("agent-gone-x-00000000.img")
    lost.write_bytes(b"x")
    done = sandbox.tool("prune", "--workspaces")
    assert str(lost) in done.text, done.said
    assert _files(sandbox) == [_image(sandbox).name]


def test_many_first_uses_at_once_make_one(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    done: list[Done] = []
    threads = [
        threading.Thread(target=lambda n=number: done.append(sandbox.run("touch", f"f{n}")))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.status for one in done] == [0] * 4, [one.said for one in done]
    assert sandbox.run("ls").text.split() == ["f0", "f1", "f2", "f3"]
    assert len([line for line in _loops().splitlines() if str(_image(sandbox)) in line]) == 1


#: Dies at the first call of a function of the tool's own, or right after it.
_DIE = """
import os, sys
from openclaw_sandbox.lifecycle import {module} as module
whole = module.{name}
def die(*args, **named):
    {after}
    os.kill(os.getpid(), 9)
module.{name} = die
from openclaw_sandbox.__main__ import main
main()
"""
_POINTS = [
    ("volume_work", "_fill", True),
    ("volume_work", "_set_aside", True),
    ("volume_work", "_sync", False),
    ("volume_work", "_mount", True),
    ("loop_image", "mount_image", True),
]


@pytest.mark.parametrize(("module", "name", "after"), _POINTS)
def test_killed_at_any_point_nothing_is_lost(module: str, name: str, after: bool, sandbox: Sandbox) -> None:
    assert sandbox.run("sh", "-c", "mkdir d && echo kept >d/f").status == 0
    _write(sandbox, **LIMITED)
    _run_and_die(module, name, after, sandbox)
    assert sandbox.run("cat", "d/f").text == "kept\n"
    assert sandbox.run("df", "--output=source", ".").text.split()[-1].startswith("/dev/loop")
    assert _files(sandbox) == [_image(sandbox).name]


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [("volume_work", "_fill", True), ("loop_image", "unmount", True), ("volume_work", "_mount", False)],
)
def test_killed_while_it_grows_nothing_is_lost(module: str, name: str, after: bool, sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("sh", "-c", "mkdir d && echo kept >d/f").status == 0
    _write(sandbox, workspace_volume="loop", resource_limits={"disk": "48mb"})
    _run_and_die(module, name, after, sandbox)
    assert sandbox.run("cat", "d/f").text == "kept\n"
    assert _image(sandbox).stat().st_size == 48 * MIB
    assert _files(sandbox) == [_image(sandbox).name]


#: mkfs works here, mount does not: as in a container that may mount nothing.
_NO_MOUNT = """
from openclaw_sandbox.lifecycle import loop_image
def refuse(*args, **named):
    raise loop_image.LoopError("mount: permission denied")
loop_image.mount_image = refuse
from openclaw_sandbox.__main__ import main
main()
"""


@pytest.mark.parametrize(("leave", "status"), [({}, 125), ({"allow_unenforced": ["workspace_volume"]}, 0)])
def test_where_mounting_fails_everything_is_as_it_was(
    leave: dict[str, Any], status: int, sandbox: Sandbox
) -> None:
    assert sandbox.run("sh", "-c", "mkdir d && echo kept >d/f").status == 0
    _write(sandbox, **LIMITED, **leave)
    env = {**os.environ, **sandbox.tool.env, "HOME": str(sandbox.tool.home)}
    command = [sys.executable, "-c", _NO_MOUNT, "run", "--", "cat", "d/f"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert "mount: permission denied" in " ".join(done.stderr.split())
    assert done.stdout == ("" if status else "kept\n")
    assert (sandbox.workspace / "d" / "f").read_text() == "kept\n"
    assert _files(sandbox) == []


def test_killed_halfway_and_then_not_wanted_any_more(sandbox: Sandbox) -> None:
    assert sandbox.run("sh", "-c", "echo kept >f").status == 0
    _write(sandbox, **LIMITED)
    _run_and_die("volume_work", "_set_aside", True, sandbox)
    _write(sandbox)
    done = sandbox.run("cat", "f")
    assert done.text == "kept\n", done.said
    assert _files(sandbox) == []


def _run_and_die(module: str, name: str, after: bool, sandbox: Sandbox) -> None:
    code = _DIE.format(module=module, name=name, after="whole(*args, **named)" if after else "pass")
    env = {**os.environ, **sandbox.tool.env, "HOME": str(sandbox.tool.home)}
    command = [sys.executable, "-c", code, "run", "--", "true"]
    died = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr


# ---- where there can be none


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "rw": ({"workspaceAccess": "rw"}, LIMITED, "workspaceAccess is rw"),
    "shared": ({"scope": "shared"}, LIMITED, "the scope is shared"),
    "elsewhere": ({"workspaceRoot": "~/ours"}, LIMITED, "workspaceRoot is"),
    "no limit": ({}, {"workspace_volume": "loop"}, "resource_limits.disk"),
    "too small": ({}, {**LIMITED, "resource_limits": {"disk": "1mb"}}, "a file system needs 16 MiB"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_no_volume_is_refused_by_name(case: str, sandbox: Sandbox) -> None:
    openclaw, block, words = REFUSED[case]
    sandbox.configure(**openclaw)
    _write(sandbox, **block)
    done = sandbox.run("true")
    assert done.status == 2
    assert words in _said(done)
    assert "config.yml:3" in _said(done)
    assert sandbox.containers() == []
    _write(sandbox, **block, allow_unenforced=["workspace_volume"])
    if case == "rw":
        (sandbox.tool.state / "workspace").mkdir()
        os.chown(sandbox.tool.state / "workspace", 1000, 1000)
    done = sandbox.run("true")
    assert done.status == 0, done.said
    assert not _image(sandbox).exists()


def test_a_word_that_is_none(sandbox: Sandbox) -> None:
    _write(sandbox, workspace_volume="lop")
    done = sandbox.run("true")
    assert done.status == 2
    assert 'did you mean "loop"?' in _said(done)


def test_an_ordinary_user_cannot_mount_and_is_told(sandbox: Sandbox) -> None:
    """Without the right to mount; whoever has no root has none either."""
    _write(sandbox, **LIMITED)
    code = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None);"
        "assert libc.prctl(24, 21, 0, 0, 0) == 0;"  # exec gives root no CAP_SYS_ADMIN after this
        "os.execv(sys.executable, [sys.executable, '-m', 'openclaw_sandbox', 'run', '--', 'true'])"
    )
    env = {**os.environ, **sandbox.tool.env, "HOME": str(sandbox.tool.home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    said = " ".join(done.stderr.split())
    assert done.returncode == 125
    assert "workspace_volume: loop cannot be carried out here: this process may not mount" in said
    assert "allow_unenforced: [workspace_volume]" in said
    _write(sandbox, **LIMITED, allow_unenforced=["workspace_volume"])
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    said = " ".join(done.stderr.split())
    assert done.returncode == 0, done.stderr
    assert "workspace_volume: not enforced: this process may not mount" in said
    assert "the workspace is watched" in said


def test_a_file_that_somebody_else_made_is_not_mounted(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("true").status == 0
    sandbox.remove_all()
    loop_image.unmount(sandbox.workspace)
    os.chown(_image(sandbox), 1000, 1000)
    done = sandbox.run("true")
    assert done.status == 125
    assert "is not a file of root's alone" in _said(done)


def test_files_beneath_it_are_never_covered(sandbox: Sandbox) -> None:
    _write(sandbox, **LIMITED)
    assert sandbox.run("true").status == 0
    sandbox.remove_all()
    loop_image.unmount(sandbox.workspace)
    (sandbox.workspace / "written-meanwhile").touch()
    done = sandbox.run("true")
    assert done.status == 125
    assert "there are files in its folder while it is not mounted" in _said(done)


def test_a_link_in_its_place_is_not_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    _write(sandbox, **LIMITED)
    sandbox.workspace.parent.mkdir(parents=True)
    sandbox.workspace.symlink_to(tmp_path)
    done = sandbox.run("true")
    assert done.status == 125
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
