"""Variables for a command: `-e` and `--env-file`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.environment import command_variables

if TYPE_CHECKING:
    from pathlib import Path

HOST = {"HOME": "/root", "SECRET": "hunter2", "EMPTY": ""}


def from_file(path: Path, content: bytes) -> dict[str, str]:
    path.write_bytes(content)
    return command_variables([], [path], HOST)


def test_flags() -> None:
    flags = ["A=1", "B=x=y z", "C=", "A=2", "SECRET", "ABSENT", "EMPTY"]
    expected = {"A": "2", "B": "x=y z", "C": "", "SECRET": "hunter2", "EMPTY": ""}
    assert command_variables(flags, [], HOST) == expected


def test_a_value_may_hold_any_text() -> None:
    odd = "line\nline\r\ttab \u2028 \x1b[31m é \udce9"
    assert command_variables([f"A={odd}"], [], {}) == {"A": odd}


def test_a_file(tmp_path: Path) -> None:
    content = b"# comment\n\n  # indented\n  A=1\nB=two words \nC='quoted' $HOME\nD=\nSECRET\nABSENT\nA=3"
    expected = {"A": "3", "B": "two words ", "C": "'quoted' $HOME", "D": "", "SECRET": "hunter2"}
    assert from_file(tmp_path / "e", content) == expected


@pytest.mark.parametrize("content", [b"A=1\r\nB=2\r\n", b"\xef\xbb\xbfA=1\nB=2\n", b"A=1\nB=2"])
def test_files_of_every_editor(tmp_path: Path, content: bytes) -> None:
    assert from_file(tmp_path / "e", content) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, separator: str) -> None:
    content = f"A=before{separator}after\nB=2\n".encode()
    assert from_file(tmp_path / "e", content) == {"A": f"before{separator}after", "B": "2"}


def test_flags_beat_files_and_later_files_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text("A=1\nB=1\nC=1\n")
    second.write_text("B=2\nC=2\n")
    assert command_variables(["C=3"], [first, second], {}) == {"A": "1", "B": "2", "C": "3"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("=hunter2", "the name of the variable is missing"),
        ("", "the name of the variable is missing"),
        ("1A=hunter2", "not the name of a variable"),
        ("A B=hunter2", "not the name of a variable"),
        ("A\n=hunter2", "not the name of a variable"),
        ("A=hunter2\0", "NUL"),
        ("A=" + "hunter2" * 20_000, "longer than 131072 bytes"),
    ],
)
def test_bad_entries_are_refused_and_no_value_is_shown(entry: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        command_variables([entry], [], {})
    assert words in caught.value.brief
    assert "hunter2" not in str(vars(caught.value))


@pytest.mark.parametrize("line", [b"export B=hunter2", b"hunter2 is the key", b"hunter2/+A=="])
def test_a_bad_line_is_named_by_file_and_line_alone(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "e"
    with pytest.raises(UsageError) as caught:
        from_file(path, b"A=1\n\n" + line + b"\n")
    (issue,) = caught.value.issues
    assert (issue.file, issue.line) == (str(path), 3)
    assert "hunter2" not in str(vars(caught.value)) + str(issue)


def test_the_longest_value_that_a_program_can_get() -> None:
    longest = 128 * 1024 - len("A=") - 1
    assert len(command_variables(["A=" + "x" * longest], [], {})["A"]) == longest
    with pytest.raises(UsageError):
        command_variables(["A=" + "x" * (longest + 1)], [], {})


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "latin1").write_bytes(b"A=caf\xe9\n")
    (tmp_path / "nul").write_bytes(b"A=1\0\n")
    (tmp_path / "large").write_bytes(b"#" * (4 << 20) + b"\n")
    (tmp_path / "loop").symlink_to("loop")
    cases = [
        *(("absent", "does not exist"), (".", "not a regular file"), ("latin1", "not UTF-8 (byte 5)")),
        *(("nul", "cannot be used"), ("large", "larger than 4 MiB"), ("loop", "does not exist")),
        *(("x" * 300, "cannot be read"), ("latin1/below", "does not exist")),
    ]
    for name, words in cases:
        with pytest.raises(UsageError) as caught:
            command_variables([], [tmp_path / name], {})
        assert words in caught.value.brief
        assert name in caught.value.brief
