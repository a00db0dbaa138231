"""What engines say, and what it means. Each sentence was read from the engine named beside it."""

from __future__ import annotations

import json

import pytest

from openclaw_sandbox.engine.docker.failure import (
    NotStarted,
    classify_exec,
    classify_last_step,
    create_failure,
    exec_failure,
    may_be_complaint,
    message_of,
    plain_failure,
)
from openclaw_sandbox.errors import (
    EngineError,
    ImageMissingError,
    SandboxConflictError,
    SandboxGoneError,
    SpecRefusedError,
)

# Docker 20.10.24: first the stream of an exec, then what the status must be.
COMPLAINTS = [
    (
        b'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable '
        b"file not found in $PATH: unknown\r\n",
        NotStarted.NOT_FOUND,
    ),
    (
        b'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": '
        b"permission denied: unknown\r\n",
        NotStarted.NOT_EXECUTABLE,
    ),
    (
        b'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/nope") '
        b"set in config.json failed: no such file or directory: unknown\r\n",
        NotStarted.SANDBOX,
    ),
]


@pytest.mark.parametrize(("said", "reason"), COMPLAINTS)
def test_a_command_that_never_started(said: bytes, reason: NotStarted) -> None:
    failure = classify_exec(126, 0, said, "nope")
    assert failure is not None
    assert failure.reason is reason


@pytest.mark.parametrize(("said", "reason"), COMPLAINTS)
def test_a_command_that_prints_the_same_is_not_ours(said: bytes, reason: NotStarted) -> None:
    assert classify_exec(126, 4711, said, "liar") is None


INIT_SAYS = b"[FATAL tini (7)] exec %s failed: %s\n"


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (127, INIT_SAYS % (b"nope", b"No such file or directory"), NotStarted.NOT_FOUND),
        (126, INIT_SAYS % (b"nope", b"Permission denied"), NotStarted.NOT_EXECUTABLE),
        (1, INIT_SAYS % (b"nope", b"Exec format error"), NotStarted.NOT_EXECUTABLE),
        (127, b"[FATAL tini (7)] exec nope failed: No such file or directory\r\n", NotStarted.NOT_FOUND),
        # runc 1.1.5: the file was there, its interpreter not; or it is no program at all.
        (1, b"exec /workspace/nope: no such file or directory\n", NotStarted.NOT_FOUND),
        (1, b"exec nope: exec format error\n", NotStarted.NOT_EXECUTABLE),
        (1, b"exec /usr/bin/nope: argument list too long\n", NotStarted.NOT_EXECUTABLE),
        (1, b"exec /sbin/docker-init: argument list too long\n", NotStarted.NOT_EXECUTABLE),
    ],
)
def test_a_process_that_did_not_become_the_command(status: int, said: bytes, reason: NotStarted) -> None:
    failure = classify_last_step(status, said, "nope")
    assert failure is not None
    assert failure.reason is reason
    assert failure.brief.startswith("nope: ")
    assert may_be_complaint(said)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (2, INIT_SAYS % (b"nope", b"No such file or directory")),
        (127, INIT_SAYS % (b"another", b"No such file or directory")),
        (1, b"exec /workspace/another: exec format error\n"),
        (1, b"exec nope: something else\n"),
        (127, b"sh: 1: nope: not found\n"),
        (127, (INIT_SAYS % (b"nope", b"No such file")) + b"and more\n"),
        (127, b""),
    ],
)
def test_anything_else_is_the_commands_own_word(status: int, said: bytes) -> None:
    assert classify_last_step(status, said, "nope") is None


def test_other_output_is_the_commands_own() -> None:
    assert classify_exec(127, 0, b"sh: 1: nope: not found\n", "sh") is None


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (404, "No such image: x:y", ImageMissingError, "x:y"),
        (409, 'Conflict. The container name "/a" is already in use', SandboxConflictError, "taken"),
        (
            400,
            'invalid mount config for type "bind": bind source path does not exist: /gone',
            SpecRefusedError,
            "/gone does not exist",
        ),
        (
            400,
            'invalid mount config for type "bind": bind source path does not exist: /two words, gone',
            SpecRefusedError,
            "/two words, gone does not exist",
        ),
        (500, "mkdir /var/lib/docker/overlay2/x: no space left on device", SpecRefusedError, "disk is full"),
        (400, "Unknown runtime specified runsc", SpecRefusedError, "runsc"),
        (404, "network nosuch not found", SpecRefusedError, "nosuch"),
        (500, "something nobody has seen", SpecRefusedError, "refused"),
    ],
)
def test_refusals_name_the_cause(status: int, said: str, kind: type, words: str) -> None:
    error = create_failure(status, json.dumps({"message": said}).encode(), "x:y")
    assert type(error) is kind
    assert words in error.brief


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (409, "Container 5c080e5d is not running", SandboxGoneError),
        (409, "Container 5c080e5d is paused, unpause the container before exec", SandboxGoneError),
        (404, "No such container: 5c080e5d", SandboxGoneError),
        (500, "something nobody has seen", EngineError),
    ],
)
def test_a_refused_exec_tells_whether_the_container_went(status: int, said: str, kind: type) -> None:
    error = exec_failure(status, json.dumps({"message": said}).encode())
    assert (type(error), error.details) == (kind, (said,))


@pytest.mark.parametrize("body", [b"", b"plain", b"[1]", b'{"message": 5}', b"\xff\xfe"])
def test_any_body_is_survived(body: bytes) -> None:
    assert isinstance(message_of(body), str)
    assert plain_failure(500, body, "try").details


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        (
            "Requested CPUs are not available - requested 0-99, available: 0-1",
            "resource_limits.cpuset",
            "it has 0-1",
        ),
        (
            "Minimum memory limit can not be less than memory reservation limit, see usage",
            "resource_limits.memory_reservation",
            "more than the memory limit",
        ),
        (
            "Failed to limit qgroup for &{}: disk quota exceeded",
            "resource_limits.disk",
            "less than the image",
        ),
        ("Minimum memory limit allowed is 6MB", "docker.memory", "minimum (6MB)"),
        (
            "runc create failed: error closing exec fds: open /proc/self/fd: too many open files: unknown",
            "ulimits.nofile",
            "no container starts",
        ),
    ],
)
def test_a_refused_limit_is_named_by_its_key(said: str, key: str, words: str) -> None:
    error = create_failure(400, json.dumps({"message": said}).encode(), "x:1")
    assert words in error.brief
    assert key in error.brief + error.hint
