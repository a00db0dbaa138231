"""A state folder with a config, its policies and an engine made of a dict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.lifecycle.blueprint import Blueprint, draw_blueprint
from openclaw_sandbox.lifecycle.ensure import OnBusy, ensure
from openclaw_sandbox.lifecycle.fleet import Fleet
from openclaw_sandbox.lifecycle.policies import Policies
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry
from openclaw_sandbox.policy.resolve import resolve
from openclaw_sandbox.spec import labels
from tests.fake_host import FakeHost
from tests.unit.lifecycle.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.lifecycle.make import Ready
    from openclaw_sandbox.policy.model import EffectivePolicy

IMAGE = "openclaw-sandbox:bookworm-slim"
#: A numeric user, so that nothing has to be given to anybody.
DOCKER = {"user": "1000:1000"}


def config(*agents: dict[str, Any], **sandbox: Any) -> dict[str, Any]:
    """openclaw.json: `agents.defaults.sandbox` and the agents."""
    block = {**sandbox, "docker": {**DOCKER, **sandbox.get("docker", {})}}
    found: dict[str, Any] = {"agents": {"defaults": {"sandbox": block}}}
    if agents:
        found["agents"]["list"] = list(agents)
    return found


@dataclass
class House:
    """One state folder."""

    folder: Path
    data: dict[str, Any] = field(default_factory=config)
    engine: FakeEngine = field(default_factory=FakeEngine)
    said: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine.has_image(IMAGE)
        self.state_dir.mkdir(exist_ok=True)

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> LoadedConfig:
        file = self.state_dir / "openclaw.json"
        paths = StatePaths(home=self.folder, state_dir=self.state_dir, config_file=file, profile=None)
        return LoadedConfig(paths=paths, exists=True, data=self.data)

    def policy(self, session: str | None = None, agent: str | None = None) -> EffectivePolicy:
        return resolve(self.config, session=session, agent=agent, host=FakeHost())

    def blueprint(
        self, session: str | None = None, *, agent: str | None = None, now_ms: int = 1
    ) -> Blueprint:
        return draw_blueprint(self.policy(session, agent), self.engine, now_ms=now_ms)

    def ensure(self, session: str | None = None, *, on_busy: OnBusy = OnBusy.REFUSE, **asked: Any) -> Ready:
        return ensure(
            self.blueprint(session, **asked),
            self.engine,
            on_busy=on_busy,
            log=self.said.append,
            show=self.shown.append,
        )

    @property
    def registry(self) -> Registry:
        return Registry(self.state_dir)

    @property
    def entries(self) -> list[Entry]:
        return self.registry.entries(Kind.CONTAINER)

    def fleet(self, *, first_look: Callable[[], list[Observed]] | None = None) -> Fleet:
        policies = Policies(self.config, FakeHost())
        return Fleet(self.state_dir, self.engine, policies, warn=self.said.append, first_look=first_look)

    def intents(self) -> list[str]:
        folder = self.state_dir / "sandbox" / "intents"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def add_theirs(self, name: str, *, key: str = "agent:main", **values: Any) -> Observed:
        """A container as OpenClaw 2026.2.17 makes it."""
        said = {
            labels.SANDBOX: "1",
            labels.SESSION_KEY: key,
            labels.CREATED_AT_MS: "1000",
            labels.CONFIG_HASH: "theirs",
            **values.pop("labels", {}),
        }
        return self.engine.add(name, labels=said, **values)


def entry_for(container: Observed, **values: Any) -> Entry:
    """The entry that OpenClaw writes for a container."""
    defaults: dict[str, Any] = {
        "container_name": container.name,
        "session_key": container.labels[labels.SESSION_KEY],
        "created_at_ms": 1000,
        "last_used_at_ms": 1000,
        "image": container.image,
        "config_hash": container.labels.get(labels.CONFIG_HASH),
    }
    return Entry(**{**defaults, **values})
