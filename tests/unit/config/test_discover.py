"""Which home, which state folder, which config file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.discover import effective_home, state_paths, user_path
from openclaw_sandbox.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import os

CWD = Path("/srv/here")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


@pytest.mark.parametrize(
    ("env", "home"),
    [
        ({"HOME": "/h", "OPENCLAW_HOME": "/o"}, "/o"),
        ({"HOME": "/h", "OPENCLAW_HOME": " ~/o "}, "/h/o"),
        ({"HOME": "/h", "OPENCLAW_HOME": "~"}, "/h"),
        ({"HOME": "/h", "OPENCLAW_HOME": "~other"}, "/srv/here/~other"),
        ({"USERPROFILE": "/u", "OPENCLAW_HOME": "~\\o"}, "/u\\o"),
        ({"HOME": "/h", "OPENCLAW_HOME": "   "}, "/h"),
        ({"HOME": "", "USERPROFILE": "/u"}, "/u"),
        ({"HOME": "rel"}, "/srv/here/rel"),
    ],
)
def test_home(env: dict[str, str], home: str) -> None:
    assert effective_home(env, CWD) == Path(home)


def test_without_variables_home_is_the_accounts() -> None:
    assert effective_home({}, CWD).is_absolute()


def test_without_any_home_it_is_the_cwd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", lambda uid: (_ for _ in ()).throw(KeyError(uid)))
    assert effective_home({}, CWD) == CWD


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/x/", "/h/x"),
        ("~", "/h"),
        ("/a/../b//c", "/b/c"),
        ("x/./y", "/srv/here/x/y"),
        ("~x", "/srv/here/~x"),
    ],
)
def test_user_path(text: str, path: str) -> None:
    assert user_path(text, home=Path("/h"), cwd=CWD) == Path(path)


def test_nothing_there_gives_the_places_where_it_would_be(tmp_path: Path) -> None:
    paths = state_paths(env={"HOME": str(tmp_path)}, cwd=CWD)
    assert paths.state_dir == tmp_path / ".openclaw"
    assert paths.config_file == tmp_path / ".openclaw" / "openclaw.json"
    assert paths.profile is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", [".clawdbot", ".moldbot", ".moltbot"])
@pytest.mark.parametrize("name", ["openclaw.json", "clawdbot.json", "moldbot.json", "moltbot.json"])
def test_legacy_names_are_found_and_left_in_place(tmp_path: Path, folder: str, name: str) -> None:
    file = touch(tmp_path / folder / name)
    paths = state_paths(env={"HOME": str(tmp_path)}, cwd=CWD)
    assert (paths.state_dir, paths.config_file) == (file.parent, file)
    assert [*tmp_path.rglob("*.json")] == [file]


def test_the_state_folder_and_the_config_may_be_of_different_ages(tmp_path: Path) -> None:
    (tmp_path / ".openclaw").mkdir()
    old = touch(tmp_path / ".clawdbot" / "clawdbot.json")
    paths = state_paths(env={"HOME": str(tmp_path)}, cwd=CWD)
    assert (paths.state_dir, paths.config_file) == (tmp_path / ".openclaw", old)


def test_todays_name_wins_within_a_folder_and_the_folder_wins_over_the_name(tmp_path: Path) -> None:
    touch(tmp_path / ".clawdbot" / "openclaw.json")
    touch(tmp_path / ".openclaw" / "moltbot.json")
    new = touch(tmp_path / ".openclaw" / "clawdbot.json")
    assert state_paths(env={"HOME": str(tmp_path)}, cwd=CWD).config_file == new


@pytest.mark.parametrize("variable", ["OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR"])
def test_a_state_folder_by_variable(tmp_path: Path, variable: str) -> None:
    file = touch(tmp_path / "state" / "moldbot.json")
    paths = state_paths(env={"HOME": str(tmp_path), variable: " ~/state "}, cwd=CWD)
    assert (paths.state_dir, paths.config_file) == (file.parent, file)


def test_an_empty_state_folder_by_variable_falls_back_to_the_default_config(tmp_path: Path) -> None:
    file = touch(tmp_path / ".openclaw" / "openclaw.json")
    paths = state_paths(env={"HOME": str(tmp_path), "OPENCLAW_STATE_DIR": str(tmp_path / "x")}, cwd=CWD)
    assert (paths.state_dir, paths.config_file) == (tmp_path / "x", file)


@pytest.mark.parametrize("variable", ["OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH"])
def test_a_config_by_variable_is_the_only_candidate(tmp_path: Path, variable: str) -> None:
    touch(tmp_path / ".openclaw" / "openclaw.json")
    paths = state_paths(env={"HOME": str(tmp_path), variable: "conf/absent.json"}, cwd=tmp_path)
    assert paths.config_file == tmp_path / "conf" / "absent.json"
    assert paths.state_dir == tmp_path / ".openclaw"


def test_a_profile_has_folders_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path / ".openclaw" / "openclaw.json")
    paths = state_paths(env={"HOME": str(tmp_path)}, cwd=CWD, profile="Work_2")
    assert paths.profile == "Work_2"
    assert paths.state_dir == tmp_path / ".openclaw-Work_2"
    assert paths.config_file == tmp_path / ".openclaw-Work_2" / "openclaw.json"


def test_dev_is_a_profile_and_default_has_no_suffix(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert state_paths(env=env, cwd=CWD, dev=True).state_dir == tmp_path / ".openclaw-dev"
    assert state_paths(env=env, cwd=CWD, dev=True).profile == "dev"
    assert state_paths(env=env, cwd=CWD, profile="default").state_dir == tmp_path / ".openclaw"


def test_variables_win_over_what_a_profile_implies(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "OPENCLAW_STATE_DIR": "~/mine"}
    paths = state_paths(env=env, cwd=CWD, profile="work")
    assert (paths.state_dir, paths.config_file) == (tmp_path / "mine", tmp_path / "mine" / "openclaw.json")
    env["OPENCLAW_CONFIG_PATH"] = "/etc/oc.json"
    assert state_paths(env=env, cwd=CWD, profile="work").config_file == Path("/etc/oc.json")


def test_a_profile_by_variable_moves_no_folders(tmp_path: Path) -> None:
    paths = state_paths(env={"HOME": str(tmp_path), "OPENCLAW_PROFILE": "work"}, cwd=CWD)
    assert (paths.profile, paths.state_dir) == ("work", tmp_path / ".openclaw")


@pytest.mark.parametrize(
    ("profile", "dev", "message"),
    [
        ("x", True, "Cannot combine --dev with --profile"),
        ("", False, "--profile requires a value"),
        ("  ", False, "--profile requires a value"),
        ("../up", False, "Invalid --profile"),
        ("-x", False, "Invalid --profile"),
        ("a" * 65, False, "Invalid --profile"),
        ("a\n", False, None),
        ("é", False, "Invalid --profile"),
        ("\u212ax", False, "Invalid --profile"),
    ],
)
def test_unusable_profiles(profile: str, dev: bool, message: str | None) -> None:
    if message is None:
        assert state_paths(env={"HOME": "/h"}, cwd=CWD, profile=profile).profile == profile.strip()
        return
    with pytest.raises(UsageError, match=message) as caught:
        state_paths(env={"HOME": "/h"}, cwd=CWD, profile=profile, dev=dev)
    assert caught.value.exit_code == 2


def test_an_unusable_profile_by_variable_becomes_no_path() -> None:
    with pytest.raises(UsageError, match="Invalid OPENCLAW_PROFILE"):
        state_paths(env={"HOME": "/h", "OPENCLAW_PROFILE": "../../etc"}, cwd=CWD)


def test_a_link_to_nothing_is_not_an_absent_config(tmp_path: Path) -> None:
    (tmp_path / ".openclaw").mkdir()
    (tmp_path / ".openclaw" / "openclaw.json").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError) as caught:
        state_paths(env={"HOME": str(tmp_path)}, cwd=CWD)
    assert "symbolic link to nothing" in caught.value.issues[0].message


def test_what_cannot_be_looked_at_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if self.name == "openclaw.json":
            raise PermissionError(13, "Permission denied")
        return real(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(ConfigError) as caught:
        state_paths(env={"HOME": str(tmp_path)}, cwd=CWD)
    assert caught.value.issues[0].message == "cannot look at it: Permission denied"


def test_a_nul_in_a_path_is_refused() -> None:
    with pytest.raises(ConfigError):
        state_paths(env={"HOME": "/h\0x"}, cwd=CWD)


def test_what_would_be_used_instead_if_it_were_there(tmp_path: Path) -> None:
    touch(tmp_path / ".clawdbot" / "clawdbot.json")
    home = {"HOME": str(tmp_path)}
    rivals = state_paths(env=home, cwd=CWD).rivals
    assert {tmp_path / ".openclaw", tmp_path / ".openclaw/openclaw.json"} <= set(rivals)
    assert tmp_path / ".clawdbot/openclaw.json" in rivals
    assert not {tmp_path / ".moldbot", tmp_path / ".clawdbot/clawdbot.json"} & set(rivals)
    named = {
        "OPENCLAW_STATE_DIR": str(tmp_path / ".clawdbot"),
        "OPENCLAW_CONFIG_PATH": str(tmp_path / ".clawdbot/clawdbot.json"),
    }
    assert state_paths(env=home | named, cwd=CWD).rivals == ()


def test_todays_names_have_no_rivals(tmp_path: Path) -> None:
    assert state_paths(env={"HOME": str(tmp_path)}, cwd=CWD).rivals == ()
    touch(tmp_path / ".openclaw" / "openclaw.json")
    assert state_paths(env={"HOME": str(tmp_path)}, cwd=CWD).rivals == ()
