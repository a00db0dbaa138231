"""Debian's order of versions, and its package lists. Pure."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_older(mine: str, other: str) -> bool:
    """Whether `mine` sorts before `other`: epoch, upstream version, revision, as dpkg compares them."""
    left, right = _parts(mine), _parts(other)
    if left[0] != right[0]:
        return left[0] < right[0]
    return (_order(left[1], right[1]) or _order(left[2], right[2])) < 0


def _parts(version: str) -> tuple[int, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-")
    if not upstream:
        upstream, revision = revision, ""
    return int(epoch) if epoch.isdigit() else 0, upstream, revision


def _order(mine: str, other: str) -> int:
    """-1, 0 or 1: text and numbers in turn."""
    for left, right in zip_longest(_pieces(mine), _pieces(other), fillvalue=("", "")):
        for one, two in zip_longest(left[0], right[0], fillvalue=""):
            if _weight(one) != _weight(two):
                return -1 if _weight(one) < _weight(two) else 1
        if int(left[1] or 0) != int(right[1] or 0):
            return -1 if int(left[1] or 0) < int(right[1] or 0) else 1
    return 0


def _pieces(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(\D*)(\d*)", text)[:-1]


def _weight(character: str) -> int:
    """A tilde sorts before the end, letters before everything else."""
    if character == "~":
        return -1
    if not character:
        return 0
    return ord(character) if character.isalpha() else ord(character) + 256


def parse_packages(lines: Iterable[str]) -> dict[str, str]:
    """Name -> newest version, of a Packages file of apt or of dpkg's status file. Not what was removed."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if line.startswith("Package:"):
            name = line[8:].strip()
        elif line.startswith("Status:") and not line.rstrip().endswith(" installed"):
            name = ""
        elif line.startswith("Version:") and name:
            version = line[8:].strip()
            if name not in found or is_older(found[name], version):
                found[name] = version
            name = ""
    return found
