"""Whose files they are, and what of the host's folders the sandbox can read and write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.lifecycle.workspace import prepare_workspace
from openclaw_sandbox.policy.resolve import resolve
from tests.fake_host import FakeHost, config_of
from tests.tool import ROOT, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.sandbox import Sandbox

pytestmark = pytest.mark.engine

AS_ROOT = os.geteuid() == 0
#: Nobody's account: what belongs to it was made by the operator of these tests.
OPERATOR = 23456


def write_everywhere(sandbox: Sandbox, *flags: str) -> dict[str, bool]:
    """Which of the two folders the command can write to."""
    script = 'for d in /workspace /agent; do if touch "$d/probe" 2>/dev/null; then echo "$d"; fi; done'
    done = sandbox.run("sh", "-c", script, flags=flags)
    assert done.status == 0, done.said
    return {folder: folder in done.text.split() for folder in ("/workspace", "/agent")}


@pytest.fixture
def project(sandbox: Sandbox) -> Path:
    """An agent's workspace with a file in it, owned by an ordinary user."""
    folder = sandbox.tool.home / "project"
    folder.mkdir()
    (folder / "notes").write_text("mine\n")
    if AS_ROOT:
        os.chown(folder, 1000, 1000)
    return folder


def use(sandbox: Sandbox, folder: Path, access: str, **docker: Any) -> None:
    """Make `folder` the agent's workspace."""
    path = sandbox.configure(workspaceAccess=access, docker=docker)
    config = json.loads(path.read_text())
    config["agents"]["defaults"]["workspace"] = str(folder)
    path.write_text(json.dumps(config))


# ---- none, ro, rw


def test_none_is_a_folder_of_its_own(sandbox: Sandbox, project: Path) -> None:
    use(sandbox, project, "none")
    assert write_everywhere(sandbox) == {"/workspace": True, "/agent": False}
    made = sandbox.workspace / "probe"
    assert made.stat().st_uid == (1000 if AS_ROOT else os.geteuid())
    assert list(project.iterdir()) == [project / "notes"], "the agent's workspace is not touched"


def test_ro_shows_both_and_writes_neither(sandbox: Sandbox, project: Path) -> None:
    use(sandbox, project, "ro")
    assert write_everywhere(sandbox) == {"/workspace": False, "/agent": False}
    assert sandbox.run("cat", "/agent/notes").out == b"mine\n"
    modes = {mount["Destination"]: mount["RW"] for mount in sandbox.inspect()["Mounts"]}
    assert modes == {"/workspace": False, "/agent": False}


def test_rw_is_the_agents_own(sandbox: Sandbox, project: Path) -> None:
    use(sandbox, project, "rw")
    assert write_everywhere(sandbox) == {"/workspace": True, "/agent": False}
    assert (project / "probe").stat().st_uid == project.stat().st_uid
    assert sandbox.run("sh", "-c", "echo more >> notes").status == (0 if not AS_ROOT else 2)


def test_a_command_of_its_own_sees_the_same(sandbox: Sandbox, project: Path) -> None:
    use(sandbox, project, "ro")
    assert write_everywhere(sandbox, "--rm") == {"/workspace": False, "/agent": False}


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_a_missing_workspace_is_made_for_an_ordinary_user(access: str, sandbox: Sandbox) -> None:
    folder = sandbox.tool.home / "not" / "there" / "yet"
    use(sandbox, folder, access)
    assert sandbox.run("true").status == 0
    assert folder.stat().st_uid == (1000 if AS_ROOT else os.geteuid())


def test_a_folder_in_the_making_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by root, a folder is root's for a moment: whoever looks then must not be told that it is."""
    config = config_of({"agents": {"defaults": {"sandbox": {"workspaceAccess": "rw"}}}}, state=tmp_path)
    found = resolve(config, session=None, agent=None, host=FakeHost())
    folder = tmp_path / "project"
    policy = replace(
        found, workspace=replace(found.workspace, agent_workspace_dir=folder, workspace_dir=folder)
    )
    give = os.chown

    def slowly(*arguments: Any, **named: Any) -> None:
        time.sleep(0.2)
        give(*arguments, **named)

    monkeypatch.setattr(os, "chown", slowly)
    with ThreadPoolExecutor() as pool:
        users = list(
            pool.map(lambda pause_s: (time.sleep(pause_s), prepare_workspace(policy))[1], (0, 0.1, 0.1))
        )
    assert set(users) == {"1000:1000" if AS_ROOT else f"{os.geteuid()}:{os.getegid()}"}


