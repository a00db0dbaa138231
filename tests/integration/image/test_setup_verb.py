"""`setup` as its users start it, on an engine that has the image already."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, ImageName, reference_of
from tests.tool import Tool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.alone]
REFERENCE = reference_of(ImageName.SANDBOX)


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    done = Tool(tmp_path)("setup", timeout_s=600)
    assert done.status == 0, done.said
    return Tool(tmp_path)


def image_id() -> str:
    image = open_engine(os.environ).image(REFERENCE)
    assert image is not None
    return image.id


def test_a_second_time_changes_nothing_and_says_so(tool: Tool) -> None:
    before = image_id()
    done = tool("setup")
    assert done.status == 0
    assert done.text.splitlines()[0] == f"{REFERENCE} {before} (kept)"
    assert "up to date: nothing to build" in done.said
    assert image_id() == before
    assert tool("setup", "-q").said == ""


def test_events_are_lines_of_json_and_the_last_is_the_result(tool: Tool) -> None:
    done = tool("setup", "--json")
    *events, result = [json.loads(line) for line in done.text.splitlines()]
    assert done.said == ""
    assert [(event["event"], event["phase"]) for event in events] == [
        ("done", "engine"),
        ("done", "build"),
        ("done", "build"),
    ]
    assert all({"text", "elapsed_s"} <= event.keys() for event in events)
    assert result["event"] == "result"
    assert result["bundle"] is None
    image = result["images"][0]
    assert (image["reference"], image["action"], image["id"]) == (REFERENCE, "kept", image_id())
    assert image["tools"] == ["bash", "curl", "git", "jq", "python3", "rg"]


def test_the_plan_is_shown_and_nothing_is_done(tool: Tool) -> None:
    before = image_id()
    planned = tool("setup", "--dry-run", "--force").said.splitlines()
    assert planned[-2:] == [
        f"build {REFERENCE}: --force",
        f"build {GATEWAY_REFERENCE}: its base will be new",
    ]
    assert tool("setup", "--dry-run", "--json").text.count("up to date") == 2
    assert image_id() == before


def test_the_check_proves_every_item(tool: Tool) -> None:
    done = tool("setup", "--check")
    assert done.status == 0, done.text + done.said
    for line in ("user               uid 1000", "root file system   read-only", "network            none"):
        assert line in done.text
    assert "FAIL" not in done.text


def test_the_check_as_json(tool: Tool) -> None:
    answer: dict[str, Any] = tool("setup", "--check", "--json").document
    assert answer["ok"] is True
    (image,) = answer["images"]
    wanted = {
        "reference",
        "id",
        "digest",
        "size_bytes",
        "age_s",
        "base",
        "base_source",
        "recipe",
        "ok",
        "checks",
    }
    assert wanted <= image.keys()
    names = [check["name"] for check in image["checks"]]
    assert names[:4] == ["user", "root file system", "workspace", "network"]
    assert names[-6:] == image["tools"]
    assert all(check["ok"] for check in image["checks"])


def test_the_check_leaves_no_container(tool: Tool) -> None:
    tool("setup", "--check")
    assert not [c for c in open_engine(os.environ).list() if str(tool.home) in str(c.labels)]


def test_nothing_is_removed_without_a_terminal(tool: Tool) -> None:
    before = image_id()
    done = tool("setup", "--uninstall")
    assert done.status == 2
    assert f"image {REFERENCE}" in done.said
    assert "There is no terminal to ask at" in done.said
    assert "--force" in done.said
    assert tool("setup", "--uninstall", "--json").document["error"]["code"] == "prompt.refused"
    assert tool("setup", "--uninstall", "--dry-run").status == 0
    assert image_id() == before


def at_terminal(tool: Tool, *words: str, answer: bytes = b"") -> tuple[int, str]:
    """Run the tool at a terminal of its own; its status and what stood on the screen."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        tool.argv(*words),
        stdin=child,
        stdout=child,
        stderr=child,
        env=tool.environment({"TERM": "xterm"}),
        start_new_session=True,
    )
    os.close(child)
    if answer:
        os.write(parent, answer)
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([parent], [], [], 0.2)[0]:
            try:
                seen += os.read(parent, 65536)
            except OSError:  # the terminal was closed: the tool has ended
                break
    os.close(parent)
    return process.wait(10), seen.decode("utf-8", "replace")


def test_a_no_at_the_terminal_removes_nothing(tool: Tool) -> None:
    before = image_id()
    status, screen = at_terminal(tool, "setup", "--uninstall", answer=b"n\n")
    assert status == 2
    assert "[y/N]" in screen
    assert "Nothing was removed." in screen
    assert image_id() == before


def test_a_terminal_shows_what_is_done(tool: Tool) -> None:
    status, screen = at_terminal(tool, "setup")
    assert status == 0
    assert "✓" in screen
    assert "up to date" in screen


def test_a_running_engine_is_not_installed_again(tool: Tool) -> None:
    done = tool("setup", "--install-engine", env={"DOCKER_HOST": "", "DOCKER_CONTEXT": ""})
    assert done.status == 0, done.said
    assert "An engine is running already" in done.said


def test_a_bundle_holds_all_images_and_spares_every_build(tool: Tool) -> None:
    path = tool.home / "bundle.tar"
    saved = tool("setup", "--save", str(path), timeout_s=600)
    assert saved.status == 0, saved.said
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("openclaw-sandbox-bundle.json") or io.StringIO())
    assert [item["reference"] for item in manifest["images"]] == [REFERENCE, GATEWAY_REFERENCE]
    planned = tool("setup", "--base", str(path), "--dry-run").said.splitlines()
    assert planned[-2:] == [f"load {name} from {path}" for name in (REFERENCE, GATEWAY_REFERENCE)]
    done = tool("setup", "--base", str(path), "--json", timeout_s=600)
    result = json.loads(done.text.splitlines()[-1])
    assert [(item["name"], item["action"]) for item in result["images"]] == [
        ("sandbox", "loaded"),
        ("egress", "loaded"),
    ]


def test_bundles_that_are_none_are_refused(tool: Tool) -> None:
    before = image_id()
    (tool.home / "x.tar").write_text("hello")
    done = tool("setup", "--base", "x.tar")
    assert done.status == 2
    assert "x.tar is no bundle" in done.said
    assert image_id() == before


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["--arch", "sparc"], 2, "--arch: this engine runs"),
        (["--ca-file", "/nonexistent"], 2, "--ca-file: /nonexistent cannot be used: No such file"),
        (["--ca-file", "/etc/passwd"], 2, "it holds no certificate"),
        (["--mirror", "ftp://m.example"], 2, "is not the URL of a package mirror"),
        (
            ["--force", "--base", "bootstrap", "--mirror", "http://127.0.0.1:9/debian"],
            1,
            "mirror does not answer",
        ),
        (["--force", "--base", "local", "--suite", "octest"], 1, "no local image debian:octest-slim"),
    ],
)
def test_what_cannot_be_done_is_one_clear_message(
    argv: list[str], status: int, words: str, tool: Tool
) -> None:
    before = image_id()
    done = tool("setup", *argv)
    assert done.status == status
    errors = [line for line in done.said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert image_id() == before
