"""Environment variables that look like secrets: never in the container's config, injected at exec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openclaw_sandbox.config.secret_text import holds_credential
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy.javascript import length, trim

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names that hold credentials. The suffix rule alone covers most; the others are known by name.
_SECRET_NAMES = (
    r"ANTHROPIC_API_KEY|OPENAI_API_KEY|GEMINI_API_KEY|OPENROUTER_API_KEY|MINIMAX_API_KEY|ELEVENLABS_API_KEY",
    r"SYNTHETIC_API_KEY|TELEGRAM_BOT_TOKEN|DISCORD_BOT_TOKEN|SLACK_(?:BOT|APP)_TOKEN",
    r"LINE_CHANNEL_SECRET|LINE_CHANNEL_ACCESS_TOKEN|OPENCLAW_GATEWAY_(?:TOKEN|PASSWORD)",
    r"AWS_(?:SECRET_ACCESS_KEY|SECRET_KEY|SESSION_TOKEN)|(?:GH|GITHUB)_TOKEN",
    r"(?:AZURE|AZURE_OPENAI|COHERE|AI_GATEWAY|OPENROUTER)_API_KEY",
    r".*_?(?:API_KEY|TOKEN|PASSWORD|PRIVATE_KEY|SECRET)",
)
# ASCII: JavaScript folds no letter of another script onto one of these.
_SECRET = re.compile("|".join(_SECRET_NAMES), re.IGNORECASE | re.DOTALL | re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{80,}")
_MAX_VALUE = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanitized:
    """OpenClaw's verdict on a map of variables. `warnings`: name and what is odd about its value."""

    allowed: Mapping[str, str]
    blocked: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...]


def looks_secret(name: str) -> bool:
    """Whether a variable of this name holds a credential, by its name alone."""
    return _SECRET.fullmatch(trim(name)) is not None


def is_secret(name: str, value: str) -> bool:
    """Whether a variable holds a credential: by its name, or by what stands in it."""
    return looks_secret(name) or holds_credential(value)


def _oddity(value: str) -> str | None:
    if length(value) > _MAX_VALUE:
        return "Value exceeds maximum length"
    if _BASE64.fullmatch(value):
        return "Value looks like base64-encoded credential data"
    return None


def sanitize(env: Mapping[str, str]) -> Sanitized:
    """Split variables into those that may be seen in `docker inspect` and those that must not."""
    allowed: dict[str, str] = {}
    blocked: list[str] = []
    warnings: list[tuple[str, str]] = []
    for raw, value in env.items():
        name = trim(raw)
        if not name:
            continue
        if looks_secret(name) or "\0" in value:
            blocked.append(name)
            continue
        if (oddity := _oddity(value)) is not None:
            warnings.append((name, oddity))
        allowed[name] = value
    return Sanitized(allowed=allowed, blocked=tuple(blocked), warnings=tuple(warnings))
