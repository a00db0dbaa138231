"""The whole way from an environment to a loaded config."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.origin import BUILT_IN, OriginKind
from openclaw_sandbox.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tests.unit.config.conftest import Home

CONFIG = """// the config
{
  agents: {
    defaults: {
      workspace: "~/ws",
      sandbox: { mode: "non-main", docker: { memory: "1g", binds: ["/srv/a:/a:ro"] } },
    },
    list: [{ id: "main" }, { id: "work", sandbox: { mode: "all" } }],
  },
  session: { mainKey: "main" }, gateway: { port: 18789.0 },
}
"""


def test_without_a_file_the_config_is_empty(home: Home) -> None:
    loaded = home.load()
    assert (loaded.exists, loaded.data, loaded.warnings, loaded.secrets) == (False, {}, (), frozenset())
    assert loaded.origin_of(("agents",)) is BUILT_IN
    assert not home.state.exists()


def test_a_named_file_that_is_absent_is_said(home: Home) -> None:
    loaded = home.load(env={"OPENCLAW_CONFIG_PATH": "/gone/oc.json"})
    assert not loaded.exists
    (warning,) = loaded.warnings
    assert warning.code == "config.absent"
    assert warning.message == (
        "OPENCLAW_CONFIG_PATH names /gone/oc.json, which does not exist: OpenClaw runs with an empty config"
    )


def test_a_config(home: Home) -> None:
    loaded = home.load(CONFIG)
    assert loaded.exists
    assert loaded.paths.config_file == home.state / "openclaw.json"
    assert loaded.data["agents"]["defaults"]["workspace"] == str(home.path / "ws")
    assert loaded.data["gateway"] == {"port": 18789}
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("agents", "defaults", "workspace"), 5, 18),
        (("agents", "defaults", "sandbox", "mode"), 6, 24),
        (("agents", "defaults", "sandbox", "docker", "binds", 0), 6, 68),
        (("agents", "list", 1, "sandbox", "mode"), 8, 59),
        (("session", "mainKey"), 10, 23),
        ((), 2, 1),
    ],
)
def test_origins(home: Home, path: tuple[str | int, ...], line: int, column: int) -> None:
    origin = home.load(CONFIG).origin_of(path)
    location = origin.location()
    assert location
    assert (origin.kind, origin.file) == (OriginKind.FILE, str(home.state / "openclaw.json"))
    assert (location.line, location.column) == (line, column)
    assert origin.key == ".".join(map(str, path))


@pytest.mark.parametrize(
    "path",
    [("x",), ("agents", "list", 2), ("agents", "list", "main"), ("agents", "defaults", "workspace", 0, 1)],
)
def test_what_nobody_set_is_built_in(home: Home, path: tuple[str | int, ...]) -> None:
    assert home.load(CONFIG).origin_of(path) is BUILT_IN


def test_all_errors_at_once_in_the_order_of_the_file(home: Home) -> None:
    issues = home.refused(
        """{
  agents: { defaults: { sandbox: {
    mode: "al",
    docker: { netwrok: "none", network: "host", binds: ["x:/x"], },
  } }, list: [ { name: "no id" }, { id: "a", tools: { allow: ["x"], alsoAllow: ["y"] } } ] },
  agent: {},
}"""
    )
    assert [(issue.line, issue.column, issue.path) for issue in issues] == [
        (3, 11, "agents.defaults.sandbox.mode"),
        (4, 15, "agents.defaults.sandbox.docker"),
        (4, 41, "agents.defaults.sandbox.docker.network"),
        (4, 57, "agents.defaults.sandbox.docker.binds.0"),
        (5, 16, "agents.list.0.id"),
        (5, 69, "agents.list.1.tools"),
        (6, 10, "agent"),
    ]
    assert issues[1].message == 'unknown key "netwrok"'
    assert issues[1].hint == "did you mean agents.defaults.sandbox.docker.network?"
    assert issues[1].excerpt == 'docker: { netwrok: "none", network: "host", binds: ["x:/x"], },'


def test_an_unknown_key_does_not_hide_a_security_rule_nor_does_a_wrong_type(home: Home) -> None:
    issues = home.refused(
        "{agents: {defaults: {sandbox: {docker: {x: 1, pidsLimit: '1', network: 'host'}}}}}"
    )
    assert [issue.path.rpartition(".")[2] for issue in issues] == ["docker", "pidsLimit", "network"]


@pytest.mark.parametrize("text", ["[]", "null", "1", "'x'", "true"])
def test_a_config_is_an_object(home: Home, text: str) -> None:
    issue = home.refused_once(text)
    assert issue.path == ""
    assert issue.message.startswith("expected an object at the top, found ")


def test_agents_that_share_a_folder(home: Home) -> None:
    issue = home.refused_once("{agents: {list: [{id: 'a', agentDir: '~/x'},\n {id: 'b', agentDir: '~/x'}]}}")
    assert (issue.path, issue.line) == ("agents.list", 2)


def test_an_unusable_profile(home: Home) -> None:
    with pytest.raises(UsageError):
        home.load(env={"OPENCLAW_PROFILE": "a/b"})


def test_nothing_is_changed_by_loading(home: Home) -> None:
    home.write("A=1", ".env")
    home.write("{x: '${A}', env: {B: 'b'}}")
    before = {path: path.stat() for path in home.path.rglob("*")}
    environment = dict(os.environ)
    home.load()
    after = {path: path.stat() for path in home.path.rglob("*")}
    assert {path: (stat.st_mtime_ns, stat.st_ino) for path, stat in after.items()} == {
        path: (stat.st_mtime_ns, stat.st_ino) for path, stat in before.items()
    }
    assert dict(os.environ) == environment


def test_a_valid_config_needs_neither_scanner_nor_types(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("openclaw_sandbox.config.scan", "openclaw_sandbox.config.schema", "pydantic"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    assert home.load(CONFIG).exists


def test_a_file_full_of_errors_shows_the_first_hundred(home: Home) -> None:
    home.write("{tools: {allow: [" + "1," * 5000 + "]}}")
    with pytest.raises(ConfigError) as caught:
        home.load()
    assert len(caught.value.issues) == 100
    assert caught.value.brief.endswith("(5000 problems; the first 100 are shown)")


def test_a_file_full_of_oddities_warns_a_hundred_times(home: Home) -> None:
    assert len(home.load("{" + "a: 1," * 5000 + "}").warnings) == 100


def test_variables_cannot_blow_a_config_up(home: Home) -> None:
    issue = home.refused_once("{x: [" + "'${A}'," * 2000 + "]}", {"A": "y" * 10_000})
    assert issue.message == "the variables make this config larger than 16 MiB"


def test_every_file_that_was_read_is_known(home: Home) -> None:
    home.state.mkdir(parents=True)
    (home.state / "team.json").write_text("{}")
    (home.state / ".env").write_text("WS=/srv/w\n")
    assert home.load("{agents: {$include: './team.json'}}").beside == (
        home.state / "team.json",
        home.state / ".env",
    )
    assert home.load("{agents: {defaults: {workspace: '${WS}'}}}").beside == (home.state / ".env",)
