"""Comparing two `docker create` lines: is every restriction of the first one in the second one too?"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

from openclaw_sandbox.policy.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NO_VALUE = frozenset({"--read-only", "--init", "--no-healthcheck", "--interactive", "--tty"})
Flags = dict[str, list[str]]


def parse(args: Sequence[str]) -> Flags:
    """Flag -> its values; everything from the image on is left out."""
    flags: Flags = defaultdict(list)
    words = iter(args[1:])
    for word in words:
        if not word.startswith("-"):
            break
        flags[word].append("" if word in _NO_VALUE else next(words))
    return flags


def _option(option: str) -> str:
    name, _, value = option.partition("=")
    return f"size={size_bytes(value)}" if name == "size" else option


def _tmpfs(wanted: str, ours: Flags) -> bool:
    path, _, options = wanted.partition(":")
    found = next((entry for entry in ours["--tmpfs"] if entry.partition(":")[0] == path), None)
    has = set(found.partition(":")[2].split(",")) if found is not None else set()
    return found is not None and {_option(option) for option in options.split(",") if option} <= has


def _mount(wanted: str, ours: Flags) -> bool:
    source, target, *options = wanted.split(":")
    read_only = "ro" in ",".join(options).split(",")
    mount = f"type=bind,source={posixpath.normpath(source)},target={target}"
    return f"{mount},readonly" in ours["--mount"] or (not read_only and mount in ours["--mount"])


def _user(wanted: str, ours: Flags) -> bool:
    """A bare uid gets a group of the same number, so that no file ends up in group root."""
    return ours["--user"][:1] in ([wanted], [f"{wanted}:{wanted}"])


def _security(wanted: str, ours: Flags) -> bool:
    kind, _, value = wanted.partition("=")
    if kind != "seccomp":
        return wanted in ours["--security-opt"]
    found = next((o.partition("=")[2] for o in ours["--security-opt"] if o.startswith("seccomp=")), "")
    return found.endswith(posixpath.normpath(value))


def _ulimit(wanted: str, ours: Flags) -> bool:
    name, _, value = wanted.partition("=")
    soft, _, hard = value.partition(":")
    return f"{name}={soft}:{hard or soft}" in ours["--ulimit"]


def _at_most(flag: str) -> Callable[[str, Flags], bool]:
    def check(wanted: str, ours: Flags) -> bool:
        limit = size_bytes(wanted) if wanted != "-1" else 0
        return limit == 0 or any(0 < int(value) <= limit for value in ours[flag])

    return check


def _same(flag: str) -> Callable[[str, Flags], bool]:
    return lambda wanted, ours: wanted in ours[flag]


def _number(flag: str) -> Callable[[str, Flags], bool]:
    return lambda wanted, ours: [float(wanted)] == [float(value) for value in ours[flag]]


_CHECKS: dict[str, Callable[[str, Flags], bool]] = {
    "--name": _same("--name"),
    "--label": lambda wanted, ours: wanted in ours["--label"],
    "--read-only": lambda _wanted, ours: "--read-only" in ours,
    "--tmpfs": _tmpfs,
    "--network": _same("--network"),
    "--user": _user,
    "--env": _same("--env"),
    "--cap-drop": lambda wanted, ours: wanted in ours["--cap-drop"] or "ALL" in ours["--cap-drop"],
    "--security-opt": _security,
    "--dns": _same("--dns"),
    "--add-host": _same("--add-host"),
    "--pids-limit": _same("--pids-limit"),
    "--memory": _at_most("--memory"),
    "--memory-swap": _at_most("--memory-swap"),
    "--cpus": _number("--cpus"),
    "--ulimit": _ulimit,
    "--workdir": _same("--workdir"),
    "-v": _mount,
}


def lost_restrictions(wanted: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The flags of `wanted` that `ours` does not keep. An unknown flag counts as lost."""
    if not wanted:
        return []
    found = parse(ours)
    return [
        f"{flag} {value}".strip()
        for flag, values in parse(wanted).items()
        for value in values
        if flag not in _CHECKS or not _CHECKS[flag](value, found)
    ]
