"""Where a value comes from. Every effective value carries one of these, and those of the values it beat."""

from __future__ import annotations

import enum
from dataclasses import field
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

#: A key path inside one document: object keys and list indexes.
KeyPath = tuple[str | int, ...]


def dotted(path: KeyPath) -> str:
    """The key path as messages show it: `agents.list.0.sandbox.mode`."""
    return ".".join(str(part) for part in path)


class OriginKind(enum.Enum):
    """The layers a value can come from, lowest precedence first."""

    BUILT_IN = "built-in"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a text file; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One value's source.

    `key` is the dotted path inside the file, the variable's name, or the flag. `locate` finds line and column
    when somebody looks: scanning a file for positions is only paid for by what is shown.
    """

    kind: OriginKind
    key: str = ""
    file: str | None = None
    locate: Callable[[], Location | None] | None = field(default=None, compare=False, repr=False)

    def location(self) -> Location | None:
        """Line and column in `file`; None when the value does not stand in a file."""
        return self.locate() if self.locate is not None else None

    def text(self) -> str:
        """One line for a human: `openclaw.json:12 agents.defaults.sandbox.mode`, `built-in`, `--timeout`."""
        if self.kind is not OriginKind.FILE:
            return self.key or self.kind.value
        place = self.location()
        where = f"{self.file}:{place.line}" if place else str(self.file)
        return f"{where} {self.key}".rstrip()


#: The value was set by nobody: our own default, or OpenClaw's.
BUILT_IN = Origin(kind=OriginKind.BUILT_IN)
