"""openclaw.json, read as OpenClaw reads it: parsed, merged, substituted, checked, expanded."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.agent_dirs import agent_dir_problems
from openclaw_sandbox.config.discover import is_there
from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.hardening_file import load_hardening_file
from openclaw_sandbox.config.home_paths import expand_paths
from openclaw_sandbox.config.includes import Merged, resolve_includes
from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.config.origin import BUILT_IN, KeyPath, Origin, OriginKind, dotted
from openclaw_sandbox.config.problems import MAX_ISSUES, Problem, found, invalid_config, printable
from openclaw_sandbox.config.rules import rule_problems
from openclaw_sandbox.config.secret_text import MASK
from openclaw_sandbox.config.text_file import MAX_CONFIG_BYTES, read_text
from openclaw_sandbox.config.variables import (
    MAX_ADDED_CHARS,
    Substituted,
    config_env_block,
    known_variables,
    read_dotenv,
    substitute,
)
from openclaw_sandbox.config.warn import config_warnings
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.config.origin import Location

_MAX_WARNINGS = 100


def read_config(paths: StatePaths, *, env: Mapping[str, str], cwd: Path) -> LoadedConfig:
    """The config of a file that exists, and config.yml; see `load_config`, which finds them.

    Raises:
        ConfigError: it is unreadable or invalid; `issues` holds everything that is wrong with it.
    """
    merged = _read(paths.config_file)
    substituted = substitute(merged.data, _variables(merged, paths, env))
    _refuse_problems(merged, substituted, paths, cwd)
    origin_of = _origins(merged)
    return LoadedConfig(
        paths=paths,
        exists=True,
        data=expand_paths(_main_key_forced(substituted.data), home=paths.home, cwd=cwd),
        origin_of=origin_of,
        warnings=tuple(islice(config_warnings(substituted.data, merged.documents, origin_of), _MAX_WARNINGS)),
        beside=(*(document.path for document in merged.documents[1:]), *_dotenvs_that_count(merged, paths)),
        secrets=frozenset(substituted.secrets),
        hardening=load_hardening_file(paths),
    )


def _read(path: Path) -> Merged:
    merged = resolve_includes(Document(path, read_text(path, max_bytes=MAX_CONFIG_BYTES)))
    if merged.issues:
        raise invalid_config(path, merged.issues)
    if not isinstance(merged.data, dict):
        problem = Problem(path=(), message=f"expected an object at the top, found {found(merged.data, ())}")
        raise invalid_config(path, [_issue(merged, problem)])
    return merged


def _variables(merged: Merged, paths: StatePaths, env: Mapping[str, str]) -> dict[str, str]:
    """Every known variable; `.env` files are read only for a config that refers to one."""
    if not _may_refer_to_variables(merged):
        return {}
    dotenvs = [read_dotenv(file) for file in _dotenvs(paths)]
    return known_variables(env, dotenvs, config_env_block(merged.data))


def _may_refer_to_variables(merged: Merged) -> bool:
    return any("$" in document.text or "\\" in document.text for document in merged.documents)


def _dotenvs(paths: StatePaths) -> list[Path]:
    return [folder / ".env" for folder in dict.fromkeys((paths.state_dir, paths.config_file.parent))]


def _dotenvs_that_count(merged: Merged, paths: StatePaths) -> list[Path]:
    return [file for file in _dotenvs(paths) if is_there(file)] if _may_refer_to_variables(merged) else []


def _refuse_problems(merged: Merged, substituted: Substituted, paths: StatePaths, cwd: Path) -> None:
    """Raise one error for everything that is wrong, in the order of the file."""
    problems = list(_problems(substituted, paths, cwd))
    if problems:
        shown = dict.fromkeys(problems[:MAX_ISSUES])
        issues = [_issue(merged, problem, substituted.secrets) for problem in shown]
        total = len(problems) if len(problems) > MAX_ISSUES else 0
        raise invalid_config(paths.config_file, sorted(issues, key=_by_place), total=total)


def _problems(substituted: Substituted, paths: StatePaths, cwd: Path) -> Iterator[Problem]:
    from openclaw_sandbox.config.validate import schema_problems

    if substituted.added > MAX_ADDED_CHARS:
        message = f"the variables make this config larger than {MAX_ADDED_CHARS >> 20} MiB"
        yield Problem(path=(), message=message)
        return
    data, unset = substituted.data, {path for path, _name, _why in substituted.missing}
    untrusted = _untrusted_dotenv(cwd) if unset else {}
    for path, name, why in substituted.missing:
        message = f"variable {name} is {why}"
        yield Problem(path=path, message=message, hint=_way_out(name, cwd / ".env", untrusted))
    for problem in chain(rule_problems(data), agent_dir_problems(data, paths, cwd), schema_problems(data)):
        if problem.path not in unset:  # a text that still holds its ${NAME} cannot be judged
            yield problem


def _by_place(issue: Issue) -> tuple[str, int, int]:
    return issue.file or "", issue.line or 0, issue.column or 0


def _way_out(name: str, dotenv: Path, untrusted: Collection[str]) -> str:
    if name in untrusted:
        return f"{dotenv} sets {name} but is not trusted: copy that line to the state folder's .env"
    return f"set {name} in the environment or in the state folder's .env (or write $${{{name}}} for the text)"


def _untrusted_dotenv(cwd: Path) -> Mapping[str, str]:
    try:
        return read_dotenv(cwd / ".env")
    except ConfigError:  # it only serves a hint
        return {}


def _issue(merged: Merged, problem: Problem, secrets: set[str] | frozenset[str] = frozenset()) -> Issue:
    from dataclasses import replace

    message = problem.message
    for secret in secrets:
        message = message.replace(secret, MASK)
    place = merged.place(problem.path if problem.at is None else problem.at)
    at_key = problem.at is not None and len(problem.at) > len(problem.path)
    issue = place.document.issue_at(place.path, message, shown_as=dotted(problem.path), at_key=at_key)
    return replace(issue, hint=printable(problem.hint) or None)


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
