#!/usr/bin/env python3
"""Turns syscalls.toml and numbers.txt into one seccomp profile per architecture.

    python3 seccomp/generate.py            write the JSON files
    python3 seccomp/generate.py --check    exit 1 if a file in the repository is not what the list says

Needs nothing but Python 3.11.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

#: The architectures we ship, as the kernel and as libseccomp name them. Only the native one stands in a
#: profile: a second ABI (32-bit calls on a 64-bit kernel) has other numbers and undoes every argument filter.
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}

EPERM, ENOSYS = 1, 38
WORD = 32  # bits of an `int` argument

Rule = dict[str, Any]


class ListError(Exception):
    """syscalls.toml or numbers.txt says something that cannot be right."""


def read_numbers(text: str) -> dict[str, dict[str, int]]:
    """Architecture -> name -> number, from the lines of numbers.txt."""
    tables: dict[str, dict[str, int]] = {arch: {} for arch in ARCHITECTURES}
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, *numbers = line.split()
        for arch, number in zip(ARCHITECTURES, numbers, strict=True):
            if number != "-":
                tables[arch][name] = int(number)
    return tables


def decided_names(groups: dict[str, Any]) -> list[str]:
    """Every name that the list decides, in its order, repetitions included."""
    return [name for kind in groups.values() for group in kind for name in group["names"]]


def check(groups: dict[str, Any], tables: dict[str, dict[str, int]]) -> None:
    """Refuse a list that leaves a call undecided, decides one twice or compares what cannot be compared.

    Raises:
        ListError: with every name or filter that is wrong.
    """
    known = {name for table in tables.values() for name in table}
    names = Counter(decided_names(groups))
    complaints = [f"undecided: {name}" for name in sorted(known - names.keys())]
    complaints += [f"not in numbers.txt: {name}" for name in sorted(names.keys() - known)]
    complaints += [f"decided {count} times: {name}" for name, count in sorted(names.items()) if count > 1]
    for group in groups["filter"]:
        for conditions in group["accept"]:
            arguments = [condition["argument"] for condition in conditions]
            if len(set(arguments)) != len(arguments):
                complaints.append(f"two conditions on one argument: {group['names']}")
            if any(c["equals"] & ~c["mask"] or c["mask"] >> WORD for c in conditions):
                complaints.append(f"a value outside its mask, or a mask too wide: {group['names']}")
    if complaints:
        raise ListError("\n".join(complaints))


def prefixes_without(values: set[int], *, prefix: int = 0, bits: int = WORD) -> list[tuple[int, int]]:
    """(mask, value) pairs that together match every 32-bit number but `values`, and none twice.

    Halves the range until a half holds no refused value: that half is one rule.
    """
    inside = {value for value in values if value >> bits == prefix >> bits}
    if not inside:
        return [(((1 << WORD) - 1) & ~((1 << bits) - 1), prefix)]
    if bits == 0:
        return []
    half = 1 << (bits - 1)
    return [
        *prefixes_without(inside, prefix=prefix, bits=bits - 1),
        *prefixes_without(inside, prefix=prefix | half, bits=bits - 1),
    ]


def masked_equal(argument: int, mask: int, equals: int) -> Rule:
    """One condition; the only operator we use."""
    return {"index": argument, "value": mask, "valueTwo": equals, "op": "SCMP_CMP_MASKED_EQ"}


def filter_rules(groups: dict[str, Any], present: set[str]) -> list[Rule]:
    """One ALLOW rule for each way in."""
    ways: list[tuple[list[str], list[Rule]]] = [
        (group["names"], [masked_equal(c["argument"], c["mask"], c["equals"]) for c in conditions])
        for group in groups["filter"]
        for conditions in group["accept"]
    ]
    ways += [
        (group["names"], [masked_equal(group["argument"], mask, value)])
        for group in groups["exclude"]
        for mask, value in prefixes_without(set(group["values"]))
    ]
    return [
        {"names": [name], "action": "SCMP_ACT_ALLOW", "args": conditions}
        for names, conditions in ways
        for name in names
        if name in present
    ]


def profile(groups: dict[str, Any], arch: str, present: set[str]) -> dict[str, Any]:
    """The profile of one architecture: every call it has is in exactly one kind of rule."""

    def flat(kind: str) -> list[str]:
        return sorted(name for group in groups[kind] for name in group["names"] if name in present)

    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": [ARCHITECTURES[arch]],
        "syscalls": [
            {"names": flat("allow"), "action": "SCMP_ACT_ALLOW"},
            *filter_rules(groups, present),
            {"names": flat("absent"), "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
            # The default would do. Named all the same: a reader and a blocked-syscall check can see that the
            # refusal is meant, and runc takes every number up to the highest one named as decided.
            {"names": flat("deny"), "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
        ],
    }


def generate() -> dict[Path, str]:
    """The files and what must stand in them.

    Raises:
        ListError: see `check`.
    """
    groups = tomllib.loads((HERE / "syscalls.toml").read_text(encoding="utf-8"))
    tables = read_numbers((HERE / "numbers.txt").read_text(encoding="utf-8"))
    check(groups, tables)
    return {
        HERE / f"openclaw-sandbox.{arch}.json": json.dumps(profile(groups, arch, set(table)), indent=2) + "\n"
        for arch, table in tables.items()
    }


def main(argv: list[str]) -> int:
    """Write the profiles, or compare them. Returns the exit status."""
    if argv not in ([], ["--check"]):
        print("usage: generate.py [--check]", file=sys.stderr)
        return 2
    try:
        wanted = generate()
    except ListError as error:
        print(f"seccomp/syscalls.toml:\n{error}", file=sys.stderr)
        return 1
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if argv:
        for path in stale:
            print(f"{path.name} is not what syscalls.toml says; run generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
