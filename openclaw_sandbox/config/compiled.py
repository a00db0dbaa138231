"""The schemas in the form that pydantic's core loads in a millisecond, and how that form is made.

pydantic builds a validator from types in two steps: types to a core schema (plain data, slow), core schema
to a validator (fast). The first step is done before release; its outcome is shipped beside the types.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import SchemaValidator

#: Name of a schema -> the module that holds its types: `ROOT` is the outermost, `ADAPTER` validates it.
SCHEMAS: Mapping[str, str] = {
    "schema": "openclaw_sandbox.config.schema",
    "hardening_schema": "openclaw_sandbox.config.hardening_schema",
}
#: Classes and callables for pydantic's own use; a validator needs none of them.
_NOT_DATA = frozenset({"cls", "metadata", "serialization"})
_OBJECT_ID = re.compile(r":\d+$")


def compiled_file(name: str) -> Path:
    """Where the compiled form of a schema stands."""
    return Path(__file__).with_name(f"{name}.core.json")


@cache
def validator(name: str) -> SchemaValidator:
    """The validator of a schema; `validate_python` raises pydantic's ValidationError."""
    from pydantic_core import SchemaError, SchemaValidator, from_json

    try:
        return SchemaValidator(from_json(compiled_file(name).read_bytes()))
    except SchemaError:  # another pydantic, which spells core schemas differently: the slow way, same rules
        from_types: SchemaValidator = _adapter(name).validator
        return from_types


def root_type(name: str) -> Any:
    """The outermost type of a schema, for messages about it. Slow: it imports pydantic."""
    return import_module(SCHEMAS[name]).ROOT


def compile_schema(name: str) -> str:
    """The text of a schema's compiled file."""
    import json

    return json.dumps(_plain(_adapter(name).core_schema), indent=1, sort_keys=True) + "\n"


def _adapter(name: str) -> Any:
    return import_module(SCHEMAS[name]).ADAPTER


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _OBJECT_ID.sub("", item) if key in ("ref", "schema_ref") else _plain(item)
            for key, item in value.items()
            if key not in _NOT_DATA
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
