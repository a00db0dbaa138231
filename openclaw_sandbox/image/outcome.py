"""What became of an image, whichever room made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import ImageInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One image after a set-up. `action` is built, kept or loaded; `why` says so for a human."""

    name: str
    reference: str
    action: str
    why: str
    image: ImageInfo
    seconds: float
