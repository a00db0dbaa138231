"""What `setup` does on the host: programs it starts, mirrors it asks. No engine is needed."""

from __future__ import annotations

import base64
import fcntl
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from openclaw_sandbox.errors import VerbFailedError
from openclaw_sandbox.image import bootstrap as room
from openclaw_sandbox.image.apt import AptSource
from openclaw_sandbox.image.aptfiles import AptFiles
from openclaw_sandbox.image.bootstrap import Bootstrap, bootstrapped
from openclaw_sandbox.image.host import this_machine
from openclaw_sandbox.image.mirrors import ask_mirrors
from openclaw_sandbox.image.process import run
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.alone

REPORT = Reporter(Phase.BASE, lambda _event: None)
SLEEP = [
    sys.executable,
    "-c",
    "import subprocess; print('begun', flush=True); subprocess.run(['sleep', '300'])",
]


def test_lines_come_as_they_are_printed_and_the_tail_is_kept() -> None:
    lines: list[str] = []
    finished = run(["sh", "-c", "echo one; echo two >&2; echo; exit 3"], on_line=lines.append, timeout_s=10)
    assert finished.status == 3
    assert sorted(lines) == ["one", "two"]
    assert sorted(finished.tail) == ["one", "two"]


def test_a_missing_program_is_one_sentence() -> None:
    with pytest.raises(VerbFailedError, match="octest-no-such-program cannot be started"):
        run(["octest-no-such-program"], on_line=print, timeout_s=10)


def test_a_deadline_ends_the_children_too() -> None:
    started = time.monotonic()
    finished = run(SLEEP, on_line=lambda _line: None, timeout_s=1)
    assert finished.timed_out
    assert time.monotonic() - started < 10


def test_an_interruption_ends_the_children_too() -> None:
    def interrupt(_line: str) -> None:
        signal.raise_signal(signal.SIGINT)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(SLEEP, on_line=interrupt, timeout_s=60)
    assert time.monotonic() - started < 10


class Mirror(BaseHTTPRequestHandler):
    """Has `bookworm` and its updates below /debian; /broken answers 500; /private wants a login."""

    releases: ClassVar = ("/debian/dists/bookworm/InRelease", "/debian/dists/bookworm-updates/Release")
    private: ClassVar = "/private/dists/bookworm/InRelease"
    login: ClassVar = f"Basic {base64.b64encode(b'joe:s@cret').decode()}"

    def do_GET(self) -> None:
        may = self.path == self.private and self.headers["Authorization"] == self.login
        if self.path in self.releases or may:
            body = b"Origin: Debian\nComponents: main contrib\nSHA256:\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(500 if self.path.startswith("/broken") else 404)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def mirror() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_mirror_says_what_it_has(mirror: str) -> None:
    (found,) = ask_mirrors([f"{mirror}/debian"], "bookworm", proxies={}, ca_file=None)
    assert found.suites == ("bookworm", "bookworm-updates")
    assert found.origin == "debian"


@pytest.mark.parametrize(
    ("path", "words"),
    [("/nothing", "No release 'bookworm'"), ("/broken", "does not answer: .* status 500")],
)
def test_bad_mirrors(mirror: str, path: str, words: str) -> None:
    with pytest.raises(VerbFailedError, match=words):
        ask_mirrors([mirror + path], "bookworm", proxies={}, ca_file=None)


def test_a_mirror_that_is_not_there_shows_no_password() -> None:
    with pytest.raises(VerbFailedError, match="does not answer") as caught:
        ask_mirrors(["http://joe:secret@127.0.0.1:9/debian"], "bookworm", proxies={}, ca_file=None)
    with pytest.raises(VerbFailedError) as caught:
        ask_mirrors(["http://joe:secret@octest.invalid/debian"], "bookworm", proxies={}, ca_file=None)
    assert "secret" not in str(caught.value.brief)


def test_a_mirror_that_wants_a_login_gets_it(mirror: str) -> None:
    url = mirror.replace("://", "://joe:s%40cret@")
    (found,) = ask_mirrors([f"{url}/private"], "bookworm", proxies={}, ca_file=None)
    assert found.suites == ("bookworm",)


