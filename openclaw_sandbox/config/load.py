"""openclaw.json, loaded as OpenClaw loads it: found, parsed, merged, substituted, checked, expanded.

Unlike OpenClaw, nothing that goes wrong on the way ends in an empty config (which would mean "no sandbox"):
it ends in one error that names everything wrong with the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agent_dirs import agent_dir_problems
from openclaw_sandbox.config.discover import is_there, state_paths
from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.home_paths import expand_paths
from openclaw_sandbox.config.includes import Merged, resolve_includes
from openclaw_sandbox.config.model import ConfigWarning, LoadedConfig, StatePaths
from openclaw_sandbox.config.origin import BUILT_IN, KeyPath, Origin, OriginKind, dotted
from openclaw_sandbox.config.problems import Problem, found, invalid_config
from openclaw_sandbox.config.rules import rule_problems
from openclaw_sandbox.config.text_file import MAX_CONFIG_BYTES, read_text
from openclaw_sandbox.config.variables import (
    Substituted,
    config_env_block,
    first_not_blank,
    read_dotenv,
    substitute,
)
from openclaw_sandbox.config.warn import config_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from openclaw_sandbox.config.origin import Location
    from openclaw_sandbox.errors import Issue

__all__ = ["load_config", "state_paths"]


def load_config(
    *, env: Mapping[str, str], cwd: Path, profile: str | None = None, dev: bool = False
) -> LoadedConfig:
    """The config that OpenClaw would use for this environment, checked; `{}` where there is no file.

    `env` is the process environment, `cwd` the folder relative paths start from, `profile` and `dev`
    OpenClaw's root flags. Reads files only; changes nothing, not even the environment.

    Raises:
        UsageError: the profile's name is unusable.
        ConfigError: the config is unreadable or invalid; `issues` holds everything that is wrong with it.
    """
    paths = state_paths(env=env, cwd=cwd, profile=profile, dev=dev)
    if not is_there(paths.config_file):
        return LoadedConfig(paths=paths, exists=False, data={}, warnings=_absent(paths, env))
    merged = _read(paths.config_file)
    substituted = substitute(merged.data, _variables(merged.data, paths, env))
    _refuse_problems(merged, substituted, paths, cwd)
    origin_of = _origins(merged)
    data = expand_paths(_main_key_forced(substituted.data), home=paths.home, cwd=cwd)
    return LoadedConfig(
        paths=paths,
        exists=True,
        data=data,
        origin_of=origin_of,
        warnings=tuple(config_warnings(substituted.data, merged.documents, origin_of)),
        secrets=frozenset(substituted.secrets),
    )


def _absent(paths: StatePaths, env: Mapping[str, str]) -> tuple[ConfigWarning, ...]:
    named = next(
        (name for name in ("OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH") if env.get(name, "").strip()), ""
    )
    if not named:
        return ()
    message = f"{named} names {paths.config_file}, which does not exist: OpenClaw runs with an empty config"
    return (ConfigWarning(code="config.absent", message=message, hint=f"correct or unset {named}"),)


def _read(path: Path) -> Merged:
    merged = resolve_includes(Document(path, read_text(path, max_bytes=MAX_CONFIG_BYTES)))
    if merged.issues:
        raise invalid_config(path, merged.issues)
    if not isinstance(merged.data, dict):
        problem = Problem(path=(), message=f"expected an object at the top, found {found(merged.data, ())}")
        raise invalid_config(path, [_issue(merged, problem)])
    return merged


def _variables(data: Mapping[str, Any], paths: StatePaths, env: Mapping[str, str]) -> dict[str, str]:
    folders = dict.fromkeys((paths.state_dir, paths.config_file.parent))
    dotenvs = [read_dotenv(folder / ".env") for folder in folders]
    return first_not_blank(env, *dotenvs, config_env_block(data))


def _refuse_problems(merged: Merged, substituted: Substituted, paths: StatePaths, cwd: Path) -> None:
    """Raise one error for everything that is wrong, in the order of the file."""
    from openclaw_sandbox.config.validate import schema_problems

    unset = {path for path, _name in substituted.missing}
    problems = [_missing_variable(path, name, cwd) for path, name in substituted.missing]
    problems += rule_problems(substituted.data)
    problems += agent_dir_problems(substituted.data, paths, cwd)
    problems += schema_problems(substituted.data)
    issues = {
        (problem.path, problem.at, problem.message): _issue(merged, problem)
        for problem in problems
        # A text that still holds its ${NAME} cannot be judged.
        if problem.path not in unset or problem.message.startswith("missing variable")
    }
    if issues:
        ordered = sorted(
            issues.values(), key=lambda issue: (issue.file or "", issue.line or 0, issue.column or 0)
        )
        raise invalid_config(paths.config_file, ordered)


def _missing_variable(path: KeyPath, name: str, cwd: Path) -> Problem:
    hint = (
        f"set {name} in the environment or in the state folder's .env; write $${{{name}}} for the text itself"
    )
    if name in read_dotenv(cwd / ".env"):
        hint = f"{cwd / '.env'} sets {name}, but is not trusted: copy the line to the state folder's .env"
    return Problem(path=path, message=f"missing variable {name}: it is unset or empty", hint=hint)


def _issue(merged: Merged, problem: Problem) -> Issue:
    from dataclasses import replace

    place = merged.place(problem.path if problem.at is None else problem.at)
    at_key = problem.at is not None and len(problem.at) > len(problem.path)
    issue = place.document.issue_at(place.path, problem.message, shown_as=dotted(problem.path), at_key=at_key)
    return replace(issue, hint=problem.hint or None)


def _origins(merged: Merged) -> Callable[[KeyPath], Origin]:
    """Where each key path of the merged document stands; a file is scanned when a line is asked for."""

    def origin_of(path: KeyPath) -> Origin:
        if not _holds(merged.data, path):
            return BUILT_IN
        place = merged.place(path)

        def locate() -> Location | None:
            return place.document.value_location(place.path)

        return Origin(kind=OriginKind.FILE, key=dotted(path), file=str(place.document.path), locate=locate)

    return origin_of


def _holds(data: Any, path: KeyPath) -> bool:
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return False
    return True


def _main_key_forced(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """`session.mainKey` is always `main` for OpenClaw, whatever the file says."""
    session = data.get("session")
    if not isinstance(session, dict) or "mainKey" not in session:
        return data
    return {**data, "session": {**session, "mainKey": "main"}}
