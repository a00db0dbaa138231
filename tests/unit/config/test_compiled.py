"""The shipped schemas are those of the types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic_core import SchemaValidator, ValidationError

from openclaw_sandbox.config import compiled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def forgotten() -> None:
    compiled.validator.cache_clear()


@pytest.mark.parametrize("name", sorted(compiled.SCHEMAS))
def test_the_compiled_file_is_up_to_date(name: str) -> None:
    shipped = compiled.compiled_file(name).read_text(encoding="utf-8")
    assert shipped == compiled.compile_schema(name), "run: python scripts/compile_schemas.py"


@pytest.mark.usefixtures("forgotten")
def test_another_pydantic_builds_from_the_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = tmp_path / "x.json"
    strange.write_text('{"type": "a-type-of-tomorrow"}')
    monkeypatch.setattr(compiled, "compiled_file", lambda name: strange)
    built = compiled.validator("schema")
    compiled.validator.cache_clear()
    assert isinstance(built, SchemaValidator)
    built.validate_python({"session": {"scope": "global"}})
    with pytest.raises(ValidationError):
        built.validate_python({"session": {"scope": 1}})