def roots_folder() -> Path:
    """A folder of root's that is nothing special: our own when we are root."""
    return Path(tempfile.mkdtemp(prefix="octest-")) if AS_ROOT else Path("/usr/share/doc")


@pytest.mark.parametrize("access", ["ro", "rw"])
def test_a_workspace_of_roots_is_refused_with_what_mends_it(access: str, sandbox: Sandbox) -> None:
    folder = roots_folder()
    try:
        use(sandbox, folder, access)
        done = sandbox.run("true", flags=["-q"])
        assert done.status == 125
        assert f"The workspace {folder} belongs to root" in done.said
        assert sandbox.containers() == []
        answered = sandbox.run("true", flags=["--json"])
        assert answered.error["code"] == "workspace.unusable"
        mend = answered.error["hint"].partition("sudo ")[2]
        assert mend.startswith("chown -R ")
        if AS_ROOT:
            subprocess.run(mend, shell=True, check=True)
            assert sandbox.run("touch" if access == "rw" else "ls", "/workspace").status == 0
    finally:
        if AS_ROOT:
            shutil.rmtree(folder)


def test_a_workspace_that_its_owner_may_not_write_is_refused(sandbox: Sandbox, project: Path) -> None:
    use(sandbox, project, "rw")
    project.chmod(0o500)
    done = sandbox.run("true")
    assert done.status == 125
    assert "may not write to the workspace" in done.said
    assert "chmod u+rwx" in done.said
    project.chmod(0o700)
    assert sandbox.run("true").status == 0


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_a_workspace_that_is_no_folder_is_refused(kind: str, sandbox: Sandbox) -> None:
    folder = sandbox.tool.home / "odd"
    if kind == "file":
        folder.write_text("")
        if AS_ROOT:
            os.chown(folder, 1000, 1000)
    else:
        folder.symlink_to(sandbox.tool.home / "nowhere")
    use(sandbox, folder, "rw")
    done = sandbox.run("true")
    assert done.status == 125
    assert str(folder) in done.said
    assert "Traceback" not in done.said
    assert "bug" not in done.said


def test_a_link_in_the_place_of_a_sandboxs_folder_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """A shared sandbox can write beside the others' folders: the link would open any folder to the next."""
    (tmp_path / "secret").write_text("s3cret")
    before = tmp_path.stat()
    sandbox.workspace.parent.mkdir(parents=True)
    sandbox.workspace.symlink_to(tmp_path)
    for flags in ([], ["--rm"], ["--dry-run"]):
        done = sandbox.run("ls", flags=flags)
        assert (done.status, done.out) == (125, b"")
        assert "is a link" in done.said
    assert (tmp_path.stat().st_uid, tmp_path.stat().st_ctime_ns) == (before.st_uid, before.st_ctime_ns)
    assert sandbox.containers() == []


@pytest.mark.parametrize("scope", ["shared", "agent"])
def test_a_folder_that_is_not_ours_is_never_given_away(scope: str, sandbox: Sandbox) -> None:
    """`workspaceRoot` may name any folder of the operator's, and root's files in it stay root's."""
    root = sandbox.tool.home / "root of mine"
    root.mkdir()
    (root / "file").write_text("mine")
    sandbox.configure(scope=scope, workspaceRoot=str(root))
    done = sandbox.run("true", flags=["-q"])
    if AS_ROOT and scope == "shared":
        assert done.status == 125
        assert f"The workspace {root} belongs to root" in done.said
        assert f"chown -R 1000:1000 '{root}'" in done.said
    else:
        assert done.status == 0, done.said
    assert {path.stat().st_uid for path in (root, root / "file")} == {os.geteuid()}


