"""Engines that are missing, dead, forbidden, silent or mad: each has its code, a sentence and a way out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import fake_engine
from tests.integration.fake_engine import CONTAINER, Scripted, answer, frame, reply, serving
from tests.tool import ARGV, ROOT, Done, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.alone

#: The tool with deadlines that a test can wait for.
HURRIED = (
    sys.executable,
    "-c",
    "import sys\n"
    "from openclaw_sandbox.engine.docker import engine\n"
    "engine._QUICK_S = engine._SLOW_S = 0.5\n"
    "from openclaw_sandbox.cli.app import run_cli\n"
    "sys.exit(run_cli(sys.argv[1:]))",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path (a socket's may have 107 bytes) that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="octest-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def tool_at(folder: Path, *, hurried: bool = True) -> Tool:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    home.chmod(0o777)
    env = {"DOCKER_HOST": f"unix://{folder}/e.sock"}
    return Tool(home, env=env, start_with=HURRIED if hurried else ARGV)


def one_clear_message(done: Done, words: str) -> None:
    assert (done.status, done.out) == (125, b""), done.said
    lines = done.said.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert "Traceback" not in done.said
    assert "bug" not in done.said
    assert len(lines) <= 5


def check(tool: Tool, code: str, words: str, *, hint: str = "") -> None:
    """In words and as JSON."""
    done = tool("run", "--", "true")
    one_clear_message(done, words)
    assert hint in done.said
    answered = tool("run", "--json", "--", "true")
    assert (answered.status, answered.err) == (125, b"")
    assert answered.error["code"] == code
    assert answered.error["reason"] == "engine"
    assert words in answered.error["message"]
    assert hint in answered.error["hint"] + "".join(answered.error["details"])


# ---- the four ways to have no engine


def test_missing(folder: Path) -> None:
    check(tool_at(folder), "engine.missing", "does not exist", hint="setup --install-engine")
    (folder / "e.sock").mkdir()
    tool = Tool(folder / "home", env={"DOCKER_HOST": f"unix://{folder}/home/.x/e.sock"}, start_with=HURRIED)
    check(tool, "engine.missing", "does not exist", hint="setup --install-engine")


@pytest.mark.parametrize("kind", ["closed socket", "file", "folder"])
def test_dead(folder: Path, kind: str) -> None:
    path = folder / "e.sock"
    if kind == "closed socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind == "file":
        path.touch()
    else:
        path.mkdir()
    check(tool_at(folder), "engine.dead", "is not running", hint="systemctl start docker")


def as_another_user(tool: Tool) -> Tool:
    """Root may open every socket: then the tool is started as nobody, who must be able to read it."""
    if os.geteuid() != 0:
        return tool
    for path in (ROOT, Path(sys.executable)):
        assert os.access(path, os.R_OK), path
    before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    return Tool(tool.home, env=tool.env, before=before, start_with=tool.start_with)


def test_forbidden(folder: Path) -> None:
    with serving(folder / "e.sock", Scripted()):
        (folder / "e.sock").chmod(0)
        check(
            as_another_user(tool_at(folder)),
            "engine.forbidden",
            "You may not talk",
            hint="usermod -aG docker",
        )


@pytest.mark.parametrize("fault", [fake_engine.silent, fake_engine.drip])
def test_hanging(folder: Path, fault: Callable[[socket.socket], None]) -> None:
    with serving(folder / "e.sock", fault):
        check(tool_at(folder), "engine.hanging", "does not answer within 0.5 s", hint="journalctl -u docker")


def test_hanging_before_it_takes_the_call(folder: Path) -> None:
    """Its queue is full, and stays so: a unix socket says that at once, and it is no sign of death."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(folder / "e.sock"))
        listener.listen(0)
        for _ in range(2):
            one = waiting.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(str(folder / "e.sock"))
        check(tool_at(folder), "engine.hanging", "does not answer within 0.5 s", hint="journalctl")


