"""The stream of a build. The lines are the classic builder's, Docker 20.10.24."""

from __future__ import annotations

import pytest

from openclaw_sandbox.engine.docker.buildlog import BuildLog, shorten
from openclaw_sandbox.engine.images import BuildStep
from openclaw_sandbox.errors import VerbFailedError

GOOD = [
    {"stream": "Step 1/2 : FROM ${BASE} AS packages"},
    {"stream": "\n"},
    {"stream": " ---> c087e0ecb505\n"},
    {"stream": "Step 2/2 : RUN echo one;     echo two"},
    {"stream": "\n"},
    {"stream": " ---> Running in a1b2\n"},
    {"stream": "\x1b[91mone\n\x1b[0mtw"},
    {"stream": "o\r\n"},
    {"stream": "Removing intermediate container a1b2\n"},
    {"aux": {"ID": "sha256:stage"}},
    {"aux": {"ID": "sha256:final"}},
    {"stream": "Successfully built 1234\n"},
]


def feed(*events: dict[str, object]) -> tuple[BuildLog, list[BuildStep | str]]:
    heard: list[BuildStep | str] = []
    log = BuildLog(heard.append)
    for event in events:
        log.feed(event)
    return log, heard


def test_steps_lines_and_the_last_id() -> None:
    log, heard = feed(*GOOD)
    assert heard == [
        BuildStep(number=1, of=2, instruction="FROM ${BASE} AS packages"),
        BuildStep(number=2, of=2, instruction="RUN echo one; echo two"),
        "one",
        "two",
    ]
    assert log.result() == "sha256:final"


def test_a_failed_step_is_named_with_its_last_lines() -> None:
    message = "The command '/bin/sh -c echo one;     echo two' returned a non-zero code: 100"
    with pytest.raises(VerbFailedError) as caught:
        feed(*GOOD[:8], {"errorDetail": {"code": 100, "message": message}, "error": message})
    assert caught.value.brief == "The image build failed at step 2/2, RUN echo one; echo two: exit status 100"
    assert caught.value.details == ("one", "two")


def test_a_line_without_an_end_is_not_lost() -> None:
    with pytest.raises(VerbFailedError) as caught:
        feed({"stream": "Step 1/1 : RUN x"}, {"stream": "last words"}, {"error": "boom"})
    assert caught.value.details == ("last words",)
    assert "boom" in caught.value.brief


def test_a_full_disk_has_its_own_hint() -> None:
    with pytest.raises(VerbFailedError) as caught:
        feed({"error": "write /var/lib/x: no space left on device"})
    assert "docker system df" in caught.value.hint
    assert caught.value.brief.startswith("The image build failed: write")


def test_a_stream_without_an_image() -> None:
    log, _ = feed({"stream": "Step 1/1 : FROM x"})
    with pytest.raises(VerbFailedError, match="without an image"):
        log.result()


def test_shorten() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"
