"""An engine that fails in the middle of `list`, `ensure`, `recreate` or `prune`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import fake_engine
from tests.integration.fake_engine import IMAGE, Scripted, reply, serving
from tests.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HURRIED = (
    sys.executable,
    "-c",
    "import sys\n"
    "from openclaw_sandbox.engine.docker import engine\n"
    "engine._QUICK_S = engine._SLOW_S = 0.5\n"
    "from openclaw_sandbox.cli.app import run_cli\n"
    "sys.exit(run_cli(sys.argv[1:]))",
)
VERBS = (("list",), ("list", "--json"), ("ensure",), ("recreate", "--all", "--force"), ("prune",))
HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n[{"Id": "abc'
FAULTS = {
    "silent": (fake_engine.silent, "does not answer within 0.5 s"),
    "reset": (fake_engine.reset, "broke"),
    "half an answer": (HALF, "broke off"),
    "500": (reply(500, {"message": "on fire"}), "status 500"),
    "500 too deep": (reply(500, raw=b"[" * 200_000), "status 500"),
    "no JSON": (reply(200, raw=b"<html>"), "not JSON"),
    "no list": (reply(200, {"Id": 5}), "makes no sense"),
    "odd items": (reply(200, [{"Names": 5}, 7]), "makes no sense"),
    "too deep": (reply(200, raw=b"[" * 200_000), "not JSON"),
    "an endless time": (reply(200, raw=b'[{"Id": "a", "Created": 1e400}]'), "makes no sense"),
}
ENTRY = {
    "containerName": "openclaw-sbx-agent-main-f331f052",
    "sessionKey": "agent:main",
    "createdAtMs": 1,
    "lastUsedAtMs": 2,
    "image": "openclaw-sandbox:bookworm-slim",
    "configHash": "h",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="octest-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def tool(folder: Path) -> Tool:
    """A home with one registered container."""
    home = folder / "home"
    registry = home / ".openclaw" / "sandbox" / "containers.json"
    registry.parent.mkdir(parents=True)
    registry.write_text(json.dumps({"entries": [ENTRY]}, indent=2) + "\n")
    return Tool(home, env={"DOCKER_HOST": f"unix://{folder}/e.sock"}, start_with=HURRIED)


def entries(tool: Tool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((tool.state / "sandbox" / "containers.json").read_text())[
        "entries"
    ]
    return found


#: Every fault with one verb, and every verb with the faults that end differently.
CASES = [(("list",), name) for name in FAULTS] + [
    (words, name) for words in VERBS[1:] for name in ("silent", "half an answer")
]


@pytest.mark.parametrize(("words", "name"), CASES, ids=str)
def test_an_engine_error_is_an_error(folder: Path, tool: Tool, words: tuple[str, ...], name: str) -> None:
    fault, said = FAULTS[name]
    engine = Scripted(overrides={r"GET /containers/.*": fault})
    with serving(folder / "e.sock", engine):
        done = tool(*words)
    assert done.status == 125, done.said
    assert said in (done.text if "--json" in words else done.said)
    assert "Traceback" not in done.said + done.text
    assert "bug" not in done.said
    assert entries(tool) == [ENTRY]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_no_engine(folder: Path, tool: Tool, words: tuple[str, ...]) -> None:
    done = tool(*words)
    assert done.status == 125
    assert len([line for line in (done.text + done.said).splitlines() if "does not exist" in line]) == 1
    assert entries(tool) == [ENTRY]


def listed(name: str, **labels: str) -> dict[str, Any]:
    said = {
        "openclaw.sandbox": "1",
        "openclaw.sessionKey": "agent:main",
        "openclaw.configHash": "h",
        **labels,
    }
    return {
        "Id": "c" * 64,
        "Names": [f"/{name}"],
        "Image": "openclaw-sandbox:bookworm-slim",
        "ImageID": IMAGE["Id"],
        "Labels": said,
        "State": "exited",
        "Created": 1,
        "Mounts": [],
    }


def removal(answered: Callable[..., None] | bytes) -> Scripted:
    here = reply(200, [listed(ENTRY["containerName"])])
    return Scripted(
        overrides={
            r"GET /containers/json": here,
            r"DELETE .*": answered,
            r"GET /v[0-9.]+/networks": reply(200, []),
            r"GET /v[0-9.]+/volumes": reply(200, {"Volumes": []}),
        }
    )


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (reply(500, {"message": "device or resource busy"}), "device or resource busy"),
        (fake_engine.silent, "does not answer"),
        (b"", "broke"),
    ],
    ids=["refused", "silent", "lost"],
)
@pytest.mark.parametrize("words", [("recreate", "--all", "--force"), ("prune",)], ids=" ".join)
def test_an_entry_is_kept_when_its_container_is(
    folder: Path, tool: Tool, words: tuple[str, ...], answered: Callable[..., None] | bytes, said: str
) -> None:
    with serving(folder / "e.sock", removal(answered)):
        done = tool(*words)
    assert done.status == 1, done.said
    assert f"{ENTRY['containerName']} was not removed" in done.said
    assert said in done.said
    assert entries(tool) == [ENTRY]


@pytest.mark.parametrize("what", ["networks", "volumes"])
@pytest.mark.parametrize("odd", [[5], "text"], ids=str)
def test_odd_networks_and_volumes(folder: Path, tool: Tool, what: str, odd: object) -> None:
    """Asked last: what was pruned until then is told, and the rest is an engine's error."""
    engine = removal(reply(204))
    engine.overrides[rf"GET /v[0-9.]+/{what}"] = reply(200, odd)
    with serving(folder / "e.sock", engine):
        done = tool("prune")
    assert done.status == 125, done.said
    assert "was asked to list networks and volumes and gave an answer that makes no sense" in done.said
    assert f"removed container {ENTRY['containerName']}" in done.text
    assert entries(tool) == []


@pytest.mark.parametrize(
    "answered",
    [
        reply(204),
        reply(404, {"message": "No such container"}),
        reply(409, {"message": "removal of container x is already in progress"}),
    ],
    ids=["removed", "gone", "going"],
)
def test_gone_is_gone(folder: Path, tool: Tool, answered: bytes) -> None:
    with serving(folder / "e.sock", removal(answered)):
        done = tool("recreate", "--all", "--force", "--json")
    assert done.status == 0, done.said
    assert [found["containerName"] for found in done.document["removed"]] == [ENTRY["containerName"]]
    assert entries(tool) == []


def test_a_full_disk_under_the_state_folder(folder: Path, tool: Tool) -> None:
    """The new registry does not fit: the old one stays whole, and the container is gone as said."""
    big = [
        {**ENTRY, "containerName": f"x{n}", "sessionKey": f"agent:x{n}", "theirs": "x" * 300}
        for n in range(100)
    ]
    path = tool.state / "sandbox" / "containers.json"
    path.write_text(json.dumps({"entries": [*big, ENTRY]}, indent=2) + "\n")
    before = path.read_bytes()
    limited = Tool(tool.home, env=tool.env, before=("prlimit", "--fsize=4096"), start_with=tool.start_with)
    with serving(folder / "e.sock", removal(reply(204))):
        done = limited("recreate", "--session", "agent:main", "--force")
    assert done.status == 125
    assert "cannot be written" in done.said
    assert "Traceback" not in done.said
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if p.suffix == ".tmp"] == []
