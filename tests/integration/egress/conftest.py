"""A sandbox with a way out, and the world beyond it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.types import IPAMConfig, IPAMPool

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.egress import service
from openclaw_sandbox.egress.helpers import FORWARDER_ROLE, GATEWAY_ROLE
from openclaw_sandbox.egress.image import make_image
from openclaw_sandbox.egress.journal import read_all
from openclaw_sandbox.egress.place import place_of
from openclaw_sandbox.engine import open_engine, open_images
from openclaw_sandbox.engine.base import ExecOutput, ExecSpec
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE
from openclaw_sandbox.lifecycle.ensure import Ready, draw_blueprint, ensure
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import Overrides, resolve
from openclaw_sandbox.spec.build import exec_env, state_hash
from tests.integration.egress.bench import QUICK, Bench, bench
from tests.integration.egress.world import WEB_PORT, WORLD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from docker import APIClient

    from openclaw_sandbox.egress.place import Place
    from openclaw_sandbox.egress.records import Record
    from openclaw_sandbox.egress.settings import Limits
    from openclaw_sandbox.engine.docker.engine import DockerEngine
    from openclaw_sandbox.policy.model import EffectivePolicy
    from tests.integration.sandbox import Sandbox


@dataclass(frozen=True)
class World:
    """`address` is the host's in a network of this run: names and a web server on WEB_PORT are there."""

    address: str
    host_address: str

    @property
    def place(self) -> str:
        """How an allowed page is called."""
        return f"good.test:{WEB_PORT}"

    @property
    def entries(self) -> tuple[str, ...]:
        """What must be allowed for it."""
        return (self.place, f"flip.test:{WEB_PORT}", "inside.test", "meta.test", f"{self.address}:{WEB_PORT}")


@dataclass(frozen=True)
class Box:
    """One sandbox with allowed hosts."""

    sandbox: Sandbox
    engine: DockerEngine
    world: World

    def policy(self, *entries: str, session: str | None = None, real_names: bool = False) -> EffectivePolicy:
        """Its policy; the world's entries unless others are given."""
        self.sandbox.configure(docker={} if real_names else {"dns": [self.world.address]}, scope="session")
        env = {**os.environ, "HOME": str(self.sandbox.tool.home)}
        env.pop("OPENCLAW_STATE_DIR", None)
        env.pop("OPENCLAW_CONFIG_PATH", None)
        config = load_config(env=env, cwd=Path("/"), profile=None, dev=False)
        policy = resolve(config, session=session, agent=None, host=RealHost(), overrides=Overrides())
        rules = tuple(parse_rule(text, origin="config.yml:7") for text in entries or self.world.entries)
        return replace(policy, egress=EgressPolicy(allow=rules))

    def up(self, policy: EffectivePolicy) -> Ready:
        blueprint = draw_blueprint(policy, self.engine, now_ms=time.time_ns() // 1_000_000)
        return ensure(blueprint, self.engine)

    def sh(self, policy: EffectivePolicy, ready: Ready, *argv: str, timeout_s: float = 60) -> ExecOutput:
        """A command in it, as `docker exec` would run it: the proxy's variables are the container's own."""
        spec = ExecSpec(argv=argv, env=exec_env(policy, {}))
        return self.engine.exec_capture(ready.container_id, spec, timeout_s=timeout_s)

    def records(self, policy: EffectivePolicy) -> list[Record]:
        return read_all([self.place(policy)])

    def place(self, policy: EffectivePolicy) -> Place:
        return place_of(policy)

    def helpers(self, role: str) -> list[str]:
        found = self.engine.list(labels=[f"openclaw-sandbox.role={role}"])
        return [item.name for item in found if item.name.startswith(self.sandbox.prefix)]

    def gateways(self) -> list[str]:
        return self.helpers(GATEWAY_ROLE)

    def forwarders(self) -> list[str]:
        return self.helpers(FORWARDER_ROLE)

    def remove_all(self) -> None:
        self.sandbox.remove_all()
        service.remove_unused(self.engine, state_hash(str(self.sandbox.tool.state)))


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    return open_engine(os.environ)


@pytest.fixture(scope="session")
def helpers_image(image: str) -> str:
    """The image of gateways and forwarders, as `setup` makes it."""
    assert image
    make_image(open_images(os.environ), Reporter(Phase.BUILD, lambda _event: None))
    return GATEWAY_REFERENCE


@pytest.fixture(scope="session")
def world(
    api: APIClient, engine: DockerEngine, helpers_image: str, octest_name: Callable[[str], str]
) -> Iterator[World]:
    name = octest_name("world")
    address = f"10.232.{secrets.randbelow(256)}.1"  # of this run: two may be under way on one engine
    pool = IPAMPool(subnet=f"{address[:-1]}0/28", gateway=address)
    api.create_network(name, ipam=IPAMConfig(pool_configs=[pool]))
    found = World(address=address, host_address=_host_address())
    made = api.create_container(
        helpers_image,
        ["python3", "-c", WORLD, found.address, found.host_address],
        name=name,
        user="0:0",
        host_config=api.create_host_config(network_mode="host"),
    )
    try:
        api.start(made["Id"])
        deadline = time.monotonic() + 20
        while b"ready" not in api.logs(made["Id"]):
            assert time.monotonic() < deadline, api.logs(made["Id"]).decode()
            time.sleep(0.05)
        yield found
    finally:
        api.remove_container(made["Id"], force=True)
        api.remove_network(name)


def _host_address() -> str:
    """An address of this host by which others know it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect(("192.0.2.1", 9))
        return str(sock.getsockname()[0])
    return "127.0.0.1"


@pytest.fixture(scope="session")
def new_box(new_sandbox: Callable[[], Sandbox], engine: DockerEngine, world: World) -> Callable[[], Box]:
    return lambda: Box(sandbox=new_sandbox(), engine=engine, world=world)


@pytest.fixture
def box(new_box: Callable[[], Box]) -> Iterator[Box]:
    """A box for this test alone."""
    made = new_box()
    yield made
    made.remove_all()


@pytest.fixture(scope="session")
def open_box(new_box: Callable[[], Box]) -> Iterator[tuple[Box, EffectivePolicy, Ready]]:
    """A running one, shared by tests that leave it as it is."""
    made = new_box()
    policy = made.policy()
    try:
        yield made, policy, made.up(policy)
    finally:
        made.remove_all()


@pytest.fixture
def on_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs an async test with a bench."""

    def run(test: Callable[[Bench], Awaitable[None]], limits: Limits = QUICK) -> None:
        async def main() -> None:
            async with bench(tmp_path, monkeypatch, limits) as here:
                await asyncio.wait_for(test(here), 30)
            # Connections that are still closing finish before the loop does.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait(others, timeout=5) if others else None

        asyncio.run(main())

    return run