ODD_NAMES = [
    "two words",
    "a,b",
    "a:b",
    "it's",
    '"quoted"',
    "é漢",
    "$HOME",
    "-rw",
    "a=b;c",
    "back\\slash",
    "line\nline",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_of_a_folder_works(name: str, sandbox: Sandbox) -> None:
    """The Mount API takes what the older `source:target` cannot say."""
    folder = sandbox.tool.home / name
    use(sandbox, folder, "rw")
    done = sandbox.run("touch", "here", flags=["--rm"])
    assert done.status == 0, done.said
    assert (folder / "here").exists()


def test_a_state_folder_of_any_name_works(new_sandbox: Callable[[], Sandbox]) -> None:
    plain = new_sandbox()
    home = plain.tool.home / 'it\'s, a: "home" é'
    home.mkdir()
    sandbox = replace(plain, tool=Tool(home))
    sandbox.configure()
    try:
        assert sandbox.run("touch", "here").status == 0
        assert (sandbox.workspace / "here").exists()
    finally:
        plain.remove_all()


def test_a_name_that_is_not_utf8_is_refused(new_sandbox: Callable[[], Sandbox]) -> None:
    plain = new_sandbox()
    home = Path(os.fsdecode(os.fsencode(plain.tool.home) + b"/caf\xe9"))
    home.mkdir()
    sandbox = replace(plain, tool=Tool(home))
    sandbox.configure()
    done = sandbox.run("true")
    assert done.status == 125
    assert "is not UTF-8" in done.said
    assert r"caf\udce9" in done.said
    assert plain.containers() == []


# ---- a user who is not root, in the group of the engine's socket


@pytest.fixture
def operators(new_sandbox: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox of an ordinary user. When these tests are run by one, he is that user."""
    plain = new_sandbox()
    if not AS_ROOT:
        yield plain
        plain.remove_all()
        return
    for path in (ROOT, Path(sys.executable).resolve()):
        assert path.stat().st_mode & 0o5 == 0o5, f"{path} must be readable for every user"
    home = Path(tempfile.mkdtemp(prefix="octest-home-"))
    os.chown(home, OPERATOR, OPERATOR)
    docker = Path("/var/run/docker.sock").stat().st_gid
    who = ("setpriv", f"--reuid={OPERATOR}", f"--regid={OPERATOR}", f"--groups={docker}")
    sandbox = replace(plain, tool=Tool(home, before=who))
    sandbox.configure()
    for path in (sandbox.tool.state, sandbox.tool.state / "openclaw.json"):
        os.chown(path, OPERATOR, OPERATOR)
    yield sandbox
    plain.remove_all()
    shutil.rmtree(home)


def test_an_ordinary_users_files_end_up_his(operators: Sandbox) -> None:
    uid = OPERATOR if AS_ROOT else os.geteuid()
    done = operators.run("sh", "-c", "id -u; touch own; mkdir folder; touch folder/file")
    assert done.text.split() == [str(uid)], done.said
    for path in ("own", "folder", "folder/file"):
        assert (operators.workspace / path).stat().st_uid == uid
    project = operators.tool.home / "project"
    project.mkdir()
    if AS_ROOT:
        os.chown(project, OPERATOR, OPERATOR)
    use(operators, project, "rw")
    assert operators.run("touch", "own").status == 0
    assert (project / "own").stat().st_uid == uid
    owners = {path.lstat().st_uid for path in operators.tool.home.rglob("*")}
    assert owners == {uid}, "nothing of root's in his home"


def test_an_ordinary_user_gets_everything_else_too(operators: Sandbox) -> None:
    assert operators.run("true", flags=["--rm"]).status == 0
    assert operators.run("sh", "-c", "setsid sleep 751 & sleep 752", flags=["--timeout", "1"]).status == 124
    assert operators.processes() == []
    assert operators.run("true", flags=["--dry-run"]).status == 0


def test_an_ordinary_user_cannot_use_a_home_that_is_not_his(operators: Sandbox) -> None:
    closed = operators.tool.home / ".openclaw"
    closed.chmod(0o000)
    done = operators.run("true")
    closed.chmod(0o755)
    assert done.status in (2, 125)
    assert "Traceback" not in done.said
    assert "bug" not in done.said
    assert str(closed) in done.said
