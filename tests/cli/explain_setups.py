"""Ten setups that an operator could bring to a support person, each with the words that name its problem.

A setup is the files of a state folder; `{home}` stands for the home folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Setup:
    """`named` must stand in the first screen, and so must `fix`. Links: path below home -> target."""

    files: Mapping[str, str]
    args: tuple[str, ...] = ()
    exit_status: int = 0
    named: str
    fix: str
    hidden: str = ""  # must stand nowhere
    links: Mapping[str, str] = field(default_factory=dict)


def _config(text: str) -> dict[str, str]:
    return {"openclaw.json": text}


SETUPS: Mapping[str, Setup] = {
    "wrong-agent-id": Setup(
        files=_config('{ agents: { list: [{ id: "main" }, { id: "work" }] } }\n'),
        args=("--agent", "wrok"),
        exit_status=2,
        named='no agent "wrok"',
        fix="Did you mean work?",
    ),
    "mode-off-elevated-open": Setup(
        files=_config(
            '{\n  agents: { defaults: { sandbox: { mode: "off" } } },\n'
            '  tools: { elevated: { allowFrom: { telegram: ["*"] } } },\n}\n'
        ),
        named="the mode is off",
        fix='Set agents.defaults.sandbox.mode to "non-main" or "all".',
    ),
    "bind-to-docker-socket": Setup(
        files=_config(
            '{ agents: { defaults: { sandbox: {\n  mode: "all",\n'
            '  docker: { binds: ["{home}/tools/engine:/engine:ro"] },\n} } } }\n'
        ),
        links={"tools/engine": "/run/docker.sock"},
        named="leads through a symlink to /run/docker.sock",
        fix="Bind a project's own folder instead",
    ),
    "capdrop-emptied-by-agent": Setup(
        files=_config(
            '{\n  agents: {\n    defaults: { sandbox: { mode: "all" } },\n'
            '    list: [{ id: "main" }, { id: "work", sandbox: {\n      docker: { capDrop: [] },\n    } }],\n'
            "  },\n}\n"
        ),
        args=("--agent", "work"),
        named="docker.capDrop has no ALL",
        fix='set it to ["ALL"]',
    ),
    "shared-scope-with-overrides": Setup(
        files=_config(
            '{ agents: {\n  defaults: { sandbox: { mode: "all", scope: "shared" } },\n'
            '  list: [{ id: "work", sandbox: { docker: {\n    memory: "1g",\n  } } }],\n} }\n'
        ),
        args=("--agent", "work"),
        named="settings are ignored: the scope is shared",
        fix='Set scope to "agent"',
    ),
    "typo-in-a-key": Setup(
        files=_config(
            '{ agents: { defaults: { sandbox: {\n  mode: "all",\n  docker: { memroy: "1g" },\n} } } }\n'
        ),
        exit_status=2,
        named="memroy",
        fix="memory",
    ),
    "secret-in-env": Setup(
        files=_config(
            '{ agents: { defaults: { sandbox: {\n  mode: "all",\n'
            '  docker: { env: { GH_TOKEN: "ghp_0123456789abcdefghij" } },\n} } } }\n'
        ),
        named="docker.env.GH_TOKEN looks like a secret",
        fix="Remove docker.env.GH_TOKEN",
        hidden="ghp_0123456789abcdefghij",
    ),
    "unset-variable": Setup(
        files=_config(
            '{ agents: { defaults: { sandbox: {\n  mode: "all",\n'
            '  docker: { image: "${SANDBOX_IMAGE}" },\n} } } }\n'
        ),
        exit_status=2,
        named="SANDBOX_IMAGE",
        fix="set SANDBOX_IMAGE",
    ),
    "include-cycle": Setup(
        files={
            "openclaw.json": '{ $include: "./a.json" }\n',
            "a.json": '{ $include: "./b.json" }\n',
            "b.json": '{ $include: "./a.json" }\n',
        },
        exit_status=2,
        named="Circular include",
        fix="remove one of these $include lines",
    ),
    "two-agents-one-id": Setup(
        files=_config(
            '{ agents: {\n  defaults: { sandbox: { mode: "all" } },\n  list: [\n    { id: "work" },\n'
            '    { id: "Work", sandbox: { docker: { memory: "1g" } } },\n  ],\n} }\n'
        ),
        args=("--agent", "work"),
        named='"work" is listed twice',
        fix="give it another id",
    ),
    "agent-loosens-the-hardening-file": Setup(
        files={
            "openclaw.json": (
                '{ agents: { defaults: { sandbox: { mode: "all", docker: { memory: "4g" } } } } }\n'
            ),
            "config.yml": (
                "sandbox:\n  resource_limits: {memory: 1gb, pids: 100}\n"
                "  file_access: {allowed_paths: [src], deny_paths: [src/.env, /etc/shadow]}\n"
                "  agents:\n    main: {resource_limits: {pids: 200}}\n"
            ),
        },
        named="docker.memory: 4 GiB is looser than 1 GiB",
        fix="Raise sandbox.resource_limits.memory, or lower agents.defaults.sandbox.docker.memory.",
    ),
}


def install(setup: Setup, home: Path) -> None:
    """Make this setup in an empty home folder."""
    state = home / ".openclaw"
    state.mkdir()
    for name, text in setup.files.items():
        (state / name).write_text(text.replace("{home}", str(home)), encoding="utf-8")
    for name, target in setup.links.items():
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
