"""One entry more in a YAML list, and nothing else touched."""

from __future__ import annotations

import pytest

from openclaw_sandbox.config.edit_list import agent_key, with_entry
from openclaw_sandbox.errors import ConfigError

HOSTS = ("sandbox", "allowed_hosts")
AGENT = ("sandbox", "agents", "work", "allowed_hosts")


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("", HOSTS, "sandbox:\n  allowed_hosts:\n    - '*.new.example'\n"),
        ("# mine\n", HOSTS, "# mine\nsandbox:\n  allowed_hosts:\n    - '*.new.example'\n"),
        ("# mine", HOSTS, "# mine\nsandbox:\n  allowed_hosts:\n    - '*.new.example'\n"),
        (
            "sandbox:\n  # seconds\n  timeout: 300  # long\n\n# end\n",
            AGENT,
            "sandbox:\n  # seconds\n  timeout: 300  # long\n  agents:\n    work:\n      allowed_hosts:\n"
            "        - '*.new.example'\n\n# end\n",
        ),
        (
            "sandbox:\n  allowed_hosts: ['a.b', \"c.d\"]  # x\n  timeout: 1\n",
            HOSTS,
            "sandbox:\n  allowed_hosts: ['a.b', \"c.d\", '*.new.example']  # x\n  timeout: 1\n",
        ),
        (
            "sandbox:\n  allowed_hosts:\n  - a.b # one\n  # two\n  denied_hosts: [x.y]\n",
            HOSTS,
            "sandbox:\n  allowed_hosts:\n  - a.b # one\n  - '*.new.example'\n  # two\n"
            "  denied_hosts: [x.y]\n",
        ),
        ("sandbox:\n  allowed_hosts: []\n", HOSTS, "sandbox:\n  allowed_hosts: ['*.new.example']\n"),
        (
            "sandbox:\n  allowed_hosts:\n  timeout: 3\n",
            HOSTS,
            "sandbox:\n  allowed_hosts:\n    - '*.new.example'\n  timeout: 3\n",
        ),
        (
            "sandbox:\n  allowed_hosts: [\n    a.b\n  ]",
            HOSTS,
            "sandbox:\n  allowed_hosts: [\n    a.b, '*.new.example'\n  ]",
        ),
        ("---\n", HOSTS, "---\nsandbox:\n  allowed_hosts:\n    - '*.new.example'\n"),
        (
            "sandbox:\n  agents:\n",
            ("sandbox", "agents", "1", "allowed_hosts"),
            "sandbox:\n  agents:\n    '1':\n      allowed_hosts:\n        - '*.new.example'\n",
        ),
        (
            "sandbox:\n  agents:\n    on: {timeout: 1}\n    1:\n      timeout: 1\n",
            ("sandbox", "agents", "1", "allowed_hosts"),
            "sandbox:\n  agents:\n    on: {timeout: 1}\n    1:\n      timeout: 1\n      allowed_hosts:\n"
            "        - '*.new.example'\n",
        ),
    ],
)
def test_it_is_put_in(before: str, path: tuple[str, ...], after: str) -> None:
    assert with_entry(before, path, "*.new.example") == after


@pytest.mark.parametrize(
    "before",
    [
        "sandbox: {timeout: 3}\n",
        "sandbox:\n  allowed_hosts: a.b\n",
        "sandbox:\n  allowed_hosts: {a: 1}\n",
        "- a\n",
        "sandbox: [\n",
        "sandbox:\n  note: |\n    text\n",
        "a: &x [1]\nsandbox: *x\n",
        "null\n",
        "sandbox:\n  allowed_hosts: &x [a.b]\n  denied_hosts: *x\n",
    ],
)
def test_what_must_be_done_by_hand(before: str) -> None:
    try:
        after = with_entry(before, HOSTS, "a.new")
    except ConfigError as error:
        assert "'a.new'" in error.hint
    else:
        assert after.startswith(before.rstrip("\n"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "work"),
        ("sandbox:\n  agents:\n    Work: {timeout: 1}\n", "Work"),
        ("sandbox: {agents: {other: {timeout: 1}}}", "work"),
        ("sandbox: [1]", "work"),
    ],
)
def test_the_key_of_an_agent_is_the_one_that_stands_there(text: str, key: str) -> None:
    assert agent_key(text, "work") == key
