"""A policy of its own, and an engine that makes containers weaker than it was asked to."""

from __future__ import annotations

import copy
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.engine.docker.engine import DockerEngine
from openclaw_sandbox.engine.docker.wire import Response, UnixTransport
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import Overrides, resolve
from openclaw_sandbox.verify.run import Request, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.verify.model import Report

#: Small limits: what a container of this policy may use is used up quickly.
DOCKER: Mapping[str, Any] = {
    "memory": "256m",
    "memorySwap": "256m",
    "cpus": 1,
    "pidsLimit": 128,
    "ulimits": {"nofile": {"soft": 512, "hard": 1024}},
    "tmpfs": ["/tmp:size=32m", "/var/tmp:size=16m", "/run:size=16m"],
}


class WeakeningTransport(UnixTransport):
    """Changes every request that creates a container."""

    def __init__(self, path: str, change: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(path)
        self._change = change

    def request(self, method: str, path: str, *, body: object = None, timeout_s: float) -> Response:
        if method == "POST" and path.startswith("/containers/create"):
            body = copy.deepcopy(body)
            assert isinstance(body, dict)
            self._change(body)
        return super().request(method, path, body=body, timeout_s=max(timeout_s, 120.0))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One policy in a state folder of its own."""

    policy: EffectivePolicy
    folder: Path

    def verify(self, change: Callable[[dict[str, Any]], None] = lambda _body: None, **request: Any) -> Report:
        path = open_engine(os.environ)._http.socket_path
        assert path is not None
        engine = DockerEngine(WeakeningTransport(path, change))
        return verify(self.policy, engine, Request(**request), now_ms=int(time.time() * 1000))


@contextmanager
def bench(
    folder: Path,
    prefix: str,
    *,
    file: Mapping[str, Any] | None = None,
    sandbox: Mapping[str, Any] | None = None,
    **docker: Any,
) -> Iterator[Bench]:
    """A policy with a read-only bind /data, so that one that is writable can be told from it.

    `file` is what config.yml says, `sandbox` what stands beside the `docker` block. @ is `folder`.
    """
    state = folder / "state"
    data = folder / "data"
    for path in (state, data):
        path.mkdir(parents=True)
        path.chmod(0o755)
    settings = {
        **DOCKER,
        "containerPrefix": f"{prefix}-",
        "binds": [f"{data}:/data:ro"],
        "dangerouslyAllowExternalBindSources": True,
        **docker,
    }
    config = {"agents": {"defaults": {"sandbox": {"mode": "all", **(sandbox or {}), "docker": settings}}}}
    _write(state / "openclaw.json", config, folder)
    if file:
        _write(state / "config.yml", {"sandbox": file}, folder)
    env = {"HOME": str(folder), "OPENCLAW_STATE_DIR": str(state)}
    loaded = load_config(env=env, cwd=folder)
    policy = resolve(loaded, session=None, agent=None, host=RealHost(), overrides=Overrides())
    errors = [finding.message for finding in policy.findings if finding.severity.value == "error"]
    assert not errors, errors
    yield Bench(policy=policy, folder=folder)


def _write(path: Path, content: Mapping[str, Any], folder: Path) -> None:
    """JSON, which is YAML too."""
    path.write_text(json.dumps(content).replace("@", str(folder)), encoding="utf-8")
