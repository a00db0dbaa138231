"""A home folder of its own for each test, and a config in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.errors import ConfigError, Issue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openclaw_sandbox.config.model import LoadedConfig


@dataclass(frozen=True)
class Home:
    """`~` of an operator whose state folder is `~/.openclaw`."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / ".openclaw"

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.path)}

    def write(self, text: str | bytes, name: str = "openclaw.json") -> Path:
        """A file in the state folder."""
        file = self.state / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def load(self, text: str | bytes | None = None, env: Mapping[str, str] | None = None) -> LoadedConfig:
        if text is not None:
            self.write(text)
        return load_config(env={**self.env, **(env or {})}, cwd=self.path / "elsewhere")

    def refused(self, text: str | bytes, env: Mapping[str, str] | None = None) -> tuple[Issue, ...]:
        """The issues of a config that must not load."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, env)
        assert caught.value.exit_code == 2
        assert caught.value.issues
        return caught.value.issues

    def refused_once(self, text: str | bytes, env: Mapping[str, str] | None = None) -> Issue:
        """The only issue of a config that must not load."""
        (issue,) = self.refused(text, env)
        return issue


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home" / "elsewhere").mkdir(parents=True)
    return Home(tmp_path / "home")