def test_a_busy_engine_is_waited_for(folder: Path) -> None:
    engine = Scripted()
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(folder / "e.sock"))
        listener.listen(0)
        first = waiting.enter_context(socket.socket(socket.AF_UNIX))
        first.connect(str(folder / "e.sock"))

        def wake_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        engine(connection)

        timer = threading.Timer(1.0, wake_up)
        timer.daemon = True
        timer.start()
        first.sendall(b"GET /info HTTP/1.1\r\n\r\n")
        done = tool_at(folder, hurried=False)("run", "--dry-run", "--", "true")
        listener.shutdown(socket.SHUT_RDWR)
    assert done.status == 0, done.said


# ---- answers that are none


MAD = {
    "nothing": (answer(b""), "engine.lost", "broke"),
    "half a head": (answer(b"HTTP/1.1 200 OK\r\nContent-Le"), "engine.lost", "broke off"),
    "half a body": (
        answer(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"Id": "sha'),
        "engine.lost",
        "broke off",
    ),
    "half a chunk": (
        answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}"),
        "engine.lost",
        "broke off",
    ),
    "another protocol": (answer(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "engine.lost", "broke off"),
    "bytes": (answer(bytes(range(256)) * 40), "engine.lost", "broke off"),
    "a lying length": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
        "engine.lost",
        "broke off",
    ),
    "a web page": (answer(reply(200, raw=b"<html>It works!</html>")), "engine.lost", "not JSON"),
    "empty": (answer(reply(200, raw=b"")), "engine.lost", "makes no sense"),
    "a list": (answer(reply(200, [])), "engine.lost", "makes no sense"),
    "a number": (answer(reply(200, 5)), "engine.lost", "makes no sense"),
    "an empty object": (answer(reply(200, {})), "engine.lost", "makes no sense"),
    "odd types": (
        answer(reply(200, {"Id": 5, "Size": "many", "Config": "x"})),
        "engine.lost",
        "makes no sense",
    ),
    "too much": (answer(reply(200, raw=b" " * (65 << 20))), "engine.lost", "more than 64 MiB"),
    "500": (answer(reply(500, {"message": "disk on fire"})), "engine.failed", "status 500"),
    "500 without JSON": (answer(reply(500, raw=b"\xff\xfe disk on fire")), "engine.failed", "status 500"),
    "403 of a plugin": (answer(reply(403, {"message": "disk on fire"})), "engine.failed", "status 403"),
    "redirect": (answer(reply(301, raw=b"")), "engine.failed", "status 301"),
    "reset": (fake_engine.reset, "engine.lost", "broke"),
}


@pytest.mark.parametrize("name", MAD)
def test_answers_that_are_none(name: str, folder: Path) -> None:
    fault, code, words = MAD[name]
    with serving(folder / "e.sock", fault):
        done = tool_at(folder)("run", "--json", "--", "true")
    assert (done.status, done.err) == (125, b"")
    assert (done.error["code"], done.error["reason"]) == (code, "engine")
    assert words in done.error["message"]
    assert len(done.error["details"]) <= 1


def test_what_the_engine_says_is_repeated(folder: Path) -> None:
    with serving(folder / "e.sock", answer(reply(500, {"message": "disk on \x1b[31mfire"}))):
        said = tool_at(folder)("run", "--", "true").said
    assert r"disk on \x1b[31mfire" in said


def test_a_question_is_asked_again_once(folder: Path) -> None:
    """The engine may just have been restarted. What changes something is never asked twice."""
    engine, refused = Scripted(), []

    def handle(connection: socket.socket) -> None:
        if not refused:
            refused.append(1)
            return
        engine(connection)

    with serving(folder / "e.sock", handle):
        done = tool_at(folder)("run", "--dry-run", "--", "true")
    assert done.status == 0, done.said
    assert refused


# ---- an engine that fails while the sandbox is made


def made(folder: Path, *words: str, **scripted: Any) -> tuple[Done, Scripted]:
    engine = Scripted(**scripted)
    with serving(folder / "e.sock", engine):
        return tool_at(folder)("run", *words), engine


