"""The gateway's log: written, turned over, read, followed, and what a command needed by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from openclaw_sandbox.egress import journal
from openclaw_sandbox.egress.journal import follow, needs, read_all
from openclaw_sandbox.egress.logfile import LogFile, log_files
from openclaw_sandbox.egress.place import Place
from openclaw_sandbox.egress.records import End, Record, decision_line, end_line, now, parse_line, parse_log
from openclaw_sandbox.errors import StateFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def record(**changes: Any) -> Record:
    given = {
        "id": "1",
        "time": "2026-01-02T03:04:05.678Z",
        "sandbox": "s",
        "via": "connect",
        "host": "a.example",
        "port": 443,
        "verdict": "allow",
        "reason": "r",
        "rule": "a.example (config.yml:3)",
    }
    return Record(**{**given, **changes})


def test_lines_come_back() -> None:
    assert parse_line(decision_line(record())) == record()
    assert parse_line(end_line("1", up=2, down=3, error="e")) == End(
        id="1", bytes_up=2, bytes_down=3, error="e"
    )
    endless = '{"end": {"id": "1", "bytesUp": 1e999, "bytesDown": 0, "error": ""}}'
    for line in ("", "x", "[]", "1", "{}", '{"decision": {}}', '{"end": null}', endless, "[" * 100_000):
        assert parse_line(line) is None


def test_a_decision_and_its_end_are_one_record() -> None:
    lines = [
        decision_line(record()),
        "Traceback",
        end_line("1", up=2, down=3),
        end_line("9", up=0, down=0),
        decision_line(record(id="2", verdict="deny")),
    ]
    first, second = parse_log(lines)
    assert (first.bytes_up, first.bytes_down) == (2, 3)
    assert second.bytes_up is None


def test_now_sorts_as_text() -> None:
    assert now().endswith("Z")
    assert len(now()) == len("2026-01-02T03:04:05.678Z")


def place(tmp_path: Path) -> Place:
    (tmp_path / "log").mkdir(exist_ok=True)
    return Place(root=tmp_path, key="k")


def test_the_file_is_turned_over_and_read_in_order(tmp_path: Path) -> None:
    here = place(tmp_path)
    log = LogFile(here.log_file, max_bytes=300)
    for number in range(8):
        log(decision_line(record(id=str(number), time=f"2026-01-02T03:04:0{number}.000Z")))
    log.close()
    assert len(log_files(here.log_file)) == 3
    kept = [item.id for item in read_all([here])]
    assert kept == sorted(kept)
    assert kept[-1] == "7"
    assert len(kept) < 8


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/passwd")])
@pytest.mark.parametrize("name", ["decisions.jsonl", "decisions.jsonl.1"])
def test_what_is_no_file_is_not_read(put: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    here = place(tmp_path)
    put(here.log_dir / name)
    with pytest.raises(StateFileError, match=r"cannot be read|no regular file"):
        read_all([here])


def test_a_file_that_is_turned_over_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place(tmp_path)
    log = LogFile(here.log_file)
    log(decision_line(record(id="1")))
    log.close()
    before = journal.log_files

    def turned(path: Path) -> list[Path]:
        found = [path.with_name(f"{path.name}.1"), *before(path)]
        path.replace(found[0])
        return found

    monkeypatch.setattr(journal, "log_files", turned)
    assert [item.id for item in read_all([here])] == ["1"]


def test_following_sees_what_comes_and_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place(tmp_path)
    log = LogFile(here.log_file, max_bytes=700)
    log(decision_line(record(id="old")))
    pending = [
        lambda: log(decision_line(record(id="new"))),
        lambda: log(end_line("new", up=1, down=2)),
        lambda: [log(decision_line(record(id=f"n{n}", verdict="deny"))) for n in range(4)],  # turns it over
        lambda: log(decision_line(record(id="last", verdict="deny"))),
    ]
    monkeypatch.setattr(journal.time, "sleep", lambda _s: pending.pop(0)() if pending else None)
    seen = []
    following = follow(lambda: [here])
    for item in following:
        seen.append((item.id, item.bytes_down))
        if item.id == "last":
            break
    following.close()
    log.close()
    denied = [(name, None) for name in ("n0", "n1", "n2", "n3", "last")]
    assert seen == [("new", None), ("new", 2), *denied]


def test_following_finds_gateways_that_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Place] = []

    def later(_s: float) -> None:
        if not found:
            found.append(place(tmp_path))
            log = LogFile(found[0].log_file)
            log(decision_line(record(id="first")))
            log.close()

    monkeypatch.setattr(journal.time, "sleep", later)
    following = follow(lambda: found)
    assert next(following).id == "first"
    following.close()


def test_what_a_command_needed() -> None:
    found = needs(
        [
            record(bytes_down=10),
            record(port=80, bytes_down=5),
            record(host="b.example", port=22, verdict="deny", reason="port 22"),
            record(host="169.254.169.254", verdict="deny"),
            record(host="in.example", verdict="deny", reason="it resolves to 10.0.0.1 (private)"),
            record(host="gone.example", error="its name does not resolve"),
            record(host="2001:db8::1", port=443),
            record(host=""),
        ]
    )
    assert [(need.entry, bool(need.never), need.problem) for need in found] == [
        ("169.254.169.254", True, ""),
        ("[2001:db8::1]", False, ""),
        ("a.example", False, ""),
        ("b.example:22", False, ""),
        ("gone.example", False, "its name does not resolve"),
        ("in.example", True, ""),
    ]
    assert found[2].bytes_down == 15
    assert found[2].requests == 2


def test_a_file_that_could_not_be_turned_over_is_written_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    log = LogFile(tmp_path / "log", max_bytes=10)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="space"):
        patch.setattr("pathlib.Path.replace", full)
        log("one, and longer than ten bytes")
    log("two, and longer than ten bytes")
    log.close()
    text = (tmp_path / "log.1").read_text()
    assert [line.split(",")[0] for line in text.splitlines()] == ["one", "two"]
