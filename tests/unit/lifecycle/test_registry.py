"""The file that is shared with OpenClaw: what is kept, what is refused, what is rebuilt."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle import registry_file
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry, Source, parse_entry

#: As OpenClaw 2026.2.17 writes it.
THEIRS = """{
  "entries": [
    {
      "containerName": "openclaw-sbx-agent-main-f331f052",
      "sessionKey": "agent:main",
      "createdAtMs": 1760000000000,
      "lastUsedAtMs": 1760000005000,
      "image": "openclaw-sandbox:bookworm-slim",
      "configHash": "8ee2377138878d5d7089a7cf6d1ebd889e00bcc44b327a640f70889976dfb93e"
    }
  ]
}
"""


def entry(name: str = "sbx", **values: Any) -> Entry:
    defaults = {
        "session_key": "agent:main",
        "created_at_ms": 1000,
        "last_used_at_ms": 2000,
        "image": "image:1",
        "config_hash": "h1",
    }
    return Entry(container_name=name, **{**defaults, **values})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def put(tmp_path: Path, text: str | bytes, name: str = "containers.json") -> Path:
    path = tmp_path / "sandbox" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- what OpenClaw writes


def test_no_file_is_an_empty_registry(registry: Registry, tmp_path: Path) -> None:
    assert registry.entries(Kind.CONTAINER) == []
    assert list(tmp_path.iterdir()) == []


def test_their_file_is_read_and_written_byte_for_byte(registry: Registry, tmp_path: Path) -> None:
    path = put(tmp_path, THEIRS)
    (found,) = registry.entries(Kind.CONTAINER)
    assert (found.session_key, found.last_used_at_ms, found.backend) == (
        "agent:main",
        1760000005000,
        "docker",
    )
    assert registry_file.encode(registry_file.read(path)).decode() == THEIRS


def test_a_browser_keeps_its_ports(registry: Registry, tmp_path: Path) -> None:
    browser = {**json.loads(THEIRS)["entries"][0], "cdpPort": 49153, "noVncPort": 49154}
    put(tmp_path, json.dumps({"entries": [browser]}), "browsers.json")
    (found,) = registry.entries(Kind.BROWSER)
    registry.touch(Kind.BROWSER, entry(found.container_name, last_used_at_ms=1770000000000))
    (again,) = json.loads((tmp_path / "sandbox" / "browsers.json").read_text())["entries"]
    assert (again["cdpPort"], again["noVncPort"], again["lastUsedAtMs"]) == (49153, 49154, 1770000000000)


def test_what_others_wrote_stays(registry: Registry, tmp_path: Path) -> None:
    others = [7, None, "text", {"containerName": 5}, {"note": "x"}, {"containerName": "b", "theirs": [1, {}]}]
    path = put(tmp_path, json.dumps({"before": 1, "entries": others, "after": {"x": None}}))
    registry.remember(Kind.CONTAINER, [entry("a")])
    document = json.loads(path.read_text())
    assert {k: v for k, v in document.items() if k != "entries"} == {"before": 1, "after": {"x": None}}
    assert document["entries"][:-1] == others
    assert document["entries"][-1]["containerName"] == "a"


@pytest.mark.parametrize(
    "raw",
    [
        {"containerName": "a", "createdAtMs": "soon", "lastUsedAtMs": None, "image": 5, "configHash": {}},
        {"containerName": "a", "createdAtMs": True, "sessionKey": []},
        {"containerName": "a", "createdAtMs": -1e308, "lastUsedAtMs": -5},
    ],
)
def test_odd_fields_read_as_absent(raw: dict[str, Any]) -> None:
    found = parse_entry(raw)
    assert found is not None
    assert (found.created_at_ms, found.last_used_at_ms, found.image, found.config_hash) == (0, 0, "", None)


# ---- changing it


def test_the_latest_stands_last_and_unknown_fields_stay(registry: Registry, tmp_path: Path) -> None:
    old = [{**entry("a").document(), "theirs": 1}, entry("b").document()]
    path = put(tmp_path, json.dumps({"entries": old}))
    registry.remember(Kind.CONTAINER, [entry("a", last_used_at_ms=9000, config_hash="h2")])
    names = [e["containerName"] for e in json.loads(path.read_text())["entries"]]
    assert names == ["b", "a"]
    assert json.loads(path.read_text())["entries"][1] == {
        **entry("a", last_used_at_ms=9000, config_hash="h2").document(),
        "theirs": 1,
    }


def test_touch_keeps_when_and_from_what_it_was_made(registry: Registry) -> None:
    registry.remember(Kind.CONTAINER, [entry("a")])
    registry.touch(Kind.CONTAINER, entry("a", created_at_ms=5, image="other", last_used_at_ms=90_000))
    (found,) = registry.entries(Kind.CONTAINER)
    assert (found.created_at_ms, found.image, found.last_used_at_ms) == (1000, "image:1", 90_000)


def test_touch_makes_a_lost_entry(registry: Registry) -> None:
    registry.touch(Kind.CONTAINER, entry("a"))
    assert registry.find(Kind.CONTAINER, "a") == entry("a")


@pytest.mark.parametrize(
    ("later_ms", "written"), [(0, False), (9_999, False), (10_000, True), (60_000, True), (-1, True)]
)
def test_a_burst_is_written_down_once(
    registry: Registry, tmp_path: Path, later_ms: int, *, written: bool
) -> None:
    registry.remember(Kind.CONTAINER, [entry("a", last_used_at_ms=10_000)])
    before = (tmp_path / "sandbox" / "containers.json").stat().st_ino
    registry.touch(Kind.CONTAINER, entry("a", last_used_at_ms=10_000 + later_ms))
    assert ((tmp_path / "sandbox" / "containers.json").stat().st_ino != before) is written


def test_forget_spares_a_container_that_was_made_anew(registry: Registry) -> None:
    registry.remember(Kind.CONTAINER, [entry("a"), entry("b"), entry("c")])
    registry.forget(Kind.CONTAINER, [entry("a"), entry("b", created_at_ms=999)])
    assert [e.container_name for e in registry.entries(Kind.CONTAINER)] == ["b", "c"]


def test_modes_and_leftovers(registry: Registry, tmp_path: Path) -> None:
    put(tmp_path, "{}")
    left = tmp_path / "sandbox" / ".containers.json.0123.tmp"
    left.write_text("half")
    registry.remember(Kind.CONTAINER, [entry()])
    folder = tmp_path / "sandbox"
    assert sorted(p.name for p in folder.iterdir()) == ["containers.json", "registry.lock"]
    assert (folder / "containers.json").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_file(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, THEIRS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateFileError, match="No space left on device"):
        registry.remember(Kind.CONTAINER, [entry()])
    assert path.read_text() == THEIRS
    assert sorted(p.name for p in path.parent.iterdir()) == ["containers.json", "registry.lock"]


def test_a_busy_registry_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openclaw_sandbox.lifecycle import registry as module
    from openclaw_sandbox.lifecycle.locks import acquire

    monkeypatch.setattr(module, "_LOCK_TIMEOUT_S", 0.05)
    held = acquire(tmp_path / "sandbox" / "registry.lock", timeout_s=0)
    assert held is not None
    with pytest.raises(StateFileError, match="Another process has held"):
        Registry(tmp_path).remember(Kind.CONTAINER, [entry()])
    held.release()


# ---- damage

DAMAGED = {
    "empty": b"",
    "blank": b" \n",
    "half": THEIRS[: len(THEIRS) // 2].encode(),
    "null": b"null",
    "a list": b"[]",
    "a number": b"5",
    "no list of entries": b'{"entries": {"a": 1}}',
    "entries null": b'{"entries": null}',
    "not UTF-8": b'{"entries": ["\xff\xfe"]}',
    "UTF-16": THEIRS.encode("utf-16"),
    "NaN": b'{"entries": [NaN]}',
    "infinite": b'{"entries": [1e999]}',
    "deep": b"[" * 100_000,
    "a huge number": b'{"entries": [' + b"9" * 5000 + b"]}",
    "zeroes": b"\0" * 8192,
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_set_aside_and_rebuilt(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path, content)
    said: list[str] = []
    survivor = entry("kept")
    registry = Registry(tmp_path, survivors=lambda kind: [survivor], warn=said.append)
    assert registry.entries(Kind.CONTAINER) == [survivor]
    (aside,) = path.parent.glob("containers.json.corrupt-*")
    assert aside.read_bytes() == content
    assert len(said) == 1
    assert aside.name in said[0]
    assert registry.entries(Kind.CONTAINER) == [survivor]
    assert json.loads(path.read_text())["entries"] == [survivor.document()]


def test_damage_is_set_aside_before_a_change(tmp_path: Path) -> None:
    path = put(tmp_path, "{")
    Registry(tmp_path, survivors=lambda kind: [entry("kept")]).remember(Kind.CONTAINER, [entry("new")])
    assert [e["containerName"] for e in json.loads(path.read_text())["entries"]] == ["kept", "new"]


def test_damage_twice_in_a_second_keeps_both(tmp_path: Path) -> None:
    for content in ("{1", "{2", "{3"):
        path = put(tmp_path, content)
        Registry(tmp_path).entries(Kind.CONTAINER)
    assert sorted(p.read_text() for p in path.parent.glob("*.corrupt-*")) == ["{1", "{2", "{3"]


def test_too_large_is_damage(tmp_path: Path) -> None:
    path = put(tmp_path, "{}")
    os.truncate(path, 100 << 20)
    assert Registry(tmp_path).entries(Kind.CONTAINER) == []
    (aside,) = path.parent.glob("containers.json.corrupt-*")
    assert aside.stat().st_size == 100 << 20


def test_who_may_only_look_sees_the_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "{")

    def denied(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", denied)
    said: list[str] = []
    registry = Registry(tmp_path, survivors=lambda kind: [entry("kept")], warn=said.append)
    assert [e.container_name for e in registry.entries(Kind.CONTAINER)] == ["kept"]
    assert path.read_text() == "{"
    assert "Permission denied" in said[0]


# ---- refusals


@pytest.mark.parametrize("key", ["version", "schemaVersion", "formatVersion"])
@pytest.mark.parametrize("value", [2, "2", 1.5, None, {}])
def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path, key: str, value: Any) -> None:
    text = json.dumps({key: value, "entries": []})
    path = put(tmp_path, text)
    registry = Registry(tmp_path)
    for act in (
        lambda: registry.entries(Kind.CONTAINER),
        lambda: registry.remember(Kind.CONTAINER, [entry()]),
    ):
        with pytest.raises(StateFileError, match="newer format"):
            act()
    assert path.read_text() == text


def test_the_format_we_know_by_number(tmp_path: Path) -> None:
    put(tmp_path, json.dumps({"version": 1, "entries": [entry().document()]}))
    assert len(Registry(tmp_path).entries(Kind.CONTAINER)) == 1


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, THEIRS)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        target = tmp_path / "elsewhere.json"
        if kind == "link":
            target.write_text(THEIRS)
        path.symlink_to(target)
    with pytest.raises(StateFileError, match=r"is (a symbolic link|a folder|no regular file)"):
        Registry(tmp_path).entries(Kind.CONTAINER)
    with pytest.raises(StateFileError):
        Registry(tmp_path).remember(Kind.CONTAINER, [entry()])


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, THEIRS)

    def denied(*_: Any, **__: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(StateFileError, match="cannot be read: Permission denied"):
        Registry(tmp_path).entries(Kind.CONTAINER)


# ---- the newer OpenClaw


def database(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / "state" / "openclaw.sqlite"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE sandbox_registry_entries (registry_kind TEXT, container_name TEXT, session_key TEXT,"
        " backend_id TEXT, runtime_label TEXT, image TEXT, created_at_ms INTEGER, last_used_at_ms INTEGER,"
        " config_label_kind TEXT, config_hash TEXT, cdp_port INTEGER, no_vnc_port INTEGER, entry_json TEXT,"
        " updated_at INTEGER, PRIMARY KEY (registry_kind, container_name))"
    )
    for row in rows:
        marks = ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO sandbox_registry_entries ({', '.join(row)}) VALUES ({marks})", row)
    connection.commit()
    connection.close()
    return path


NEWER = {
    "registry_kind": "container",
    "container_name": "openclaw-sbx-workspace-d8688b9c3c6cfad85d5153865acccb71",
    "session_key": "agent:main:workspace:e6f1a7ff9fd7d00661be6722be2464bd",
    "backend_id": "docker",
    "image": "openclaw-sandbox:bookworm-slim",
    "created_at_ms": 1,
    "last_used_at_ms": 2,
    "config_hash": "h9",
    "entry_json": json.dumps({"runtimeState": "ready", "workspaceDir": "/w", "image": "stale"}),
}


def test_the_newer_registry_is_read_too(tmp_path: Path) -> None:
    put(tmp_path, json.dumps({"entries": [entry("a").document()]}))
    browser = {**NEWER, "registry_kind": "browser", "container_name": "b", "cdp_port": 9}
    path = database(tmp_path, [NEWER, browser])
    before = path.read_bytes()
    first, second = Registry(tmp_path).entries(Kind.CONTAINER)
    assert (first.container_name, first.source) == ("a", Source.FILE)
    assert (second.container_name, second.source) == (NEWER["container_name"], Source.DATABASE)
    assert (second.image, second.config_hash) == ("openclaw-sandbox:bookworm-slim", "h9")
    assert second.document()["runtimeState"] == "ready"
    (found,) = Registry(tmp_path).entries(Kind.BROWSER)
    assert (found.container_name, found.document()["cdpPort"]) == ("b", 9)
    assert path.read_bytes() == before


def test_the_file_wins_a_name(tmp_path: Path) -> None:
    put(tmp_path, json.dumps({"entries": [entry(NEWER["container_name"]).document()]}))
    database(tmp_path, [NEWER])
    (found,) = Registry(tmp_path).entries(Kind.CONTAINER)
    assert found.source is Source.FILE


def test_a_use_of_theirs_is_theirs_to_note(tmp_path: Path) -> None:
    database(tmp_path, [NEWER])
    Registry(tmp_path).touch(Kind.CONTAINER, entry(NEWER["container_name"], last_used_at_ms=99))
    assert not (tmp_path / "sandbox").exists()


def test_a_database_without_the_table(tmp_path: Path) -> None:
    path = tmp_path / "state" / "openclaw.sqlite"
    path.parent.mkdir()
    sqlite3.connect(path).close()
    path.touch()
    assert Registry(tmp_path).entries(Kind.CONTAINER) == []


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state" / "openclaw.sqlite"
    path.parent.mkdir()
    path.write_text("not a database, but long enough to be looked at " * 50)
    said: list[str] = []
    put(tmp_path, json.dumps({"entries": [entry("a").document()]}))
    assert len(Registry(tmp_path, warn=said.append).entries(Kind.CONTAINER)) == 1
    assert "cannot be read" in said[0]


def test_odd_json_in_the_database_is_left_out(tmp_path: Path) -> None:
    database(tmp_path, [{**NEWER, "entry_json": "[1,"}])
    (found,) = Registry(tmp_path).entries(Kind.CONTAINER)
    assert found.config_hash == "h9"
