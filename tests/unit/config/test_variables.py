"""`${NAME}`: what is replaced, by which source, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.variables import config_env_block, known_variables, read_dotenv, substitute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.config.conftest import Home

VARIABLES = {"A": "1", "_B2": "b", "EMPTY": "", "NESTED": "${A}"}


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("${A}", "1"),
        ("x${A}y${_B2}", "x1yb"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $ {A} ${a} ${A:-x} ${1A} ${A", "$A $ {A} ${a} ${A:-x} ${1A} ${A"),
        ("${NESTED}", "${A}"),
        ("$${GONE}", "${GONE}"),
    ],
)
def test_texts(text: str, replaced: str) -> None:
    result = substitute({"k": [text, 1, None, {"x": text}]}, VARIABLES)
    assert result.data == {"k": [replaced, 1, None, {"x": replaced}]}
    assert result.missing == []


def test_keys_are_left_alone() -> None:
    assert substitute({"${A}": "${A}"}, VARIABLES).data == {"${A}": "1"}


def test_unset_and_empty_variables_are_missing() -> None:
    result = substitute({"a": ["${GONE} ${EMPTY}"], "b": "${GONE}"}, VARIABLES)
    assert [(path, name) for path, name, _why in result.missing] == [
        (("a", 0), "GONE"),
        (("a", 0), "EMPTY"),
        (("b",), "GONE"),
    ]
    assert result.data == {"a": ["${GONE} ${EMPTY}"], "b": "${GONE}"}


def test_secrets_are_remembered_by_name_by_key_and_by_shape() -> None:
    shaped = "ghp_" + "a1B2" * 9
    variables = {"DB_PASSWORD": "hunter2", "DATA": "/srv/data", "PLAIN": shaped, "PIN": "123"}
    data = {
        "url": "db://${DB_PASSWORD}",
        "dir": "${DATA}",
        "x": "${PLAIN}",
        "pin": "${PIN}",
        "botToken": "in the file",
        "tokens": ["in a list"],
        "env": {"API_KEY": ["also here"]},
    }
    found = substitute(data, variables).secrets
    assert found == {"hunter2", shaped, "in the file", "also here"}


def test_the_env_block() -> None:
    block = {"shellEnv": {"x": 1}, "vars": {"A": "vars", "B": " "}, "A": "flat", "C": "c", "D": 1}
    assert config_env_block({"env": block}) == {"A": "vars", "C": "c"}
    for other in ({}, {"env": 1}, {"env": {"vars": "x"}}, []):
        assert set(config_env_block(other)) <= {"vars"}


def test_the_first_source_that_has_a_name_wins_and_the_block_fills_blanks() -> None:
    env, dotenvs = {"A": "1", "B": ""}, [{"A": "2", "B": "2", "C": "2"}, {"C": "3", "D": " "}]
    block = {"A": "4", "B": "4", "C": "4", "D": "4", "E": "4"}
    assert known_variables(env, dotenvs, block) == {"A": "1", "B": "4", "C": "2", "D": "4", "E": "4"}
    assert known_variables(env, dotenvs, {})["B"] == ""


def test_dotenv(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(
        b"# comment\r\nA=1\n  export B = 'two words' # said\nC=\"a\\nb\"\nD=`x'y`\nE=\nF=a#b\nG: yes\n"
        b"nothing\n"
        b"H='multi\nline'\nI=\"it's\"\n1x=y\nA=2\n"
    )
    assert read_dotenv(file) == {
        "A": "2",
        "B": "two words",
        "C": "a\nb",
        "D": "x'y",
        "E": "",
        "F": "a",
        "G": "yes",
        "H": "multi\nline",
        "I": "it's",
        "1x": "y",
    }
    assert read_dotenv(tmp_path / "gone") == {}


CONFIG = "{env: {vars: {V: 'block'}}, agents: {defaults: {workspace: '/${V}'}}}"


def workspace(home: Home, env: dict[str, str]) -> str:
    found: str = home.load(CONFIG, env).data["agents"]["defaults"]["workspace"]
    return found


def test_sources_in_order(home: Home) -> None:
    assert workspace(home, {}) == "/block"
    home.write("V=conf\n", "../conf/.env")
    (home.path / "conf" / "openclaw.json").write_text(CONFIG)
    elsewhere = {"OPENCLAW_CONFIG_PATH": str(home.path / "conf" / "openclaw.json")}
    assert workspace(home, elsewhere) == "/conf"
    home.write("V=state\n", ".env")
    assert workspace(home, elsewhere) == "/state"
    assert workspace(home, {**elsewhere, "V": " "}) == "/block"
    assert workspace(home, {**elsewhere, "V": "process"}) == "/process"


def test_the_dotenv_of_the_cwd_is_not_trusted(home: Home) -> None:
    cwd = home.path / "elsewhere"
    (cwd / "other.json").write_text("{agents: {defaults: {sandbox: {mode: 'off'}}}}")
    (cwd / ".env").write_text(
        f"OPENCLAW_CONFIG_PATH={cwd}/other.json\nOPENCLAW_STATE_DIR={cwd}\nHOME={cwd}\nOPENCLAW_HOME={cwd}\n"
        f"CLAWDBOT_CONFIG_PATH={cwd}/other.json\nOPENCLAW_PROFILE=evil\nDATA=/etc\n"
    )
    loaded = home.load("{agents: {defaults: {sandbox: {mode: 'all'}}}}")
    assert loaded.paths.config_file == home.state / "openclaw.json"
    assert (loaded.paths.home, loaded.paths.profile) == (home.path, None)
    issue = home.refused_once("{agents: {defaults: {sandbox: {docker: {binds: ['${DATA}:/data']}}}}}")
    assert issue.message == "variable DATA is unset or empty"
    assert issue.hint == f"{cwd}/.env sets DATA but is not trusted: copy that line to the state folder's .env"


def test_a_hostile_dotenv_in_the_cwd_changes_no_error(home: Home) -> None:
    (home.path / "elsewhere" / ".env").write_bytes(b"\xff\0")
    assert home.refused_once("{x: '${GONE}'}").message == "variable GONE is unset or empty"


def test_every_missing_variable_is_named_with_all_other_errors(home: Home) -> None:
    issues = home.refused(
        "{agents: {defaults: {sandbox: {mode: '${MODE}', scope: 'x',\n"
        " docker: {binds: ['${DATA}:/d'], user: '${USER_ID}:${GROUP_ID}'}}}}}"
    )
    assert [(issue.path.removeprefix("agents.defaults.sandbox."), issue.message) for issue in issues] == [
        ("mode", "variable MODE is unset or empty"),
        ("scope", 'expected "session", "agent" or "shared", found "x"'),
        ("docker.binds.0", "variable DATA is unset or empty"),
        ("docker.user", "variable USER_ID is unset or empty"),
        ("docker.user", "variable GROUP_ID is unset or empty"),
    ]
    assert (
        issues[0].hint
        == "set MODE in the environment or in the state folder's .env (or write $${MODE} for the text)"
    )


def test_a_variable_that_is_no_text(home: Home) -> None:
    issue = home.refused_once("{agents: {defaults: {workspace: '/x/${BYTES}'}}}", {"BYTES": "\udcff"})
    assert issue.message == "variable BYTES is no UTF-8 text"


def test_a_config_without_variables_reads_no_dotenv(home: Home) -> None:
    home.write(b"\0", ".env")
    assert home.load("{}").data == {}
    assert "NUL byte" in home.refused_once("{x: '${A}'}").message


def test_a_secret_value_is_not_repeated_in_an_error(home: Home) -> None:
    issues = home.refused("{tools: {profile: '${API_TOKEN}'}}", {"API_TOKEN": "hunter2hunter2"})
    assert "hunter2" not in str(issues)
    assert issues[0].message.endswith('found "***"')


def test_the_loaded_config_knows_its_secrets_and_does_not_show_them(home: Home) -> None:
    loaded = home.load("{channels: {telegram: {botToken: 'hunter2hunter2'}}}")
    assert loaded.secrets == {"hunter2hunter2"}
    assert "hunter2" not in repr(loaded)