CREATE, START = r"POST /containers/create", rf"POST /containers/{CONTAINER}/start"


def test_a_sandbox_that_works(folder: Path) -> None:
    done, engine = made(folder, "--", "true")
    assert (done.status, done.out, done.said) == (0, b"hello\n", "")
    assert engine.running


@pytest.mark.parametrize(
    "words", [("--", "true"), ("--rm", "--", "true"), ("--rm", "-e", "A=1", "--", "true")]
)
def test_a_refused_start_leaves_no_container(folder: Path, words: tuple[str, ...]) -> None:
    refusal = reply(
        400, {"message": "OCI runtime create failed: error setting rlimit type 7: operation not permitted"}
    )
    done, engine = made(folder, *words, overrides={START: refusal})
    one_clear_message(done, "may not raise a ulimit")
    assert f"DELETE /containers/{CONTAINER}" in engine.calls
    assert not engine.created


@pytest.mark.parametrize("fault", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"])
def test_a_create_whose_answer_was_lost_leaves_no_container(folder: Path, fault: bytes) -> None:
    """The engine made it all the same: it is looked for, and removed."""
    engine = Scripted()

    def make_and_vanish(connection: socket.socket) -> None:
        if connection.recv(1 << 20, socket.MSG_PEEK).startswith(b"POST /containers/create"):
            _, _, engine.created = fake_engine.read_request(connection)
            connection.sendall(fault)
        else:
            engine(connection)

    with serving(folder / "e.sock", make_and_vanish):
        done = tool_at(folder)("run", "--rm", "--", "true")
    one_clear_message(done, "bro")
    assert f"DELETE /containers/{CONTAINER}" in engine.calls
    assert not engine.created


EXEC = r"POST /containers/[^/]*/exec"


def test_a_container_that_goes_before_the_command_entered_it_is_made_again(folder: Path) -> None:
    """Another tool recreated or pruned it at that moment."""
    engine = Scripted()

    def vanish(connection: socket.socket) -> None:
        del engine.overrides[EXEC]
        engine.created, engine.running = {}, False
        connection.sendall(reply(409, {"message": f"Container {CONTAINER} is not running"}))

    engine.overrides[EXEC] = vanish
    with serving(folder / "e.sock", engine):
        done = tool_at(folder)("run", "--", "true")
    assert (done.status, done.out, done.said) == (0, b"hello\n", "")
    assert engine.calls.count("POST /containers/create") == 2


def test_a_container_that_never_lets_a_command_enter(folder: Path) -> None:
    refusal = reply(409, {"message": f"Container {CONTAINER} is restarting"})
    done, engine = made(folder, "--", "true", overrides={EXEC: refusal})
    one_clear_message(done, "stopped, paused or removed")
    assert len([call for call in engine.calls if call.endswith("/exec")]) == 4


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (409, 'Conflict. The container name "/x" is already in use', "at this moment"),
        (404, "No such image: openclaw-sandbox:bookworm-slim", "is not on this machine"),
        (500, "mkdir /var/lib/docker/overlay2/x: no space left on device", "disk is full"),
        (
            400,
            'invalid mount config for type "bind": bind source path does not exist: /a b',
            "/a b does not exist",
        ),
        (400, "Unknown runtime specified runsc", "no runtime runsc"),
        (418, "I am a teapot", "refused to make"),
    ],
)
def test_a_refused_create(folder: Path, status: int, message: str, words: str) -> None:
    done, engine = made(folder, "--", "true", overrides={CREATE: reply(status, {"message": message})})
    assert done.status == 125
    assert words in done.said.splitlines()[0]
    assert not engine.created


def test_a_missing_image(folder: Path) -> None:
    absent = reply(404, {"message": "No such image"})
    done, engine = made(folder, "--", "true", overrides={r"GET /images/.*": absent})
    assert done.status == 125
    assert "openclaw-sandbox:bookworm-slim is not on this machine" in done.said
    assert "openclaw-sandbox setup" in done.said
    assert not [call for call in engine.calls if call.startswith("POST")]


