"""The syscall filter as the engine takes it: the shipped profile, or an operator's, with more calls refused.

A profile is JSON in Docker's format. The engine gets its text: no file needs to exist on the engine's host.
How the shipped profile came to be: `seccomp/README.md`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.errors import ConfigError, Issue
from openclaw_sandbox.spec.data import data_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

#: The kernel's and Docker's spelling of an architecture -> the one in our file names.
ARCHITECTURES: Mapping[str, str] = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
}

# Tuples: what stands in a file may be unhashable, and must then be "not one of these", not a TypeError.
_ALLOWING = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")
_ACTIONS = (
    *_ALLOWING,
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
)
_OPERATORS = tuple(f"SCMP_CMP_{name}" for name in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"))
_EPERM = 1


def profile_json(arch: str, *, blocked: Iterable[str] = ()) -> str:
    """The shipped profile of `arch` as compact JSON, with the calls in `blocked` refused by EPERM on top.

    `arch` as the kernel or Docker spells it. A call that only exists elsewhere is refused already.

    Raises:
        ConfigError: no profile for this architecture, or `blocked` holds a name that no architecture knows.
    """
    if arch not in ARCHITECTURES:
        raise ConfigError(
            f"There is no seccomp profile for the architecture {arch!r}.",
            hint='Set docker.seccompProfile to "docker-default", or to a profile of your own.',
        )
    refused = _known_syscalls(blocked)
    profile = _shipped(ARCHITECTURES[arch])
    return _compact(_with_blocked(profile, refused & _all_names(profile)))


def load_profile_file(text: str, *, file: str | None = None, blocked: Iterable[str] = ()) -> str:
    """An operator's profile, checked, as compact JSON, with the calls in `blocked` refused by EPERM on top.

    `file` is only for messages. The profile's syscall names are not checked: engines skip unknown ones.

    Raises:
        ConfigError: not JSON, not Docker's format (every fault is listed), or an unknown name in `blocked`.
    """
    profile = _parse(text, file)
    issues = [Issue(path=path, message=message, file=file) for path, message in _faults(profile)]
    if issues:
        raise ConfigError(
            f"{file or 'The seccomp profile'} is not a seccomp profile in Docker's format.",
            issues=issues,
            hint="Correct it, or remove docker.seccompProfile to use the built-in profile.",
        )
    return _compact(_with_blocked(profile, _known_syscalls(blocked)))


def profile_warnings(text: str) -> tuple[str, ...]:
    """What is odd about a profile that `load_profile_file` accepted: one sentence each."""
    profile = json.loads(text)
    rules = profile.get("syscalls") or []
    warnings = []
    if profile["defaultAction"] in _ALLOWING:
        warnings.append("The seccomp profile allows every syscall that it does not name.")
    if any((rule.get("includes") or {}).get("caps") for rule in rules):
        warnings.append(
            "The seccomp profile allows more syscalls to a container that keeps more capabilities."
        )
    if any(_opened_by_two_conditions(rule) for rule in rules):
        warnings.append(
            "A rule of the seccomp profile has two conditions on one argument; "
            "the engine allows the call when either holds."
        )
    return tuple(warnings)


@lru_cache(maxsize=2)
def _shipped(arch: str) -> dict[str, Any]:
    profile: dict[str, Any] = json.loads(data_text(f"seccomp/openclaw-sandbox.{arch}.json"))
    return profile


def _all_names(profile: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for rule in profile["syscalls"] for name in rule["names"])


def _known_syscalls(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. A misspelt one is an error: engines skip it, and the call would stay open."""
    asked = tuple(names)
    if not asked:
        return frozenset()
    known = frozenset[str]().union(*(_all_names(_shipped(arch)) for arch in set(ARCHITECTURES.values())))
    issues = [
        Issue(path="blocked_syscalls", message=f"{name!r} is not a syscall.", hint=_nearest(name, known))
        for name in asked
        if name not in known
    ]
    if issues:
        raise ConfigError(
            " ".join(f"{issue.message} {issue.hint or ''}".strip() for issue in issues),
            issues=issues,
            hint="Use the kernel's own names, as in syscalls(2).",
        )
    return frozenset(asked)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    close = get_close_matches(name.strip().lower(), sorted(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else None


def _with_blocked(profile: Mapping[str, Any], blocked: Collection[str]) -> Mapping[str, Any]:
    """`profile` without `blocked` in any rule, and one rule that refuses them.

    They must leave the other rules: libseccomp lets an unconditional ALLOW win over a refusal.
    """
    if not blocked:
        return profile
    rules = []
    for rule in profile.get("syscalls") or ():
        names = [name for name in _names(rule) if name not in blocked]
        if names:
            rules.append({**{key: value for key, value in rule.items() if key != "name"}, "names": names})
    rules.append({"names": sorted(blocked), "action": "SCMP_ACT_ERRNO", "errnoRet": _EPERM})
    return {**profile, "syscalls": rules}


def _names(rule: Mapping[str, Any]) -> list[str]:
    """A rule's calls; profiles from before Docker 1.13 say `name`."""
    return [rule["name"]] if "name" in rule else list(rule["names"])


def _compact(profile: Mapping[str, Any]) -> str:
    return json.dumps(profile, separators=(",", ":"))


def _parse(text: str, file: str | None) -> dict[str, Any]:
    subject = file or "The seccomp profile"
    try:
        profile = json.loads(text)
    except json.JSONDecodeError as error:
        issue = Issue(
            path="",
            message=error.msg,
            file=file,
            line=error.lineno,
            column=error.colno,
            excerpt=text.split("\n")[error.lineno - 1],
        )
        raise ConfigError(f"{subject} is not valid JSON: {error.msg}.", issues=[issue]) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        raise ConfigError(f"{subject} cannot be read as JSON: {error}.") from error
    if not isinstance(profile, dict):
        raise ConfigError(f"{subject} is not a JSON object.")
    return profile


def _faults(profile: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key path, message) for everything that would make the engine refuse or misread the profile."""
    if profile.get("defaultAction") not in _ACTIONS:
        yield "defaultAction", _expected("one of libseccomp's actions", profile.get("defaultAction"))
    if profile.get("architectures") and profile.get("archMap"):
        yield "archMap", "architectures is set too; engines take one of the two"
    rules = profile.get("syscalls")
    if not isinstance(rules, list | None):
        yield "syscalls", _expected("a list of rules", rules)
        return
    for index, rule in enumerate(rules or ()):
        if not isinstance(rule, dict):
            yield f"syscalls.{index}", _expected("an object", rule)
            continue
        for key, message in _rule_faults(rule):
            yield f"syscalls.{index}.{key}", message


def _rule_faults(rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = [rule["name"]] if "name" in rule else rule.get("names")
    if "name" in rule and rule.get("names"):
        yield "name", "names is set too; engines take one of the two"
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        yield "names", _expected("a list of syscall names", names)
    if rule.get("action") not in _ACTIONS:
        yield "action", _expected("one of libseccomp's actions", rule.get("action"))
    for key in ("includes", "excludes"):
        if not isinstance(rule.get(key), dict | None):
            yield key, _expected("an object", rule[key])
    conditions = rule.get("args")
    if not isinstance(conditions, list | None):
        yield "args", _expected("a list of conditions", conditions)
        return
    for index, condition in enumerate(conditions or ()):
        if not _is_condition(condition):
            yield f"args.{index}", _expected("index (0 to 5), value and op (SCMP_CMP_...)", condition)


def _is_condition(condition: object) -> bool:
    return (
        isinstance(condition, dict)
        and all(_is_word(condition.get(key, 0)) for key in ("index", "value", "valueTwo"))
        and condition.get("index") in range(6)
        and condition.get("op") in _OPERATORS
    )


def _is_word(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _expected(what: str, got: object) -> str:
    shown = json.dumps(got)
    return f"expected {what}, got {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _opened_by_two_conditions(rule: Mapping[str, Any]) -> bool:
    """runc turns a rule with two conditions on one argument into one rule for each: "and" becomes "or"."""
    indexes = [condition["index"] for condition in rule.get("args") or ()]
    return rule["action"] in _ALLOWING and len(set(indexes)) != len(indexes)
