"""Which `~` becomes the home folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_sandbox.config.home_paths import expand_paths


def expanded(data: Any) -> Any:
    return expand_paths(data, home=Path("/h"), cwd=Path("/cwd"))


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("workspaceRoot", "~/sbx/", "/h/sbx"),
        ("workspace", "~", "/h"),
        ("agentDir", " ~/a/../b ", "/h/b"),
        ("seccompProfile", "~/s.json", "/h/s.json"),
        ("apparmorProfile", "~/p", "/h/p"),
        ("DATA_DIR", "~/d", "/h/d"),
        ("paths", "~/d", "/h/d"),
        ("workspaceRoot", "~\\x", "/h\\x"),
        ("workspaceRoot", "rel/x", "rel/x"),
        ("workspaceRoot", "/a/../b/", "/a/../b/"),
        ("workspaceRoot", "~other/x", "~other/x"),
        ("workspaceRoot", "~ /x", "~ /x"),
        ("workspaceRoot", "\ufeff~/x\u00a0", "/h/x"),
        ("workdir", "/w/~", "/w/~"),
        ("image", "~/x", "~/x"),
        ("setupCommand", "~/x", "~/x"),
    ],
)
def test_texts(key: str, value: str, path: str) -> None:
    assert expanded({key: value}) == {key: path}


def test_lists() -> None:
    data = {
        "binds": ["~/a:/a"],
        "pathPrepend": ["~/bin", 1, ["~/no"], {"dir": "~/yes"}],
        "paths": ["~/p"],
        "dir": ["~/no", {"file": "~/f"}],
        "deep": {"x": [{"root": "~/r"}]},
    }
    assert expanded(data) == {
        "binds": ["~/a:/a"],
        "pathPrepend": ["/h/bin", 1, ["~/no"], {"dir": "/h/yes"}],
        "paths": ["/h/p"],
        "dir": ["~/no", {"file": "/h/f"}],
        "deep": {"x": [{"root": "/h/r"}]},
    }
