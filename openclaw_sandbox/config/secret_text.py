"""Recognising what may be a secret, and hiding it, in what is shown to people."""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"

# Texts, not compiled patterns: `re` keeps what is used, and most configs give no reason to use them.

#: No credential that is known by its shape is shorter.
_MIN_SHAPED_CHARS = 12

_NAME = (
    r"(?i)(?:(?:api|access|secret|private|signing|encryption|master|service|auth)[_-]?key|token|password|passwd"
    r"|passphrase|secret|credentials?|authorization|cookie|identitydata|(?:^|_)(?:key|pass|pwd|pin|auth))"
    r"(?:_?\d+)?$"
)
#: Credentials that are known by their shape, wherever they stand.
_SHAPE = (
    r"\b(?:sk|pk|rk)-[\w-]{16,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[a-z]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{30,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\b\d{8,10}:[\w-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
)
#: Long and without any structure: a digest, a key in hex or base64.
_OPAQUE = (
    r"(?<!sha256:)(?<![\w/+.-])(?=[A-Za-z+/_-]*\d)(?=[\d+/_-]*[A-Za-z])[A-Za-z0-9+_-]{32,}={0,2}(?![\w/.:-])"
)
_IN_URL = r"(\w+://[^\s/:@\"']*:)[^\s/@\"']+(@)"
_KEY_AND_VALUE = (
    r"""(["']?)(?<![\w.-])([\w.-]++)\1(\s*[:=]\s*|\s+|(?=["']))"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,{}\[\]"']+)"""
)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a key or variable of this name usually holds a secret."""
    return bool(re.search(_NAME, name))


def looks_secret(value: str) -> bool:
    """Whether a value has the shape of a credential."""
    if len(value) < _MIN_SHAPED_CHARS:
        return False
    return holds_credential(value) or bool(re.search(_OPAQUE, value))


def holds_credential(value: str) -> bool:
    """Whether a credential stands in a value beyond doubt: of a known shape, or a password in a URL."""
    in_url = "://" in value and re.search(_IN_URL, value)
    return bool(in_url or re.search(_SHAPE, value))


def mask_text(text: str) -> str:
    """`text` without what has the shape of a credential."""
    masked = re.sub(_SHAPE, MASK, text)
    if "://" in masked:
        masked = re.sub(_IN_URL, rf"\1{MASK}\2", masked)
    return re.sub(_OPAQUE, MASK, masked)


def mask_line(line: str) -> str:
    """A line of a config file without the values of secret-looking keys and without credentials."""

    def hide(match: re.Match[str]) -> str:
        quote, name, separator, value = match.groups()
        if not is_secret_name(name):
            return match.group()
        edge = value[0] if value[0] in "\"'" else ""
        return f"{quote}{name}{quote}{separator}{edge}{MASK}{edge}"

    return mask_text(re.sub(_KEY_AND_VALUE, hide, line))
