"""openclaw.json, loaded as OpenClaw loads it: found, parsed, merged, substituted, checked, expanded.

Unlike OpenClaw, nothing that goes wrong on the way ends in an empty config (which would mean "no sandbox"):
it ends in one error that names everything wrong with the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.config.discover import is_there, state_paths
from openclaw_sandbox.config.hardening_file import load_hardening_file
from openclaw_sandbox.config.model import ConfigWarning, LoadedConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openclaw_sandbox.config.model import StatePaths

__all__ = ["load_config", "state_paths"]


def load_config(
    *, env: Mapping[str, str], cwd: Path, profile: str | None = None, dev: bool = False
) -> LoadedConfig:
    """The config that OpenClaw would use for this environment, checked; `{}` where there is no file.

    The state folder's config.yml comes with it, as `hardening`.

    `env` is the process environment, `cwd` the folder relative paths start from, `profile` and `dev` are
    OpenClaw's root flags. Reads files only; changes nothing, not even the environment.

    Raises:
        UsageError: the profile's name is unusable.
        ConfigError: the config is unreadable or invalid; `issues` holds everything that is wrong with it.
    """
    paths = state_paths(env=env, cwd=cwd, profile=profile, dev=dev)
    if not is_there(paths.config_file):
        hardening = load_hardening_file(paths)
        return LoadedConfig(
            paths=paths, exists=False, data={}, warnings=_absent(paths, env), hardening=hardening
        )
    from openclaw_sandbox.config.openclaw_file import read_config  # many hosts have no such file

    return read_config(paths, env=env, cwd=cwd)


def _absent(paths: StatePaths, env: Mapping[str, str]) -> tuple[ConfigWarning, ...]:
    names = ("OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH")
    named = next((name for name in names if env.get(name, "").strip()), "")
    if not named:
        return ()
    message = f"{named} names {paths.config_file}, which does not exist: OpenClaw runs with an empty config"
    return (ConfigWarning(code="config.absent", message=message, hint=f"correct or unset {named}"),)
