"""Hiding secrets in what is shown: variables by name, and known secret values wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.environment import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_ENV_KEY = "docker.env."


class Redactor:
    """Knows one config's secrets. Short values are no secrets: they would hide half of any text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` without any known secret."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """Variables with the values of secret-looking names hidden."""
        return {name: MASK if looks_secret(name) else self.text(value) for name, value in env.items()}

    def value(self, key: str, value: Any) -> Any:
        """One effective value by its key."""
        if key.startswith(_ENV_KEY) and looks_secret(key.removeprefix(_ENV_KEY)):
            return MASK
        return self.plain(value)

    def plain(self, value: Any) -> Any:
        """Any plain data, texts redacted; an `env` map by its names too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                key: self.env(item) if key == "env" and isinstance(item, Mapping) else self.plain(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        return value
