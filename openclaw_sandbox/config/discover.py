"""Where OpenClaw keeps its things for this user and profile. Looks only: nothing is moved or created."""

from __future__ import annotations

import os
import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.config.model import StatePaths
from openclaw_sandbox.config.problems import refused_file
from openclaw_sandbox.config.trim import trim
from openclaw_sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STATE_DIR_NAMES = (".openclaw", ".clawdbot", ".moldbot", ".moltbot")  # today's name, then the legacy ones
_CONFIG_NAMES = ("openclaw.json", "clawdbot.json", "moldbot.json", "moltbot.json")
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.IGNORECASE | re.ASCII)
_HOME_PREFIX = re.compile(r"~(?=$|[/\\])")


def state_paths(
    *, env: Mapping[str, str], cwd: Path, profile: str | None = None, dev: bool = False
) -> StatePaths:
    """The folders and the config file that OpenClaw itself would use, by environment and profile.

    `profile` and `dev` are OpenClaw's root flags; `dev` means the profile of that name. Variables that are
    already set win over what a profile implies. The cwd's `.env` has no say.

    Raises:
        UsageError: the profile's name is unusable, or both flags are given.
        ConfigError: a folder on the way cannot be looked into.
    """
    chosen = _profile_flag(profile, dev=dev)
    home = effective_home(env, cwd)
    variables = dict(env)
    if chosen:
        _apply_profile(variables, chosen, home)
    override = _variable(variables, "OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR")
    overridden_dir = user_path(override, home=home, cwd=cwd) if override else None
    state_dir = overridden_dir or _default_state_dir(home)
    config_file = _config_file(variables, overridden_dir, home, cwd)
    return StatePaths(
        home=home,
        state_dir=state_dir,
        config_file=config_file,
        profile=chosen or _profile_variable(env),
        rivals=(
            *(() if override else _before(state_dir, _state_dirs(home))),
            *(() if _explicit(variables) else _before(config_file, _candidates(overridden_dir, home))),
        ),
    )


def _before(chosen: Path, candidates: Iterator[Path]) -> Iterator[Path]:
    """The candidates that were looked for before the chosen one."""
    return takewhile(lambda candidate: candidate != chosen, candidates)


def effective_home(env: Mapping[str, str], cwd: Path) -> Path:
    """The home that OpenClaw's own folders live under; absolute."""
    explicit = _variable(env, "OPENCLAW_HOME")
    system = _variable(env, "HOME") or _variable(env, "USERPROFILE") or _account_home() or str(cwd)
    if explicit:
        return _absolute(_HOME_PREFIX.sub(lambda _: system, explicit), cwd)
    return _absolute(system, cwd)


def user_path(text: str, *, home: Path, cwd: Path) -> Path:
    """A path as the user wrote it, made absolute: a leading `~` is `home`, relative ones are under `cwd`."""
    return _absolute(_HOME_PREFIX.sub(lambda _: str(home), trim(text)), cwd)


def _absolute(text: str, cwd: Path) -> Path:
    # By text alone, as OpenClaw does it: `..` drops the folder before it, symlink or not.
    return Path("/" + os.path.normpath(cwd / text).lstrip("/"))


def _account_home() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _variable(env: Mapping[str, str], *names: str) -> str:
    """The first of these variables that is not blank, trimmed; else nothing."""
    return next((value for name in names if (value := env.get(name, "").strip())), "")


def _profile_flag(profile: str | None, *, dev: bool) -> str | None:
    if dev and profile is not None:
        raise UsageError("Cannot combine --dev with --profile", hint="give one of them")
    if dev:
        return "dev"
    if profile is None:
        return None
    if not profile.strip():
        raise UsageError("--profile requires a value")
    return _checked_profile(profile.strip(), "--profile")


def _profile_variable(env: Mapping[str, str]) -> str | None:
    name = _variable(env, "OPENCLAW_PROFILE")
    return _checked_profile(name, "OPENCLAW_PROFILE") if name else None


def _checked_profile(name: str, source: str) -> str:
    if not _PROFILE.fullmatch(name):
        raise UsageError(f'Invalid {source} (use letters, numbers, "_", "-" only, at most 64 of them)')
    return name


def _apply_profile(variables: dict[str, str], profile: str, home: Path) -> None:
    suffix = "" if profile.lower() == "default" else f"-{profile}"
    if not _variable(variables, "OPENCLAW_STATE_DIR"):
        variables["OPENCLAW_STATE_DIR"] = str(home / f".openclaw{suffix}")
    if not _variable(variables, "OPENCLAW_CONFIG_PATH"):
        state_dir = _variable(variables, "OPENCLAW_STATE_DIR")
        variables["OPENCLAW_CONFIG_PATH"] = str(Path(state_dir) / _CONFIG_NAMES[0])


def _default_state_dir(home: Path) -> Path:
    return next(filter(is_there, _state_dirs(home)), home / _STATE_DIR_NAMES[0])


def _state_dirs(home: Path) -> Iterator[Path]:
    return (home / name for name in _STATE_DIR_NAMES)


def _config_file(variables: Mapping[str, str], overridden_dir: Path | None, home: Path, cwd: Path) -> Path:
    if explicit := _explicit(variables):
        return user_path(explicit, home=home, cwd=cwd)
    canonical = (overridden_dir or _default_state_dir(home)) / _CONFIG_NAMES[0]
    return next((path for path in _candidates(overridden_dir, home) if is_there(path)), canonical)


def _explicit(variables: Mapping[str, str]) -> str:
    return _variable(variables, "OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH")


def _candidates(overridden_dir: Path | None, home: Path) -> Iterator[Path]:
    folders = [overridden_dir] if overridden_dir else []
    for folder in (*folders, *_state_dirs(home)):
        yield from (folder / name for name in _CONFIG_NAMES)


def is_there(path: Path) -> bool:
    """Whether something is there. What cannot be looked at is an error: "absent" would mean "no sandbox"."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return False
        message = "this is a symbolic link to nothing"
        raise refused_file(path, message) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot look at it: {reason}"
        raise refused_file(path, message) from None
    return True
