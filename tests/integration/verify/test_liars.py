"""Images whose own tools lie, or are not there: they are measured with this host's Python all the same.

Where that cannot be brought in, what this host sees decides, and an unknown is no pass.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker
import pytest

from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.lifecycle.ensure import draw_blueprint, ensure
from openclaw_sandbox.verify.interpreter import gather, lodged
from openclaw_sandbox.verify.model import Observer, Severity, Verdict
from tests.integration.verify.bench import Bench, bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openclaw_sandbox.verify.model import Report

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
RUN rm -f /usr/bin/python3* /usr/bin/perl*
USER sandbox
"""
#: One program and what it loads: no shell, no other tool.
NOTHING = b"""FROM {image}
USER root
RUN for file in /usr/bin/sleep $(ldd /usr/bin/sleep | grep -o '/[^ ]*'); do \\
      mkdir -p /new$(dirname $file) && cp -L $file /new$file; done
FROM scratch
COPY --from=0 /new /
"""
#: Loads a library of its own into every program.
PRELOADS = b"""FROM {image}
USER root
RUN cp /lib/*-linux-gnu/libz.so.1 /preloaded.so && echo /preloaded.so > /etc/ld.so.preload
ENV LD_PRELOAD=/preloaded.so
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


def test_lies_hide_nothing(
    built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    image = built(DOCKERFILE, liar=LIAR_SH)
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify(_weak)
    opened = {r.probe.id for r in report.failures(Severity.LOW) if r.verdict is Verdict.OPEN}
    assert opened >= {
        *("ps.uid", "ps.caps", "ps.bounding", "ps.nnp", "ps.seccomp-mode", "ps.ns-compare", "ps.pidns"),
        *("fs.rootfs-ro", "fs.host-binds", "fs.runtime-sockets", "net.ifaces", "rs.pids-max", "sc.chroot"),
    }
    assert report.interpreter.startswith("this host's Python")


@pytest.mark.parametrize(
    ("dockerfile", "files"),
    [(DOCKERFILE, {"liar": LIAR_SH}), (NO_PYTHON, {}), (NOTHING, {}), (PRELOADS, {})],
    ids=["lies", "no-python", "nothing", "preloads"],
)
def test_whatever_the_image_brings_every_probe_is_judged(
    dockerfile: bytes,
    files: dict[str, bytes],
    built: Callable[..., str],
    octest_name: Callable[[str], str],
    tmp_path: Path,
) -> None:
    with bench(tmp_path, octest_name("verify"), image=built(dockerfile, **files)) as place:
        report = place.verify()
        assert _failed(report) == {}
        assert report.interpreter.startswith("this host's Python")
        assert [r.probe.id for r in report.results if r.verdict is Verdict.ERROR] == []
        assert _left(tmp_path) == []


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, NOTHING], ids=["lies", "nothing"])
def test_a_running_one_is_judged_through_its_workspace(
    dockerfile: bytes, built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    image = built(dockerfile, **({"liar": LIAR_SH} if dockerfile is DOCKERFILE else {}))
    with bench(tmp_path, octest_name("verify"), image=image) as place, _running(place):
        report = place.verify()
        assert (report.made, _failed(report)) == (False, {})
        assert report.interpreter.startswith("this host's Python")
        assert _left(tmp_path) == []


def test_an_honest_running_one_measures_itself(
    image: str, octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    with bench(tmp_path, octest_name("verify"), image=image) as place, _running(place):
        report = place.verify(quick=True)
    assert report.interpreter == "the image's python3"


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, NO_PYTHON], ids=["lies", "no-python"])
def test_with_no_interpreter_at_all_the_unknown_is_no_pass(
    dockerfile: bytes,
    built: Callable[..., str],
    octest_name: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openclaw_sandbox.verify.place.gather", lambda: None)
    image = built(dockerfile, **({"liar": LIAR_SH} if dockerfile is DOCKERFILE else {}))
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify()
    failed = report.failures(Severity.LOW)
    assert {r.verdict for r in failed} == {Verdict.ERROR}
    assert {"sc.mount", "net.tcp-egress", "hi.core-pattern"} <= {r.probe.id for r in failed}
    caps = next(r for r in report.results if r.probe.id == "ps.caps")
    assert (caps.verdict, caps.observer) == (Verdict.BLOCKED, Observer.HOST)
    assert report.interpreter == ""
    assert "the image's python3" in " ".join(report.notes)


def test_another_image_is_found_out(
    built: Callable[..., str], image: str, octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    other = built(NO_PYTHON)
    with bench(tmp_path, octest_name("verify"), image=image) as place:
        report = place.verify(lambda body: body.update(Image=other), only=("fs.", "ps."))
    assert {r.probe.id: r.probe.setting for r in report.failures(Severity.LOW)} == {
        "fs.image": "docker.image"
    }


def test_nothing_of_the_image_is_loaded(
    built: Callable[..., str], octest_name: Callable[[str], str], tmp_path: Path
) -> None:
    kit = gather()
    assert kit is not None
    engine, maps = open_engine(os.environ), "print(open('/proc/self/maps').read())"
    image = built(PRELOADS)
    with bench(tmp_path, octest_name("verify"), image=image) as place, _running(place) as container:
        loaded = engine.exec_capture(container, ExecSpec(argv=("python3", "-c", maps)), timeout_s=60)
        assert b"/preloaded.so" in loaded.stdout  # the trap works
        workspace = place.policy.workspace.workspace_dir
        with lodged(kit, workspace) as name:
            ours = kit.at(f"/workspace/{name}")
            spec = ExecSpec(argv=(*ours.command, "-c", maps), env=ours.env)
            output = engine.exec_capture(container, spec, timeout_s=60)
    files = {line.split()[-1].decode() for line in output.stdout.splitlines() if b"/" in line}
    assert files
    assert [path for path in files if not path.startswith(f"/workspace/{name}/")] == []


def _failed(report: Report) -> dict[str, str]:
    return {r.probe.id: r.evidence for r in report.failures(Severity.LOW)}


def _left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".openclaw-sandbox-" in path.name]


@contextmanager
def _running(place: Bench) -> Iterator[str]:
    """The sandbox itself, as `run` would leave it; its id."""
    engine = open_engine(os.environ)
    ready = ensure(draw_blueprint(place.policy, engine, now_ms=int(time.time() * 1000)), engine)
    try:
        yield ready.container_id
    finally:
        engine.remove(ready.container_id, force=True)
