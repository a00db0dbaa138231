"""Checks a config against the schema, and says in plain words what does not fit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from openclaw_sandbox.config.compiled import validator
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
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than_equal": ("of at most", "le"),
}


def schema_problems(data: Any) -> Iterator[Problem]:
    """What in `data` (openclaw.json, includes merged) the schema does not allow."""
    from pydantic_core import ValidationError

    try:
        validator("schema").validate_python(data)
    except ValidationError as error:
        yield from map(_problem, error.errors(include_url=False))


def _problem(error: Any) -> Problem:
    path: KeyPath = tuple(error["loc"])
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return unknown_key(path)
    if kind == "missing":
        return Problem(path=path, message=f'the key "{path[-1]}" is missing', at=path[:-1])
    message = f"expected {_expected(kind, path, error)}, found {found(value, path)}"
    return Problem(path=path, message=message, hint=_hint(kind, path, value))


def _expected(kind: str, path: KeyPath, error: Any) -> str:
    if kind == "literal_error":
        return one_of(_words_at(path))
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"a number {words} {error['ctx'][bound]:.17g}"
    return _TYPES.get(kind) or str(error["msg"])


def _hint(kind: str, path: KeyPath, value: Any) -> str:
    if value is None:
        return "remove the key to leave it unset"
    if not isinstance(value, str):
        return ""
    if kind == "literal_error" and (meant := nearest(value, _words_at(path))):
        return f'did you mean "{meant}"?'
    if kind == "list_type":
        return "put it in brackets to make it a list"
    quoted = (kind == "bool_type" and value.strip().lower() in ("true", "false")) or (
        kind in ("int_type", "float_type") and _is_numeric(value)
    )
    return "remove the quotes" if quoted else ""


def _is_numeric(text: str) -> bool:
    return text.strip().lstrip("+-").replace(".", "", 1).isdigit()


def _words_at(path: KeyPath) -> list[str]:
    """The words that the schema allows at `path`."""
    return [word for word in get_args(_type_at(path)) if isinstance(word, str)]


def unknown_key(path: KeyPath) -> Problem:
    """The problem of a key that its object does not know; reported at the object, as OpenClaw does."""
    parent, key = path[:-1], str(path[-1])
    known = sorted(_fields(_type_at(parent)))
    meant = nearest(key, known)
    elsewhere = None if meant else _elsewhere(key, parent)
    suggestion = dotted((*parent, meant)) if meant else elsewhere
    return Problem(
        path=parent,
        message=f'unknown key "{shortened(key)}"; allowed here: {", ".join(known)}',
        hint=f"did you mean {suggestion}?" if suggestion else "",
        at=path,
    )


def _elsewhere(key: str, parent: KeyPath) -> str | None:
    """A key of exactly this name at another place, the nearest one to `parent`."""
    folded = key.lower()
    places = [path for path in _all_keys() if path[-1].lower() == folded]
    if not places:
        return None
    pattern = tuple("<id>" if isinstance(part, int) else part for part in parent)
    best = max(places, key=lambda path: (_shared(path, pattern), -len(path)))
    if _shared(best, pattern) == 0:
        return None
    real = [str(part) for part in parent[: _shared(best, pattern)]]
    return ".".join([*real, *best[len(real) :]])


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


@cache
def _all_keys() -> tuple[tuple[str, ...], ...]:
    from openclaw_sandbox.config.schema import Config

    return tuple(_walk(Config, ()))


def _walk(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in _fields(kind).items():
        yield (*path, name)
        yield from _walk(field, (*path, name))
    if get_origin(kind) in (list, dict) and get_args(kind):
        yield from _walk(get_args(kind)[-1], (*path, "<id>"))


def _type_at(path: KeyPath) -> Any:
    """The type that the schema wants at `path`."""
    from openclaw_sandbox.config.schema import Config

    kind: Any = Config
    for part in path:
        fields = _fields(kind)
        kind = fields.get(str(part)) if fields else next(iter(get_args(kind)[-1:]), None)
    return kind


def _fields(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind) if hasattr(kind, "__total__") else {}
