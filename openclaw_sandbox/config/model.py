"""What loading leaves behind: plain data, where each value stands, and where things live on this host."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.origin import BUILT_IN, KeyPath, Origin
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePaths:
    """The reference's folders for this user and profile. All absolute; none need exist."""

    home: Path
    state_dir: Path
    config_file: Path  # the first candidate that exists, else where it would be
    profile: str | None
    rivals: tuple[Path, ...] = ()  # looked for first, and absent: were they there, they would be used instead


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWarning:
    """Something odd but valid. `code` is stable."""

    code: str
    message: str
    hint: str = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A config that passed every check: includes merged, variables substituted, paths expanded.

    `data` is openclaw.json as plain dicts and lists (`{}` without a file). `origin_of` says where a key path
    of `data` stands; it is exact for values from included files too.
    """

    paths: StatePaths
    exists: bool
    data: Mapping[str, Any] = field(repr=False)
    origin_of: Callable[[KeyPath], Origin] = field(default=lambda _path: BUILT_IN, repr=False, compare=False)
    warnings: tuple[ConfigWarning, ...] = ()
    #: What else was read for it: included files, and `.env` files that its variables may come from.
    beside: tuple[Path, ...] = ()
    #: Values that came from variables or look like secrets, for redaction. Never shown.
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    #: config.yml beside it; None: it was not looked for.
    hardening: LoadedHardening | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedHardening:
    """config.yml, checked and normalised: sizes in bytes, rates per second, times in seconds, names of
    capabilities in capitals without `CAP_`.

    `data` is its `sandbox` block as plain dicts and lists (`{}` without a file), with the file's keys;
    `data["agents"]` maps agent ids to blocks of the same keys. `origin_of` takes a path inside `data`
    (`("resource_limits", "memory")`, `("agents", "work", "timeout")`).
    """

    file: Path
    exists: bool
    data: Mapping[str, Any] = field(repr=False)
    origin_of: Callable[[KeyPath], Origin] = field(default=lambda _path: BUILT_IN, repr=False, compare=False)
    warnings: tuple[ConfigWarning, ...] = ()
