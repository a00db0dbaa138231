"""What engine/base.py promises, sentence by sentence."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.engine.base import ContainerState, ExecSpec
from openclaw_sandbox.errors import (
    EngineError,
    EngineHangingError,
    ImageMissingError,
    NetworkTakenError,
    SandboxConflictError,
    SandboxGoneError,
    SpecRefusedError,
)
from openclaw_sandbox.spec.model import BindMount, LogDriver, LogSpec

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, ExecStatus, Stream
    from openclaw_sandbox.spec.model import ContainerSpec

pytestmark = pytest.mark.engine

ABSENT = "octest-no-such-thing"


class Ears:
    """Two sinks that remember."""

    def __init__(self) -> None:
        self.out, self.err = io.BytesIO(), io.BytesIO()

    def hear_out(self, data: bytes) -> None:
        self.out.write(data)

    def hear_err(self, data: bytes) -> None:
        self.err.write(data)

    def listen(self, stream: Stream) -> tuple[bytes, bytes]:
        stream.pump(self.hear_out, self.hear_err)
        return self.out.getvalue(), self.err.getvalue()


def sh(script: str, **more: object) -> ExecSpec:
    return ExecSpec(argv=("sh", "-c", script), **more)  # type: ignore[arg-type]  # its fields by name


# ---- the engine and its images


def test_it_describes_itself(engine: Engine) -> None:
    info = engine.info()
    assert info.name
    assert info.version
    assert info.cpus > 0
    assert info.memory_bytes > 0
    assert info.enforced_limits <= {
        "memory",
        "swap",
        "pids",
        "cpus",
        "cpu_shares",
        "cpuset",
        *info.enforced_limits,
    }
    assert engine.address
    assert engine.local


def test_an_image_by_name_and_by_id(engine: Engine, image: str) -> None:
    found = engine.image(image)
    assert found is not None
    assert image in found.tags
    assert engine.image(found.id) == found
    assert found.size_bytes > 0


@pytest.mark.parametrize("reference", [ABSENT, f"{ABSENT}:1", "sha256:" + "0" * 64])
def test_an_image_that_is_not_there(engine: Engine, reference: str) -> None:
    assert engine.image(reference) is None


# ---- making one


def test_create_does_not_start(engine: Engine, spec: ContainerSpec) -> None:
    container_id, _ = engine.create(spec, labels={"extra": "1"})
    found = engine.inspect(container_id)
    assert found is not None
    assert (found.state, found.running) == (ContainerState.CREATED, False)
    assert (found.name, found.image) == (spec.name, spec.image)
    assert spec.labels.items() <= found.labels.items()
    assert found.labels["extra"] == "1"
    assert abs(found.created_at_ms - time.time() * 1000) < 600_000


def test_start_twice_is_fine(engine: Engine, container: str) -> None:
    engine.start(container)
    found = engine.inspect(container)
    assert found is not None
    assert found.running
    assert found.pid > 0
    assert found.started_at


def test_a_missing_image_makes_nothing(engine: Engine, spec: ContainerSpec) -> None:
    with pytest.raises(ImageMissingError):
        engine.create(replace(spec, image=f"{ABSENT}:1"), labels={})
    assert engine.inspect(spec.name) is None


def test_a_missing_mount_source_makes_nothing(engine: Engine, spec: ContainerSpec, tmp_path: Path) -> None:
    gone = tmp_path / "gone with, a comma"
    mount = BindMount(source=str(gone), destination="/data", read_only=True)
    with pytest.raises(SpecRefusedError, match="gone with, a comma"):
        engine.create(replace(spec, mounts=(mount,)), labels={})
    assert engine.inspect(spec.name) is None
    assert not gone.exists()


def test_a_taken_name_is_a_conflict(engine: Engine, spec: ContainerSpec, container: str) -> None:
    with pytest.raises(SandboxConflictError):
        engine.create(spec, labels={})
    found = engine.inspect(spec.name)
    assert found is not None
    assert found.id == container


def test_a_start_that_the_runtime_refuses_leaves_the_container(engine: Engine, spec: ContainerSpec) -> None:
    container_id, _ = engine.create(replace(spec, user="no-such-user"), labels={})
    with pytest.raises(SpecRefusedError, match="no-such-user"):
        engine.start(container_id)
    found = engine.inspect(container_id)
    assert found is not None
    assert not found.running


def test_the_spec_is_what_runs(engine: Engine, container: str) -> None:
    script = "id -u; id -g; echo $GREETING; pwd; touch /x 2>/dev/null || echo read-only; "
    script += "grep NoNewPrivs /proc/self/status"
    said = engine.exec_capture(container, sh(script), timeout_s=20)
    expected = "1000\n1000\nhello\n/\nread-only\nNoNewPrivs:\t1\n"
    assert (said.exit_code, said.stdout.decode(), said.stderr) == (0, expected, b"")


# ---- looking


def test_inspect_by_name_and_id(engine: Engine, spec: ContainerSpec, container: str) -> None:
    assert engine.inspect(spec.name) == engine.inspect(container)
    assert engine.inspect(ABSENT) is None


def test_list_by_every_label(engine: Engine, spec: ContainerSpec, container: str) -> None:
    (found,) = engine.list(labels=["openclaw-sandbox.role=test", f"octest={spec.name}"])
    assert (found.id, found.name, found.state) == (container, spec.name, ContainerState.RUNNING)
    assert engine.list(labels=["openclaw-sandbox.role=other", f"octest={spec.name}"]) == []
    assert spec.name in [each.name for each in engine.list(labels=["octest"])]
    assert spec.name in [each.name for each in engine.list()]


def test_list_tells_what_does_not_run_only_if_asked(engine: Engine, spec: ContainerSpec) -> None:
    engine.create(spec, labels={})
    label = [f"octest={spec.name}"]
    assert engine.list(labels=label, all_states=False) == []
    assert [found.state for found in engine.list(labels=label)] == [ContainerState.CREATED]


# ---- its end


def test_remove(engine: Engine, spec: ContainerSpec, container: str) -> None:
    with pytest.raises(EngineError):
        engine.remove(container)
    assert engine.remove(container, force=True)
    assert not engine.remove(container, force=True)
    assert engine.inspect(spec.name) is None


def test_rename(engine: Engine, spec: ContainerSpec, container: str) -> None:
    other = f"{spec.name}-other"
    engine.rename(container, other)
    found = engine.inspect(other)
    assert found is not None
    assert found.id == container
    second, _ = engine.create(spec, labels={})
    with pytest.raises(SandboxConflictError):
        engine.rename(second, other)


def test_kill_and_wait(engine: Engine, container: str) -> None:
    with pytest.raises(EngineHangingError):
        engine.wait(container, timeout_s=0.3)
    engine.kill(container)
    assert engine.wait(container, timeout_s=20) == 137
    engine.kill(container)
    engine.kill("0" * 64)
    found = engine.inspect(container)
    assert found is not None
    assert (found.state, found.exit_code) == (ContainerState.EXITED, 137)


def test_kill_with_another_signal(engine: Engine, spec: ContainerSpec) -> None:
    script = "trap 'exit 5' TERM; while :; do sleep 0.05; done"
    container_id, _ = engine.create(replace(spec, command=("sh", "-c", script)), labels={})
    engine.start(container_id)
    time.sleep(0.3)
    engine.kill(container_id, signal="TERM")
    assert engine.wait(container_id, timeout_s=20) == 5


def test_stop_asks_first_and_does_not_wait_for_ever(engine: Engine, container: str) -> None:
    engine.stop(container, grace_s=1)
    found = engine.inspect(container)
    assert found is not None
    assert not found.running
    engine.stop(container, grace_s=1)


# ---- the main process


@pytest.mark.parametrize("tty", [False, True])
def test_attach_before_start_misses_nothing(engine: Engine, spec: ContainerSpec, tty: bool) -> None:
    command = ("sh", "-c", "echo out; echo err >&2; exit 7")
    container_id, _ = engine.create(replace(spec, command=command, interactive=True, tty=tty), labels={})
    stream = engine.attach(container_id, stdin=False, tty=tty)
    engine.start(container_id)
    found = Ears().listen(stream)
    stream.close()
    assert found == ((b"out\r\nerr\r\n", b"") if tty else (b"out\n", b"err\n"))
    assert engine.wait(container_id, timeout_s=20) == 7


def test_attach_passes_stdin_and_its_end(engine: Engine, spec: ContainerSpec) -> None:
    container_id, _ = engine.create(replace(spec, command=("cat",), interactive=True), labels={})
    stream = engine.attach(container_id, stdin=True, tty=False)
    engine.start(container_id)
    assert stream.write(b"some input")
    stream.close_stdin()
    assert Ears().listen(stream) == (b"some input", b"")
    stream.close()
    assert engine.wait(container_id, timeout_s=20) == 0


def test_logs(engine: Engine, spec: ContainerSpec) -> None:
    command = ("sh", "-c", "echo one; echo two; echo err >&2")
    log = LogSpec(driver=LogDriver.JSON_FILE)
    container_id, _ = engine.create(replace(spec, command=command, log=log), labels={})
    engine.start(container_id)
    engine.wait(container_id, timeout_s=20)
    for follow in (False, True):
        ears = Ears()
        engine.logs(container_id, ears.hear_out, ears.hear_err, follow=follow, tail=None)
        assert (ears.out.getvalue(), ears.err.getvalue()) == (b"one\ntwo\n", b"err\n")
    ears = Ears()
    engine.logs(container_id, ears.hear_out, ears.hear_err, follow=False, tail=1)
    assert ears.out.getvalue() + ears.err.getvalue() in (b"two\n", b"err\n")


def test_no_logs(engine: Engine, container: str) -> None:
    ears = Ears()
    for absent in (ABSENT, container):  # its log driver is none
        with pytest.raises(EngineError):
            engine.logs(absent, ears.hear_out, ears.hear_err, follow=False, tail=None)


def test_nothing_is_seen_where_nothing_ran_out_of_memory(engine: Engine, container: str) -> None:
    """The other answer cannot be asked for: not every kernel tells an engine."""
    before = time.time()
    assert engine.exec_capture(container, sh("exit 137"), timeout_s=20).exit_code == 137
    assert not engine.oom_seen(container, since_s=before - 1, until_s=time.time())


# ---- commands in it


def ended(engine: Engine, exec_id: str) -> ExecStatus:
    """Its state when it has ended: the end of its streams comes a moment before."""
    deadline = time.monotonic() + 20
    while (status := engine.exec_status(exec_id)).running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return status


def test_a_command_and_its_streams(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("cat; echo err >&2; exit 7", stdin=True))
    assert engine.exec_status(started.exec_id).exit_code is None
    assert started.stream.write(b"input")
    started.stream.close_stdin()
    assert Ears().listen(started.stream) == (b"input", b"err\n")
    started.stream.close()
    status = ended(engine, started.exec_id)
    assert (status.exit_code, status.pid > 0) == (7, True)


def test_its_environment_folder_and_user(engine: Engine, container: str) -> None:
    spec = sh("echo $A $GREETING; pwd; id -u; id -g", env={"A": "b c"}, workdir="/tmp", user="4321:8765")
    said = engine.exec_capture(container, spec, timeout_s=20)
    assert said.stdout == b"b c hello\n/tmp\n4321\n8765\n"


def test_a_command_with_a_terminal(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("tty; sleep 0.3; stty size; echo err >&2", tty=True))
    assert started.stream.resize(rows=33, columns=111)
    out, err = Ears().listen(started.stream)
    started.stream.close()
    assert (out, err) == (b"/dev/pts/0\r\n33 111\r\nerr\r\n", b"")
    ended(engine, started.exec_id)
    assert not started.stream.resize(rows=1, columns=1)


def test_closing_the_stream_does_not_end_the_command(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("sleep 600"))
    started.stream.close()
    time.sleep(0.2)
    assert engine.exec_status(started.exec_id).running
    found = engine.inspect(container)
    assert found is not None
    assert started.exec_id in found.exec_ids


def test_a_command_that_reads_no_more(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("exec <&-; sleep 600", stdin=True))
    deadline = time.monotonic() + 20
    while started.stream.write(b"x" * 65536) and time.monotonic() < deadline:
        started.stream.close()
    started.stream.close()
    assert time.monotonic() < deadline


def test_silence_beyond_the_deadline(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("echo early; sleep 600"))
    started.stream.set_deadline(0.4)
    ears = Ears()
    with pytest.raises(EngineHangingError):
        ears.listen(started.stream)
    started.stream.close()
    assert ears.out.getvalue() == b"early\n"


def test_a_sink_that_fails_does_not_end_the_command(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("echo x; sleep 600"))

    def fail(_: memoryview) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        started.stream.pump(fail, fail)
    started.stream.close()
    assert engine.exec_status(started.exec_id).running


def test_writing_while_pumping(engine: Engine, container: str) -> None:
    started = engine.exec_start(container, sh("cat", stdin=True))
    data = bytes(range(256)) * 4096

    def feed() -> None:
        started.stream.write(data)
        started.stream.close_stdin()

    threading.Thread(target=feed, daemon=True).start()
    out, _ = Ears().listen(started.stream)
    started.stream.close()
    assert out == data


def test_a_captured_command_is_cut_at_the_limit(engine: Engine, container: str) -> None:
    script = "head -c 5000 /dev/zero; head -c 5000 /dev/zero >&2"
    said = engine.exec_capture(container, sh(script), timeout_s=20, limit_bytes=7000)
    assert (said.exit_code, said.truncated) == (0, True)
    assert len(said.stdout) + len(said.stderr) == 7000


@pytest.mark.parametrize("script", ["sleep 600", "while :; do echo x; sleep 0.05; done"])
def test_a_captured_command_that_takes_too_long(script: str, engine: Engine, container: str) -> None:
    with pytest.raises(EngineHangingError):
        engine.exec_capture(container, sh(script), timeout_s=0.5)
    found = engine.inspect(container)
    assert found is not None
    assert found.running


def test_no_command_where_nothing_runs(engine: Engine, spec: ContainerSpec) -> None:
    container_id, _ = engine.create(spec, labels={})
    with pytest.raises(SandboxGoneError):
        engine.exec_start(container_id, sh("true"))
    engine.remove(container_id, force=True)
    with pytest.raises(SandboxGoneError):
        engine.exec_start(container_id, sh("true"))
    with pytest.raises(EngineError):
        engine.exec_status("0" * 64)


# ---- networks


def test_networks(engine: Engine, network: str) -> None:
    networks = engine.networks
    assert networks.find(network) is None
    assert not networks.remove(network)
    networks.create(network, subnet="10.213.7.0/28", options={}, labels={"octest": network})
    found = networks.find(network)
    assert found is not None
    assert (found.name, found.subnets, found.labels) == (network, ("10.213.7.0/28",), {"octest": network})
    with pytest.raises(NetworkTakenError):
        networks.create(network, subnet="10.213.8.0/28", options={}, labels={})
    with pytest.raises(NetworkTakenError):
        networks.create(f"{network}-2", subnet="10.213.7.0/28", options={}, labels={})
    assert networks.remove(network)
    assert networks.find(network) is None
