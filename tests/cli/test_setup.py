"""`setup`: command lines that cannot be carried out, and where no engine answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tool import Tool

WRONG = [
    (["--base", "boostrap"], "'boostrap' is no source of a base image", "Did you mean 'bootstrap'?"),
    (["--base", "./missing.tar"], "./missing.tar does not exist", "--save bundle.tar"),
    (["--image", "comon"], "there is no image 'comon'", "Did you mean 'common'?"),
    (["--check", "--uninstall"], "--check and --uninstall build nothing", ""),
    (["--check", "--save", "b.tar"], "--check and --uninstall build nothing", ""),
    (["--uninstall", "--base", "local"], "--check and --uninstall build nothing", ""),
    (["--save", "/nonexistent/b.tar"], "the folder /nonexistent does not exist", ""),
    (["--save", "/tmp"], "--save: /tmp is a folder", "--save /tmp/bundle.tar"),
    (["--suite", "--setup-hook=id"], "'--setup-hook=id' is not the name of a release", "bookworm"),
    (["--suite", "../bookworm"], "'../bookworm' is not the name of a release", "bookworm"),
    (["--suite", ""], "'' is not the name of a release", "bookworm"),
    (["--save", ""], "--save: . is a folder", "--save ./bundle.tar"),
    (["--arch", "a b"], "'a b' is not the name of an architecture", "amd64"),
    (["--arch", ""], "'' is not the name of an architecture", "amd64"),
    (["--mirror", ""], "--mirror: '' is not the URL", "http://"),
    (["--mirror", "http://["], "--mirror: 'http://[' is not the URL", "http://"),
    (["--mirror", "http://m:99999"], "--mirror: 'http://m:99999' is not the URL", "http://"),
    (["--bogus"], "No such option: --bogus", "setup --help"),
]


@pytest.mark.parametrize(("argv", "words", "hint"), WRONG)
def test_wrong_command_lines(argv: list[str], words: str, hint: str, tool: Tool) -> None:
    done = tool("setup", *argv)
    assert (done.status, done.out) == (2, b"")
    assert words in done.said
    assert hint in done.said

    done = tool("setup", "--json", *argv)
    assert done.status == 2
    assert words in done.error["message"]
    assert hint in done.error["hint"]
    assert done.out.count(b"\n") == 1, "an error is one line: it may end a stream of lines"


@pytest.mark.parametrize("mode", [[], ["--check"], ["--uninstall", "--force"], ["--dry-run"]])
def test_without_an_engine_every_mode_says_so(mode: list[str], tool: Tool) -> None:
    done = tool("setup", *mode)
    assert done.status == 125
    assert "no-engine.sock" in done.said
    assert "setup --install-engine" in done.said
    assert tool("setup", "--json", *mode).error["code"] == "engine.missing"


def test_an_engine_elsewhere_is_not_installed_here(tool: Tool) -> None:
    done = tool("setup", "--install-engine")
    assert done.status == 2
    assert "the environment names another engine" in done.said
