"""What the types of both config files are built of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

#: The largest integer that JavaScript holds exactly; OpenClaw refuses larger ones where it wants an integer.
_MAX_INTEGER = (1 << 53) - 1

#: An object that refuses keys it does not know, and one that takes them.
CLOSED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
OPEN = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Expected:
    """Makes a union fail with one error, in these words, instead of one for each of its members."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        return {**schema, "custom_error_type": "expected", "custom_error_message": self.words}


Positive = Annotated[int, Field(gt=0, le=_MAX_INTEGER)]
NonNegative = Annotated[int, Field(ge=0, le=_MAX_INTEGER)]
Texts = list[str]
Anything = dict[str, Any]
Unjudged = Any
TextOrNumber = Annotated[str | float, Expected("text or a number")]
TextOrTexts = Annotated[str | Texts, Expected("text, or a list of texts")]
TextOrObject = Annotated[str | Anything, Expected("text or an object")]


@with_config(CLOSED)
class UlimitPair(TypedDict, total=False):
    """A limit with its two values."""

    soft: NonNegative
    hard: NonNegative


Ulimit = Annotated[
    str | float | UlimitPair,
    Expected('a number, text such as "1024:2048", or {soft, hard} of whole numbers'),
]
