"""`git clone` inside a sandbox, from a server that is allowed and from one that is not."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.egress.conftest import Box

pytestmark = pytest.mark.engine


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `project.git` in it, as a plain web server can offer it, and a certificate beside it."""
    folder = tmp_path_factory.mktemp("git")
    work, bare = folder / "work", folder / "web" / "project.git"
    work.mkdir()
    (work / "README").write_text("from afar\n")
    who = ("-c", "user.name=octest", "-c", "user.email=octest@good.test")
    for argv in (
        ("git", "init", "-q", "-b", "main", "."),
        ("git", "add", "README"),
        ("git", *who, "commit", "-q", "-m", "first"),
        ("git", "clone", "-q", "--bare", ".", str(bare)),
        ("git", "-C", str(bare), "update-server-info"),
        (
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", "/CN=good.test", "-addext", "subjectAltName=DNS:good.test"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ),
    ):
        subprocess.run(argv, cwd=work, check=True, capture_output=True)
    return folder


@contextlib.contextmanager
def served(repository: Path, address: str, *, tls: bool) -> Iterator[int]:
    """A web server for it on `address`; its port."""
    handler = partial(_Quiet, directory=str(repository / "web"))
    with ThreadingHTTPServer((address, 0), handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(repository / "cert.pem", repository / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_git_clone(box: Box, repository: Path, tls: bool) -> None:
    world = box.world
    with served(repository, world.address, tls=tls) as port:
        policy = box.policy(f"good.test:{port}", f"{world.address}:{port}")
        ready = box.up(policy)

        def clone(host: str, into: str) -> tuple[int, bytes]:
            certificate = f"cat >/tmp/cert.pem <<'END'\n{(repository / 'cert.pem').read_text()}END\n"
            url = f"http{'s' if tls else ''}://{host}:{port}/project.git"
            script = f"{certificate}git -c http.sslCAInfo=/tmp/cert.pem clone -q {url} /workspace/{into}"
            done = box.sh(policy, ready, "sh", "-c", f"{script} && cat /workspace/{into}/README")
            return done.exit_code, done.stdout + done.stderr

        assert clone("good.test", "good") == (0, b"from afar\n")
        status, said = clone("other.test", "other")
    assert status != 0
    assert b"403" in said
    verdicts = {record.host: record.verdict for record in box.records(policy)}
    assert verdicts == {"good.test": "allow", "other.test": "deny"}
