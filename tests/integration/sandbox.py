"""A sandbox of its own for a test: home, config, names, and what the engine says of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from docker import APIClient

    from tests.tool import Done, Tool

#: The container's own two processes.
_OWN = ("/sbin/docker-init -- sleep infinity", "sleep infinity")


@dataclass(frozen=True)
class Sandbox:
    """One home with one config. Everything it makes on the engine has a name that begins with `prefix`."""

    tool: Tool
    prefix: str
    image: str
    api: APIClient = field(repr=False)

    def configure(self, *, docker: dict[str, Any] | None = None, **sandbox: Any) -> Path:
        """Write openclaw.json: the `docker` block and the `sandbox` block around it; the file."""
        block = {"containerPrefix": self.prefix, "image": self.image, **(docker or {})}
        return self.tool.write_config({"agents": {"defaults": {"sandbox": {**sandbox, "docker": block}}}})

    def run(self, *command: str | bytes, flags: Sequence[str | bytes | Path] = (), **how: Any) -> Done:
        """`openclaw-sandbox run FLAGS -- COMMAND`."""
        return self.tool("run", *flags, "--", *command, **how)

    def start(
        self, *command: str | bytes, flags: Sequence[str | bytes | Path] = (), **popen: Any
    ) -> subprocess.Popen[bytes]:
        """The same, started; the caller ends it."""
        return self.tool.start("run", *flags, "--", *command, **popen)

    @property
    def name(self) -> str:
        """Of the container of the default agent's main session."""
        return f"{self.prefix}agent-main-f331f052"

    @property
    def workspace(self) -> Path:
        """The sandbox's own folder on the host."""
        return self.tool.state / "sandboxes" / "agent-main-f331f052"

    def containers(self) -> list[str]:
        """Names of all containers that this sandbox's config has made, sorted."""
        found = self.api.containers(all=True)
        names = [name[1:] for container in found for name in container["Names"] or ()]
        return sorted(name for name in names if name.startswith(self.prefix))

    def inspect(self) -> dict[str, Any]:
        """The container, as the engine tells it."""
        found: dict[str, Any] = self.api.inspect_container(self.name)
        return found

    def processes(self) -> list[str]:
        """What runs in the container besides its own two."""
        if self.inspect()["State"]["Status"] != "running":
            return []
        lines = self.api.top(self.name, ps_args="-eo pid,args")["Processes"]
        found = [arguments for _, arguments in lines]
        for own in _OWN:
            if own in found:
                found.remove(own)
        return found

    def remove_all(self) -> None:
        for name in self.containers():
            self.api.remove_container(name, force=True, v=True)


def eventually(condition: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def matching(lines: Sequence[str], word: str) -> Iterator[str]:
    return (line for line in lines if word in line)