def test_named_mirrors_replace_the_machines_own(mirror: str) -> None:
    reach = Reach(this_machine(), mirrors=[f"{mirror}/debian/"], ca_file=None, env={})
    files = reach.apt_files("bookworm")
    assert [source.uris for source in files.sources] == [(f"{mirror}/debian",)]
    assert files.sources[0].components == ("main",)
    assert reach.suite() == "bookworm"


def wanted() -> Bootstrap:
    source = AptSource(
        uris=("http://127.0.0.1:9/debian",), suites=("bookworm",), components=("main",), trusted=True
    )
    apt = AptFiles(sources=(source,), keyrings={}, trusted={}, settings=())
    return Bootstrap(suite="bookworm", architecture="amd64", apt=apt)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that comes first, and a folder for temporary files."""
    folder, scratch = tmp_path / "bin", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo E: The repository x does not have a Release file. ; exit 25", "does not have this release"),
        ("echo Temporary failure resolving m.example; exit 25", "does not answer"),
        ("echo NO_PUBKEY 123; exit 25", "signature cannot be verified"),
        ("echo Certificate verification failed; exit 25", "not trusted"),
        ("echo unable to pick chroot mode automatically; exit 25", "may not make a root file system"),
        ("echo cp: No space left on device; exit 1", "disk is full"),
        ("echo something else; exit 7", "failed with status 7"),
        ("exit 0", "failed with status 0"),
    ],
)
def test_what_a_bootstrap_says_becomes_one_sentence(tools: Path, script: str, words: str) -> None:
    program(tools, "mmdebstrap", script)
    with (
        pytest.raises(VerbFailedError, match=words),
        bootstrapped(wanted(), env=dict(os.environ), report=REPORT),
    ):
        pass
    assert list((tools.parent / "scratch").iterdir()) == []


def test_a_bootstrap_is_gone_when_its_use_is_over(tools: Path) -> None:
    program(
        tools, "mmdebstrap", 'for word; do case "$word" in */rootfs.tar) echo made > "$word";; esac; done'
    )
    with bootstrapped(wanted(), env=dict(os.environ), report=REPORT) as tar:
        assert tar.read_text() == "made\n"
        assert (tar.parent / "apt/sources.d/host.sources").is_file()
        assert tar.parent.stat().st_mode & 0o777 == 0o711
    assert not tar.parent.exists()


def test_what_a_killed_bootstrap_left_goes_with_the_next(tools: Path) -> None:
    program(tools, "mmdebstrap", "exit 7")
    scratch = tools.parent / "scratch"
    forgotten, working, foreign = (scratch / f"openclaw-sandbox-bootstrap-{n}" for n in ("1", "2", "3"))
    for folder in (forgotten, working):
        folder.mkdir()
        (folder / "lock").touch()
    foreign.symlink_to(tools)
    with (working / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(VerbFailedError),
            bootstrapped(wanted(), env=dict(os.environ), report=REPORT),
        ):
            pass
    assert {path.name[-1] for path in scratch.iterdir()} == {"2", "3"}
    assert (tools / "mmdebstrap").exists()


def test_no_password_of_a_proxy_is_in_the_process_list_or_in_what_is_told(tools: Path) -> None:
    program(tools, "mmdebstrap", 'echo "$@"; echo "Err http://joe:hunter2@m.example/x"; exit 25')
    heard: list[str] = []
    secret = replace(wanted().apt, settings=(("Acquire::http::Proxy", "http://joe:hunter2@p.example"),))
    with (
        pytest.raises(VerbFailedError) as caught,
        bootstrapped(
            replace(wanted(), apt=secret),
            env=dict(os.environ),
            report=Reporter(Phase.BASE, lambda event: heard.append(event.text)),
        ),
    ):
        pass
    assert "Err http://***@m.example/x" in heard
    assert "hunter2" not in " ".join((*heard, *caught.value.details))


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_NEEDED_BYTES", 1 << 62)
    with (
        pytest.raises(VerbFailedError, match="disk is full"),
        bootstrapped(wanted(), env=dict(os.environ), report=REPORT),
    ):
        pass
    assert list((tools.parent / "scratch").iterdir()) == []


def test_this_machine_can_be_read() -> None:
    machine = this_machine()
    assert machine.name
    assert machine.architecture
