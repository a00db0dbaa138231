"""`$include`: merging, origins, containment, bounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config import includes

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import KeyPath
    from tests.unit.config.conftest import Home


def place(home: Home, text: str, path: KeyPath) -> str:
    """`file:line:column` of a merged value."""
    origin = home.load(text).origin_of(path)
    location = origin.location()
    assert origin.file
    assert location
    return f"{Path(origin.file).relative_to(home.state)}:{location.line}:{location.column}"


def test_a_file_stands_for_the_object(home: Home) -> None:
    home.write("{\n defaults: {sandbox: {mode: 'all'}}}", "agents.json5")
    text = "{\n agents: {$include: './agents.json5'}, x: 1}"
    assert home.load(text).data == {"agents": {"defaults": {"sandbox": {"mode": "all"}}}, "x": 1}
    assert place(home, text, ("agents", "defaults", "sandbox", "mode")) == "agents.json5:2:29"
    assert place(home, text, ("agents",)) == "agents.json5:1:1"
    assert place(home, text, ("x",)) == "openclaw.json:2:43"


def test_a_file_may_hold_anything(home: Home) -> None:
    home.write("[\n 'a']", "list.json")
    text = "{x: [{$include: 'list.json'}, 1]}"
    assert home.load(text).data == {"x": [["a"], 1]}
    assert place(home, text, ("x", 0, 0)) == "list.json:2:2"


def test_several_files_merge_left_to_right_and_siblings_win(home: Home) -> None:
    home.write("{a: {x: 1, y: 1}, l: [1], s: 1, t: [0]}", "1.json")
    home.write("{a: {y: 2, z: 2},\n l: [2, 3], s: [2]}", "sub/2.json")
    text = "{o: {l: [4],\n\n $include: ['1.json', 'sub/2.json'], a: {z: 3}, t: 5}}"
    assert home.load(text).data["o"] == {
        "a": {"x": 1, "y": 2, "z": 3},
        "l": [1, 2, 3, 4],
        "s": [2],
        "t": 5,
    }
    where = {
        ("o", "a", "x"): "1.json:1:9",
        ("o", "a", "y"): "sub/2.json:1:9",
        ("o", "a", "z"): "openclaw.json:3:45",
        ("o", "l", 0): "1.json:1:23",
        ("o", "l", 1): "sub/2.json:2:6",
        ("o", "l", 2): "sub/2.json:2:9",
        ("o", "l", 3): "openclaw.json:1:10",
        ("o", "s", 0): "sub/2.json:2:17",
        ("o", "t"): "openclaw.json:3:52",
    }
    assert {path: place(home, text, path) for path in where} == where


def test_includes_nest_relative_to_their_own_file(home: Home) -> None:
    home.write("{b: {$include: 'deeper/3.json'}, c: 1}", "sub/2.json")
    home.write("{\n\n d: 1, up: {$include: '../../4.json'}}", "sub/deeper/3.json")
    home.write("{e: 1}", "4.json")
    text = "{a: {$include: 'sub/2.json', b: {f: 1}}}"
    assert home.load(text).data["a"] == {"b": {"d": 1, "up": {"e": 1}, "f": 1}, "c": 1}
    assert place(home, text, ("a", "b", "d")) == "sub/deeper/3.json:3:5"
    assert place(home, text, ("a", "b", "up", "e")) == "4.json:1:5"
    assert place(home, text, ("a", "b", "f")) == "openclaw.json:1:37"


def test_the_whole_config_may_be_included(home: Home) -> None:
    home.write("{session: {scope: 'global'}}", "all.json")
    assert home.load("{'\\u0024include': ['all.json']}").data == {"session": {"scope": "global"}}
    assert home.load("{$include: []}").data == {}


def test_the_same_file_may_be_included_twice(home: Home) -> None:
    home.write("{list: [1]}", "a.json")
    assert home.load("{x: {$include: ['a.json', 'a.json']}}").data == {"x": {"list": [1, 1]}}


def test_errors_in_an_included_file_stand_in_that_file(home: Home) -> None:
    file = home.write("{mode:\n 'sometimes'}", "sandbox.json")
    issue = home.refused_once("{agents: {defaults: {sandbox: {$include: 'sandbox.json'}}}}")
    assert issue.path == "agents.defaults.sandbox.mode"
    assert issue.where() == f"{file}:2:2"
    assert issue.excerpt == "'sometimes'}"


def test_an_included_file_that_is_no_json5(home: Home) -> None:
    file = home.write("{a:\n b}", "a.json")
    issue = home.refused_once("{\n x: {$include: 'a.json'}}")
    assert issue.where() == f"{file}:2:2"
    assert issue.hint == f"included from {home.state / 'openclaw.json'}:2:16"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1", "Invalid $include value: expected string or array of strings, got a number"),
        ("null", "Invalid $include value: expected string or array of strings, got null"),
        ("{}", "Invalid $include value: expected string or array of strings, got an object"),
        ("['ok.json', 2]", "Invalid $include array item: expected string, got a number"),
        ("'../x.json'", "Include path escapes config directory: ../x.json (root: {root})"),
        ("'/etc/passwd'", "Include path escapes config directory: /etc/passwd (root: {root})"),
        ("'sub/../../x.json'", "Include path escapes config directory: sub/../../x.json (root: {root})"),
        ("'a\\0.json'", "Include path must not contain null bytes"),
        ("'" + "a" * 4096 + "'", "Include path exceeds maximum length (4096 characters)"),
        ("'openclaw.json'", "Circular include detected: {root}/openclaw.json -> {root}/openclaw.json"),
        (
            "'gone.json'",
            "Failed to read include file: gone.json ({root}/gone.json): "
            "cannot read the included file: No such file or directory",
        ),
        ("'.'", "Failed to read include file: . ({root}): the included file is a folder"),
    ],
)
def test_refused_includes(home: Home, value: str, message: str) -> None:
    home.write("{}", "ok.json")
    issue = home.refused_once(f"{{a: {{\n$include: {value}}}}}")
    assert issue.message == message.format(root=home.state)
    assert issue.path.startswith("a.$include")
    assert (issue.line, issue.file) == (2, str(home.state / "openclaw.json"))


def test_siblings_need_an_object(home: Home) -> None:
    home.write("[1]", "list.json")
    issue = home.refused_once("{a: {$include: 'list.json', b: 1}}")
    assert issue.message == "Sibling keys require included content to be an object"


def test_a_cycle_through_files_is_shown(home: Home) -> None:
    home.write("{b: {$include: 'sub/b.json'}}", "a.json")
    home.write("{c: {$include: '../a.json'}}", "sub/b.json")
    issue = home.refused_once("{x: {$include: 'a.json'}}")
    a, b = home.state / "a.json", home.state / "sub" / "b.json"
    assert issue.message == f"Circular include detected: {a} -> {b} -> {a}"
    assert issue.where() == f"{b}:1:16"


@pytest.mark.parametrize(("files", "fits"), [(10, True), (11, False)])
def test_depth(home: Home, files: int, fits: bool) -> None:
    for number in range(1, files):
        home.write(f"{{a: {{$include: '{number + 1}.json'}}}}", f"{number}.json")
    home.write("{}", f"{files}.json")
    if fits:
        home.load("{a: {$include: '1.json'}}")
    else:
        issue = home.refused_once("{a: {$include: '1.json'}}")
        assert issue.message == "Maximum include depth (10) exceeded at: 11.json"


def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(home: Home) -> None:
    home.write("{a: 1}", "real.json")
    (home.state / "in.json").symlink_to("real.json")
    outside = home.path / "outside.json"
    outside.write_text("{}")
    (home.state / "out.json").symlink_to(outside)
    (home.state / "out").symlink_to(home.path)
    assert home.load("{x: {$include: 'in.json'}}").data == {"x": {"a": 1}}
    for name in ("out.json", "out/outside.json"):
        issue = home.refused_once(f"{{x: {{$include: '{name}'}}}}")
        assert issue.message == (
            f"Include path resolves outside config directory (symlink): {name} (root: {home.state})"
        )


def test_a_hard_link_is_refused(home: Home) -> None:
    secret = home.path / "secret.json"
    secret.write_text("{}")
    home.state.mkdir()
    (home.state / "a.json").hardlink_to(secret)
    assert "has hard links" in home.refused_once("{x: {$include: 'a.json'}}").message


def test_a_state_folder_behind_a_link_works(home: Home) -> None:
    (home.path / "real").mkdir()
    (home.path / "real" / "a.json").write_text("{a: 1}")
    home.state.symlink_to(home.path / "real")
    assert home.load("{x: {$include: 'a.json'}}").data == {"x": {"a": 1}}


def test_every_bad_include_is_named(home: Home) -> None:
    issues = home.refused("{a: {$include: '/x'}, b: [{$include: 1}], c: {$include: 'gone.json'}}")
    assert [issue.path for issue in issues] == ["a.$include", "b.0.$include", "c.$include"]


def test_growth_is_bounded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("{l: [1]}", "0.json")
    for level in range(1, 10):
        home.write(
            f"{{$include: ['{level - 1}.json', '{level - 1}.json', '{level - 1}.json']}}", f"{level}.json"
        )
    issues = home.refused("{x: {$include: '9.json'}}")
    assert issues[0].message == "the config includes too much (at most 1000 files, 16 MiB in all)"
    monkeypatch.setattr(includes, "MAX_INCLUDED_CHARS", 30)
    assert "includes too much" in home.refused("{x: {$include: '2.json'}}")[0].message


def test_depth_is_bounded_across_files(home: Home) -> None:
    home.write("[" * 60 + "1" + "]" * 60, "a.json")
    home.write("[" * 30 + "{$include: 'a.json'}" + "]" * 30, "b.json")
    home.load("{x: {$include: 'b.json'}}")
    issue = home.refused_once("{x: " + "[" * 20 + "{$include: 'b.json'}" + "]" * 20 + "}")
    assert issue.message == "the included files together are nested deeper than 100 levels"
