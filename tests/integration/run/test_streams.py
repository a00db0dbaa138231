"""Bytes in, bytes out: apart, as they come, identical, in constant memory, and never a reader too slow."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.sandbox import eventually, matching

if TYPE_CHECKING:
    from tests.integration.sandbox import Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.alone]

MIB = 1 << 20

#: Writes MiB that all differ, and at the end their SHA-256 on stderr.
GENERATE = r"""
import hashlib, os, sys
block, digest = os.urandom(1 << 20), hashlib.sha256()
for n in range(int(sys.argv[1])):
    piece = block[n % 4096 :] + n.to_bytes(8, "big") + block[: n % 4096]
    digest.update(piece)
    sys.stdout.buffer.write(piece)
sys.stdout.flush()
sys.stderr.write(digest.hexdigest())
"""


def test_exactly_what_the_command_says(warm: Sandbox) -> None:
    done = warm.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.status, done.out, done.err) == (7, b"out\n", b"err\n")


def peak_rss(pid: int) -> int:
    """Bytes; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) * 1024 if found else 0


def test_a_gigabyte_of_bytes_arrives_identical_in_constant_memory(warm: Sandbox) -> None:
    small = warm.start("python3", "-c", GENERATE, "1")
    peaks = {}
    for size, process in ((1, small), (1024, warm.start("python3", "-c", GENERATE, "1024"))):
        assert process.stdout
        assert process.stderr
        digest, length, peak = hashlib.sha256(), 0, 0
        while piece := process.stdout.read(MIB):
            digest.update(piece)
            length += len(piece)
            peak = max(peak, peak_rss(process.pid))
        expected = process.stderr.read().decode()
        _finish(process)
        assert process.returncode == 0
        assert digest.hexdigest() == expected
        assert length >= size * MIB
        peaks[size] = peak
    assert peaks[1024] < peaks[1] + 16 * MIB


def _finish(process: subprocess.Popen[bytes]) -> None:
    process.wait(60)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream and not stream.closed:
            stream.close()


def test_five_megabytes_of_stdin_arrive_identical(warm: Sandbox) -> None:
    data = os.urandom(5 * MIB)
    done = warm.run("sha256sum", stdin=data)
    assert done.text.split()[0] == hashlib.sha256(data).hexdigest()
    echoed = warm.run("cat", stdin=data)
    assert echoed.out == data


def test_with_a_container_of_its_own_too(warm: Sandbox) -> None:
    data = os.urandom(5 * MIB)
    done = warm.run("sh", "-c", "cat; echo err >&2; exit 7", flags=["--rm"], stdin=data)
    assert (done.status, done.out == data, done.err) == (7, True, b"err\n")


def test_output_comes_as_it_is_written(warm: Sandbox) -> None:
    process = warm.start("sh", "-c", "printf c; sleep 60")
    assert process.stdout
    try:
        assert select.select([process.stdout], [], [], 20)[0], "the first byte is not kept back"
        assert os.read(process.stdout.fileno(), 10) == b"c"
        assert process.poll() is None
    finally:
        process.terminate()
        _finish(process)


def test_stdin_goes_in_as_it_is_written(warm: Sandbox) -> None:
    process = warm.start("sh", "-c", 'read line; echo "got $line"; read line; echo "got $line"')
    assert process.stdin
    assert process.stdout
    for word in (b"one", b"two"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"got " + word + b"\n"
    _finish(process)
    assert process.returncode == 0


def test_a_command_that_ignores_its_stdin(warm: Sandbox) -> None:
    done = warm.run("true", stdin=b"x" * MIB)
    assert (done.status, done.err) == (0, b"")


def test_a_command_that_closes_its_stdin(warm: Sandbox) -> None:
    done = warm.run("sh", "-c", "exec <&-; sleep 0.2; echo done", stdin=b"x" * MIB)
    assert (done.status, done.out, done.err) == (0, b"done\n", b"")


@pytest.mark.parametrize(
    ("redirection", "script", "status", "out"),
    [
        ("<&-", "cat; echo done", 0, b"done\n"),
        ("2>&-", "echo out; echo err >&2; exit 7", 7, b"out\n"),
        (">&-", "exit 7", 7, b""),
        ("<&- >&- 2>&-", "exit 7", 7, b""),
    ],
)
def test_streams_that_were_closed_from_the_start(
    warm: Sandbox, redirection: str, script: str, status: int, out: bytes
) -> None:
    argv = warm.tool.argv("run", "--", "sh", "-c", script)
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=warm.tool.environment(),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, out, b"")


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_output_that_cannot_be_written(warm: Sandbox, where: str) -> None:
    argv = warm.tool.argv("run", "--", "sh", "-c", "echo out; exec sleep 611")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {where}', "sh", *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=warm.tool.environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 125
    assert b"its output could not be written" in done.stderr
    eventually(lambda: not list(matching(warm.processes(), "sleep 611")))


def test_a_reader_that_leaves_ends_the_command(warm: Sandbox) -> None:
    process = warm.start("sh", "-c", "echo first; exec yes reader-left")
    assert process.stdout
    assert process.stdout.readline() == b"first\n"
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr
    assert process.stderr.read() == b""
    _finish(process)
    assert not list(matching(warm.processes(), "reader-left"))


def test_a_slow_reader_is_waited_for(warm: Sandbox) -> None:
    process = warm.start("python3", "-c", GENERATE, "3")
    assert process.stdout
    assert process.stderr
    time.sleep(1)  # it takes nothing: pipes are full, the command is stopped by that
    digest = hashlib.sha256()
    while piece := process.stdout.read(100_000):
        digest.update(piece)
        time.sleep(0.01)
    assert digest.hexdigest() == process.stderr.read().decode()
    _finish(process)


def test_a_reader_that_stalls_does_not_stop_the_clock(warm: Sandbox) -> None:
    process = warm.start("yes", "stalled-reader", flags=["--timeout", "1"])
    assert process.wait(60) == 124
    _finish(process)
    assert not list(matching(warm.processes(), "stalled-reader"))


def test_descriptors_that_do_not_block(warm: Sandbox) -> None:
    """Whoever started us may share them with an event loop that made them so."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    source, sink = os.pipe()
    os.set_blocking(source, False)
    process = warm.start(
        "sh", "-c", "read line; head -c 1000000 /dev/zero; echo $line", stdin=source, stdout=writer
    )
    os.close(writer)
    os.close(source)
    time.sleep(1)
    os.write(sink, b"late\n")
    os.close(sink)
    with os.fdopen(reader, "rb") as output:
        received = output.read()
    assert process.wait(60) == 0
    _finish(process)
    assert received == b"\0" * 1_000_000 + b"late\n"


def test_too_much_output_is_cut_in_the_middle(warm: Sandbox) -> None:
    done = warm.run(
        "sh", "-c", "yes | head -c 300000; echo end; exec sleep 612", flags=["--max-output", "64k"]
    )
    assert done.status == 137
    assert done.out.startswith(b"y\ny\n")
    assert 64 * 1024 <= len(done.out) <= 96 * 1024
    assert "it wrote more than 64 KiB" in done.said
    assert not list(matching(warm.processes(), "sleep 612"))
