"""config.yml, the operator's own file in the state folder: found, read, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.discover import is_there
from openclaw_sandbox.config.model import LoadedHardening
from openclaw_sandbox.config.origin import BUILT_IN, Origin, OriginKind, dotted
from openclaw_sandbox.config.problems import MAX_ISSUES, Problem, found, invalid_config, refused_file
from openclaw_sandbox.config.text_file import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from openclaw_sandbox.config.hardening_rules import Normalised
    from openclaw_sandbox.config.model import StatePaths
    from openclaw_sandbox.config.origin import KeyPath, Location
    from openclaw_sandbox.config.yaml_file import YamlDocument
    from openclaw_sandbox.errors import ConfigError

HARDENING_FILE = "config.yml"
_TOP = "sandbox"


def load_hardening_file(paths: StatePaths) -> LoadedHardening:
    """config.yml of this state folder, checked and normalised; `{}` where there is none.

    Only the file is read; nothing is written and no variable is substituted.

    Raises:
        ConfigError: the file is unreadable, no YAML, or invalid; `issues` holds everything that is wrong.
    """
    file = paths.state_dir / HARDENING_FILE
    if not is_there(file):
        _refuse_other_name(file)
        return LoadedHardening(file=file, exists=False, data={})
    # Most state folders have no config.yml, and a YAML parser is costly to import.
    from openclaw_sandbox.config.hardening_rules import normalise
    from openclaw_sandbox.config.yaml_file import MAX_YAML_BYTES, YamlDocument

    document = YamlDocument(file, read_text(file, max_bytes=MAX_YAML_BYTES))
    wrong = list(_schema_problems(document.data))
    block = document.data.get(_TOP) if isinstance(document.data, dict) else None
    block = block if isinstance(block, dict) else {}
    judged = normalise(block, home=str(paths.home), misfits={problem.path[1:] for problem in wrong})
    problems = [*wrong, *judged.problems]
    if problems:
        raise _invalid(document, problems)
    return LoadedHardening(file=file, exists=True, data=judged.data, origin_of=_origins(document, judged))


def _refuse_other_name(file: Path) -> None:
    other = file.with_suffix(".yaml")
    if is_there(other):
        message = f"this file is not read: it must be called {HARDENING_FILE}"
        raise refused_file(other, message, hint=f"mv {other} {file}")


def _schema_problems(data: Any) -> Iterator[Problem]:
    from openclaw_sandbox.config.validate import schema_problems

    if data is None or data == {_TOP: None}:  # an empty file, or one whose keys are all comments
        return
    if isinstance(data, dict):
        yield from schema_problems(data, "hardening_schema")
    else:
        yield Problem(path=(), message=f'expected an object with the key "{_TOP}", found {found(data, ())}')


def _invalid(document: YamlDocument, problems: Sequence[Problem]) -> ConfigError:
    from dataclasses import replace

    issues = []
    for problem in problems[:MAX_ISSUES]:
        at = problem.path if problem.at is None else problem.at
        at_key = len(at) > len(problem.path)
        shown = dotted(problem.path)
        issue = document.issue_at(at, problem.message, shown_as=shown, at_key=at_key)
        issues.append(replace(issue, hint=problem.hint or None))
    issues.sort(key=lambda issue: (issue.line or 0, issue.column or 0))
    return invalid_config(document.path, issues, total=len(problems))


def _origins(document: YamlDocument, judged: Normalised) -> Callable[[KeyPath], Origin]:
    """Where each key path of the normalised data stands in the file."""

    def origin_of(path: KeyPath) -> Origin:
        written = judged.written(path)
        if written is None:
            return BUILT_IN

        def locate() -> Location | None:
            return document.value_location((_TOP, *written))

        key = dotted((_TOP, *path))
        return Origin(kind=OriginKind.FILE, key=key, file=str(document.path), locate=locate)

    return origin_of
