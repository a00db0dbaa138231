"""Write what pydantic makes of the config schemas to the files that are loaded at run time.

Run it after a change in `openclaw_sandbox/config/*schema.py`:  python scripts/compile_schemas.py
"""

from __future__ import annotations

from openclaw_sandbox.config.compiled import SCHEMAS, compile_schema, compiled_file


def main() -> None:
    for name in SCHEMAS:
        compiled_file(name).write_text(compile_schema(name), encoding="utf-8")
        print(compiled_file(name))


if __name__ == "__main__":
    main()
