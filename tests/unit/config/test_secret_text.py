"""What is hidden from errors, and what is not."""

from __future__ import annotations

import time

import pytest

from openclaw_sandbox.config.secret_text import is_secret_name, looks_secret, mask_line, mask_text

#: Put together at run time, so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "a1B2" * 9
OPENAI = "sk-" + "proj-abc123DEF456ghi789"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxIn0xyz" + "." + "c2ln"
HEX = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "botToken",
        "OPENAI_API_KEY",
        "apiKey",
        "DB_PASSWORD",
        "db_pass",
        "AWS_SECRET_ACCESS_KEY",
        "KEY",
        "private-key",
        "clientSecret",
        "SECRET_2",
        "identityData",
        "credentials",
        "authorization",
        "session_cookie",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "mainKey",
        "sessionKey",
        "maxTokens",
        "contextTokens",
        "tokenizer",
        "path",
        "mode",
        "monkey",
        "bypass",
        "identityFile",
        "keys",
        "LANG",
        "allowFrom",
    ],
)
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "value",
    [
        GITHUB,
        OPENAI,
        JWT,
        HEX,
        f"Bearer {GITHUB}",
        "postgres://op:hunter2@db/x",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "123456789:" + "AAE" * 12,
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_shapes_of_secrets(value: str) -> None:
    assert looks_secret(value)
    assert "***" in mask_text(value)


@pytest.mark.parametrize(
    "value",
    [
        "openclaw-sandbox:bookworm-slim",
        "/home/op/projects/a-rather-long-folder-name/with/2/parts",
        "a" * 64,
        f"debian@sha256:{HEX}{HEX[:16]}",
        "https://api.example.com/v1",
        "agent:main:telegram:group:-1001234567890123",
    ],
)
def test_other_shapes(value: str) -> None:
    assert not looks_secret(value)
    assert mask_text(value) == value


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('"token": "abc def", "mode": "all"', '"token": "***", "mode": "all"'),
        ("token: 'it\\'s', mode: 'all'", "token: '***', mode: 'all'"),
        ("password: hunter2,", "password: ***,"),
        ('"password" "hunter2"', '"password" "***"'),
        ('password"hunter2"', 'password"***"'),
        ('"token": "never closed', '"token": "***"'),
        ("SECRET=hunter2", "SECRET=***"),
        ('env: { "GH_TOKEN" : "x" }', 'env: { "GH_TOKEN" : "***" }'),
        (f"a: '{GITHUB}'", "a: '***'"),
        ("url: 'https://u:pw@h/'", "url: 'https://u:***@h/'"),
        ('"tokenizer": "x", mode: "all"', '"tokenizer": "x", mode: "all"'),
    ],
)
def test_lines(line: str, shown: str) -> None:
    assert mask_line(line) == shown


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "a." * 10_000, " " * 20_000, "key:" * 5_000, "'" * 20_000, "eyJ-" * 500]
)
def test_masking_takes_linear_time(text: str) -> None:
    started = time.process_time()
    mask_line(text)
    looks_secret(text)
    assert time.process_time() - started < 5  # quadratic behaviour takes minutes here
