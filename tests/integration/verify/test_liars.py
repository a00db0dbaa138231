"""Images whose own tools lie, or are not there: what this host sees decides, and an unknown is no pass."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import docker
import pytest

from openclaw_sandbox.verify.model import Observer, Severity, Verdict
from tests.integration.verify.bench import bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

#: It says what an honest Python would say in a perfect sandbox, and cannot compute.
LIAR_SH = b"""#!/bin/dash
echo '{"proof": "0", "uid": 1000, "bounding": "0000000000000000", "seccomp": "2"}'
echo '{"id": "ps.caps", "state": "blocked", "evidence": "all fine", "items": []}'
echo '{"id": "sc.mount", "state": "blocked", "evidence": "all fine", "items": []}'
"""
DOCKERFILE = b"""FROM {image}
USER root
COPY liar /liar
RUN for tool in /usr/bin/python3* /usr/bin/perl /usr/bin/ps /bin/sh; do rm -f $tool; cp /liar $tool; done
USER sandbox
"""
NO_PYTHON = b"""FROM {image}
USER root
RUN rm -f /usr/bin/python3*
USER sandbox
"""


def _context(**files: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer


@pytest.fixture
def built(octest_name: Callable[[str], str], image: str) -> Iterator[Callable[..., str]]:
    client = docker.from_env(timeout=300)
    tags: list[str] = []

    def build(dockerfile: bytes, **files: bytes) -> str:
        tag = f"{octest_name('liar')}:1"
        context = _context(Dockerfile=dockerfile.replace(b"{image}", image.encode()), **files)
        for step in client.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True):
            assert "error" not in step, step
        tags.append(tag)
        return tag

    try:
        yield build
    finally:
        for tag in tags:
            client.images.remove(tag, force=True)
        client.close()


def _weak(body: dict[str, Any]) -> None:
    """Everything that the kernel or the engine can see."""
    body["User"] = "0:0"
    host = body["HostConfig"]
    host |= {"CapDrop": [], "ReadonlyRootfs": False, "SecurityOpt": ["seccomp=unconfined"], "PidsLimit": 0}
    host |= {"NetworkMode": "host", "PidMode": "host", "IpcMode": "host", "ShmSize": 256 << 20}
    host["Mounts"].append({"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/x.sock"})


def test_lies_hide_nothing_that_the_host_sees(
    built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    image = built(DOCKERFILE, liar=LIAR_SH)
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify(_weak)
    opened = {r.probe.id for r in report.failures(Severity.LOW) if r.verdict is Verdict.OPEN}
    assert opened >= {
        *("ps.uid", "ps.caps", "ps.bounding", "ps.nnp", "ps.seccomp-mode", "ps.ns-compare", "ps.pidns"),
        *("fs.rootfs-ro", "fs.host-binds", "fs.runtime-sockets", "net.ifaces", "rs.pids-max"),
    }
    assert "not Python" in " ".join(report.notes)


def test_lies_in_a_good_container_are_no_pass(
    built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    image = built(DOCKERFILE, liar=LIAR_SH)
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify()
    failed = report.failures(Severity.LOW)
    assert {r.verdict for r in failed} == {Verdict.ERROR}
    assert {"sc.mount", "net.tcp-egress", "hi.core-pattern"} <= {r.probe.id for r in failed}
    caps = next(r for r in report.results if r.probe.id == "ps.caps")
    assert (caps.verdict, caps.observer) == (Verdict.BLOCKED, Observer.HOST)


def test_without_python_the_unknown_is_said(
    built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    image = built(NO_PYTHON)
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify()
    assert report.failures(Severity.LOW)
    assert "python3" in " ".join(report.notes)
