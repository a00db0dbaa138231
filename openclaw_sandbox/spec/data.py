"""The text files this project ships: the Dockerfiles and the seccomp profiles.

In an installed wheel they stand under `openclaw_sandbox/_data`; in a checkout or an editable install at the
top level of the project, where people look for them. Nothing else needs to know which of the two it is.
"""

from __future__ import annotations

from pathlib import Path

from openclaw_sandbox.errors import SandboxError

_PACKAGE = Path(__file__).resolve().parent.parent

#: Where a shipped file can be, first hit wins.
_ROOTS = (_PACKAGE / "_data", _PACKAGE.parent)


def data_path(name: str) -> Path:
    """The shipped file of this name ("Dockerfile.sandbox", "seccomp/openclaw-sandbox.x86_64.json").

    Raises:
        SandboxError: the installation is damaged: the file is in none of its places.
    """
    for root in _ROOTS:
        candidate = root / name
        if candidate.is_file():
            return candidate
    raise SandboxError(
        f"This installation is damaged: its file {name} is missing.",
        hint="Install openclaw-sandbox again, for instance: pip install --force-reinstall openclaw-sandbox",
        details=[f"looked for {root / name}" for root in _ROOTS],
    )


def data_text(name: str) -> str:
    """The text of the shipped file of this name, decoded as UTF-8.

    Raises:
        SandboxError: the file is missing or cannot be read.
    """
    path = data_path(name)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(
            f"Cannot read {path}, a file of this installation: {error}",
            hint="Install openclaw-sandbox again, as a user who may read it.",
        ) from error
