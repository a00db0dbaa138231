"""The tool as its users start it: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openclaw_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(openclaw_sandbox.__file__).resolve().parents[1]
ARGV = (sys.executable, "-m", "openclaw_sandbox")
#: What a test inherits from whoever started it; everything else is its own.
_INHERITED = ("PATH", "TMPDIR", "DOCKER_HOST", "DOCKER_CONTEXT", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Done:
    """How it ended. `out` and `err` are bytes; `text` and `said` the same, decoded."""

    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def said(self) -> str:
        return self.err.decode("utf-8", "backslashreplace")

    @property
    def document(self) -> Any:
        """Its answer as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """Its error object."""
        found: dict[str, Any] = self.document["error"]
        return found


@dataclass(frozen=True)
class Tool:
    """Runs `openclaw-sandbox` with `home` as its home folder."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    #: A command that starts the tool as somebody else, put before it.
    before: tuple[str, ...] = ()
    start_with: tuple[str, ...] = ARGV

    @property
    def state(self) -> Path:
        return self.home / ".openclaw"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        own = {"HOME": str(self.home), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        return {**inherited, **own, **self.env, **(more or {})}

    def write_config(self, config: Mapping[str, Any]) -> Path:
        """Make this openclaw.json."""
        self.state.mkdir(parents=True, exist_ok=True)
        path = self.state / "openclaw.json"
        path.write_text(json.dumps(config))
        return path

    def argv(self, *words: str | bytes | Path) -> list[str | bytes | Path]:
        return [*self.before, *self.start_with, *words]

    def __call__(
        self,
        *words: str | bytes | Path,
        stdin: bytes = b"",
        timeout_s: float = 120,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Done:
        """Run it to its end."""
        ended = subprocess.run(
            self.argv(*words),
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            env=self.environment(env),
            cwd=cwd or self.home,
            check=False,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *words: str | bytes | Path, **popen: Any) -> subprocess.Popen[bytes]:
        """Start it; the caller ends it. All three streams are pipes unless `popen` says otherwise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            self.argv(*words), **{**pipes, "env": self.environment(), "cwd": self.home, **popen}
        )