# ---- an engine that fails while the command runs


def test_a_stream_cut_in_a_frame_is_no_result(folder: Path) -> None:
    cut = frame(1, b"half of what it had to say")[:-9]
    done, _ = made(folder, "--", "true", stream=lambda connection: connection.sendall(cut))
    assert done.status == 125
    assert done.out == b"half of what it h"
    assert "broke off in the middle of the command's output" in done.said


def test_a_stream_that_is_none_is_no_result(folder: Path) -> None:
    done, _ = made(folder, "--", "true", stream=lambda connection: connection.sendall(b"HTTP/1.1 500\r\n"))
    assert (done.status, done.out) == (125, b"")
    assert "garbled" in done.said


def test_a_lost_status_is_no_result(folder: Path) -> None:
    gone = reply(500, {"message": "engine is stopping"})
    done, _ = made(folder, "--", "true", overrides={r"GET /exec/.*": gone})
    assert done.status == 125
    assert "could not look up the command" in done.said


def test_a_status_that_is_none_is_no_result(folder: Path) -> None:
    done, _ = made(folder, "--", "true", overrides={r"GET /exec/.*": reply(200, {"Running": "yes"})})
    assert done.status == 125
    assert "makes no sense" in done.said


@pytest.mark.parametrize("status", [0, 7, 255])
def test_the_status_is_the_commands(folder: Path, status: int) -> None:
    done, _ = made(folder, "--", "true", exit_code=status)
    assert done.status == status


@pytest.mark.parametrize("status", [0, 7])
def test_a_container_that_cannot_be_removed_changes_no_result(folder: Path, status: int) -> None:
    words = ("--rm", "-e", "A=1", "--", "true")
    busy = reply(500, {"message": "device or resource busy"})
    done, engine = made(
        folder, *words, exit_code=status, overrides={rf"DELETE /containers/{CONTAINER}": busy}
    )
    assert (done.status, done.out) == (status, b"hello\n")
    assert "was not removed: The engine could not remove the container" in done.said
    assert "error:" not in done.said
    assert engine.created


# ---- docker contexts


def test_the_engine_of_the_current_context(folder: Path) -> None:
    with serving(folder / "e.sock", Scripted()):
        tool = Tool(tool_at(folder).home)
        docker = tool.home / ".docker"
        store = docker / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest()
        store.mkdir(parents=True)
        endpoints = {"docker": {"Host": f"unix://{folder}/e.sock"}}
        (store / "meta.json").write_text(json.dumps({"Name": "mine", "Endpoints": endpoints}))
        (docker / "config.json").write_text(json.dumps({"currentContext": "mine"}))
        without_host = {"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}
        assert tool("run", "--", "true", env=without_host).out == b"hello\n"
        assert tool("run", "--", "true", env={**without_host, "DOCKER_CONTEXT": "mine"}).out == b"hello\n"
        lost = tool("run", "--", "true", env={**without_host, "DOCKER_CONTEXT": "other"})
    assert lost.status == 2
    assert "context 'other' does not exist" in lost.said


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2376", "ssh://ann@build.example"])
def test_a_remote_engine_is_refused_without_being_asked(folder: Path, host: str) -> None:
    tool = Tool(tool_at(folder).home, env={"DOCKER_HOST": host})
    done = tool("run", "--", "true", timeout_s=20)
    one_clear_message(done, "is remote, and a sandbox mounts a workspace of this machine")
    assert tool("run", "--json", "--", "true").error["hint"].startswith("Use a local engine")


def test_a_bad_docker_host(folder: Path) -> None:
    done = Tool(tool_at(folder).home, env={"DOCKER_HOST": "docker.sock"})("run", "--", "true")
    assert done.status == 2
    assert "DOCKER_HOST='docker.sock' is not the address of an engine" in done.said
