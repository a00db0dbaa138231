"""Checks a config against the schema, and says in plain words what does not fit."""

from __future__ import annotations

from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from openclaw_sandbox.config.compiled import root_type, validator
from openclaw_sandbox.config.origin import dotted
from openclaw_sandbox.config.problems import Problem, found, nearest, one_of, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.config.origin import KeyPath

_TYPES = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "dict_type": "an object",
}
#: More keys than this are not listed where one of them was probably meant.
_MAX_LISTED = 12
_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than_equal": ("of at most", "le"),
}


def schema_problems(data: Any, schema: str = "schema") -> Iterator[Problem]:
    """What in `data` the schema of this name does not allow; without a name, that of openclaw.json."""
    from pydantic_core import ValidationError

    try:
        validator(schema).validate_python(data)
    except ValidationError as error:
        describe = _Describer(schema)
        for found_error in error.errors(include_url=False):
            yield describe.problem(found_error)
            yield from _bad_parts(found_error)


def known_keys(schema: str) -> Iterator[tuple[str, ...]]:
    """The path of every key that the schema names; `<id>` stands for any key or index."""
    return _walk(root_type(schema), ())


def _bad_parts(error: Any) -> Iterator[Problem]:
    """A limit written as an object is wrong as a whole; which of its parts is wrong is said as well."""
    value = error["input"]
    if error["type"] != "expected" or not isinstance(value, dict):
        return
    for name in ("soft", "hard"):
        part = value.get(name, 0)
        if type(part) is not int or part < 0:
            path: KeyPath = (*error["loc"], name)
            yield Problem(path=path, message=f"expected a whole number from 0, found {found(part, path)}")


class _Describer:
    """Puts pydantic's errors into words, with the help of the types that they are about."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def problem(self, error: Any) -> Problem:
        path: KeyPath = tuple(error["loc"])
        kind, value = error["type"], error["input"]
        if kind == "extra_forbidden":
            return self._unknown_key(path)
        if kind == "missing":
            return Problem(path=path, message=f'the key "{path[-1]}" is missing', at=path[:-1])
        message = f"expected {self._expected(kind, path, error)}, found {found(value, path)}"
        return Problem(path=path, message=message, hint=self._hint(kind, path, value))

    def _expected(self, kind: str, path: KeyPath, error: Any) -> str:
        if kind == "literal_error":
            return one_of(self._words_at(path))
        if kind in _BOUNDS:
            words, bound = _BOUNDS[kind]
            return f"a number {words} {error['ctx'][bound]:.17g}"
        return _TYPES.get(kind) or str(error["msg"])

    def _hint(self, kind: str, path: KeyPath, value: Any) -> str:
        if value is None:
            return "remove the key to leave it unset"
        if not isinstance(value, str):
            return ""
        if kind == "literal_error" and (meant := nearest(value, self._words_at(path))):
            return f'did you mean "{meant}"?'
        return _type_hint(kind, value)

    def _words_at(self, path: KeyPath) -> list[str]:
        """The words that the schema allows at `path`."""
        return [word for word in get_args(self._type_at(path)) if isinstance(word, str)]

    def _unknown_key(self, path: KeyPath) -> Problem:
        """A key that its object does not know; reported at the object, as OpenClaw does."""
        parent, key = path[:-1], str(path[-1])
        known = sorted(_fields(self._type_at(parent)))
        meant = nearest(key, known)
        suggestion = dotted((*parent, meant)) if meant else self._elsewhere(key, parent)
        allowed = f"; allowed here: {', '.join(known)}" if not suggestion or len(known) <= _MAX_LISTED else ""
        return Problem(
            path=parent,
            message=f'unknown key "{shortened(key)}"{allowed}',
            hint=f"did you mean {suggestion}?" if suggestion else "",
            at=path,
        )

    def _elsewhere(self, key: str, parent: KeyPath) -> str | None:
        """A key of exactly this name at another place: the one that shares most of the way to `parent`."""
        folded = key.lower()
        places = [path for path in _all_keys(self._schema) if path[-1].lower() == folded]
        pattern = tuple("<id>" if isinstance(part, int) else part for part in parent)
        best = max(places, key=lambda path: (_shared(path, pattern), -len(path)), default=())
        shared = _shared(best, pattern)
        if not best or (parent and not shared):
            return None
        return dotted((*parent[:shared], *best[shared:]))

    def _type_at(self, path: KeyPath) -> Any:
        """The type that the schema wants at `path`."""
        kind = root_type(self._schema)
        for part in path:
            fields = _fields(kind)
            kind = fields.get(str(part)) if fields else next(iter(get_args(kind)[-1:]), None)
        return kind


def _type_hint(kind: str, value: str) -> str:
    if kind == "list_type":
        return "put it in brackets to make it a list"
    if kind == "bool_type" and (meant := _BOOLEANS.get(value.strip().lower())):
        return f"write {meant} without quotes"
    if kind in ("int_type", "float_type") and _is_numeric(value):
        return "remove the quotes"
    return ""


def _is_numeric(text: str) -> bool:
    return text.strip().lstrip("+-").replace(".", "", 1).isdigit()


def _shared(left: tuple[str | int, ...], right: tuple[str | int, ...]) -> int:
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@cache
def _all_keys(schema: str) -> tuple[tuple[str, ...], ...]:
    return tuple(known_keys(schema))


def _walk(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in _fields(kind).items():
        yield (*path, name)
        yield from _walk(field, (*path, name))
    if get_origin(kind) in (list, dict) and get_args(kind):
        yield from _walk(get_args(kind)[-1], (*path, "<id>"))


def _fields(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind) if hasattr(kind, "__total__") else {}
