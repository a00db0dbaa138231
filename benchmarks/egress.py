"""What the way out costs: throughput, latency, memory, start. Ratios, each from one run on one engine.

    python -m benchmarks.egress

Needs the images that `openclaw-sandbox setup` makes. The limit of 125 MB/s a sandbox is lifted meanwhile.
What it makes on the engine is called octest-... and is removed at the end.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.egress.image import make_image
from openclaw_sandbox.egress.network import NETWORK, ensure_network
from openclaw_sandbox.egress.place import place_of
from openclaw_sandbox.egress.service import remove_unused
from openclaw_sandbox.egress.settings import Limits, Settings
from openclaw_sandbox.engine import open_engine, open_images
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE
from openclaw_sandbox.lifecycle.ensure import draw_blueprint, ensure
from openclaw_sandbox.policy.egress import EgressPolicy, parse_rule
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import Overrides, resolve
from openclaw_sandbox.spec.build import exec_env, state_hash

if TYPE_CHECKING:
    from openclaw_sandbox.engine.docker.engine import DockerEngine
    from openclaw_sandbox.lifecycle.ensure import Ready
    from openclaw_sandbox.policy.model import EffectivePolicy

PREFIX = f"octest-bench-{secrets.token_hex(3)}-"
PORT = 18081
BIG = 128 << 20
ROUNDS = 5
REQUESTS = 150

SERVER = f"""
import http.server, sys
class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    def do_GET(self):
        size = {BIG} if self.path == "/big" else 100
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for _ in range(max(1, size >> 20)):
            self.wfile.write(bytes(min(size, 1 << 20)))
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], {PORT}), Web).serve_forever()
"""

#: Run inside: `proxy` is empty for the direct way.
CLIENT = f"""
import http.client, json, sys, time
address, proxy = sys.argv[1:3]

def connection():
    if proxy:
        host, port = proxy.split(":")
        return http.client.HTTPConnection(host, int(port)), f"http://{{address}}:{PORT}"
    return http.client.HTTPConnection(address, {PORT}), ""

def fetch(path, conn, base):
    conn.request("GET", base + path, headers={{"Host": f"{{address}}:{PORT}"}})
    answer = conn.getresponse()
    size = 0
    while data := answer.read(1 << 18):
        size += len(data)
    return size

conn, base = connection()
fetch("/small", conn, base)
found = {{"kept": [], "new": []}}
for _ in range({REQUESTS}):
    started = time.perf_counter()
    fetch("/small", conn, base)
    found["kept"].append(time.perf_counter() - started)
for _ in range({REQUESTS}):
    started = time.perf_counter()
    fetch("/small", *connection())
    found["new"].append(time.perf_counter() - started)
started = time.perf_counter()
assert fetch("/big", conn, base) == {BIG}
found["big"] = {BIG} / (time.perf_counter() - started)
print(json.dumps(found))
"""


def _policy(home: Path) -> EffectivePolicy:
    state = home / ".openclaw"
    state.mkdir(exist_ok=True)
    block = {"sandbox": {"docker": {"containerPrefix": PREFIX}}}
    (state / "openclaw.json").write_text(json.dumps({"agents": {"defaults": block}}))
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    config = load_config(env=env, cwd=home, profile=None, dev=False)
    return resolve(config, session=None, agent=None, host=RealHost(), overrides=Overrides())


def _up(policy: EffectivePolicy, engine: DockerEngine) -> tuple[Ready, float]:
    started = time.perf_counter()
    ready = ensure(draw_blueprint(policy, engine, now_ms=time.time_ns() // 1_000_000), engine)
    return ready, time.perf_counter() - started


def _inside(
    engine: DockerEngine, container: str, argv: tuple[str, ...], env: dict[str, str]
) -> dict[str, Any]:
    done = engine.exec_capture(container, ExecSpec(argv=argv, env=env), timeout_s=300)
    if done.exit_code:
        raise SystemExit(done.stderr.decode())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _starts(policy: EffectivePolicy, plain: EffectivePolicy, engine: DockerEngine) -> dict[str, list[float]]:
    """Seconds of: a cold sandbox, one with a way out (its gateway is warm), and both again, warm."""
    times: dict[str, list[float]] = {name: [] for name in ("cold", "cold with", "warm", "warm with")}
    for _ in range(ROUNDS):
        for name, each in (("", plain), (" with", policy)):
            ready, took = _up(each, engine)
            times[f"cold{name}"].append(took)
            times[f"warm{name}"].append(_up(each, engine)[1])
            engine.remove(ready.container_id, force=True)
    return times


def main() -> None:
    engine = open_engine(os.environ)
    client = docker.from_env(timeout=120)
    with ExitStack() as undo:
        undo.callback(client.close)
        home = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        make_image(open_images(os.environ), Reporter(Phase.BUILD, lambda _event: None))
        ensure_network(engine.networks)
        network = engine.networks.find(NETWORK)
        assert network is not None
        address = str(next(IPv4Network(network.subnets[0]).hosts()))
        plain = _policy(home)
        undo.callback(remove_unused, engine, state_hash(str(plain.state_dir)))
        undo.callback(_remove, client)
        _container(client, "server", ["python3", "-c", SERVER, address], network_mode="host")
        direct = _container(client, "direct", ["sleep", "infinity"], network_mode=NETWORK)
        rules = (parse_rule(f"{address}:{PORT}"),)
        policy = replace(plain, egress=EgressPolicy(allow=rules))
        first = _up(policy, engine)[1]
        container = _up(policy, engine)[0].container_id
        unlimited = Settings(policy=policy.egress or EgressPolicy(), limits=Limits(bytes_per_s=1 << 40))
        place_of(policy).write_settings(unlimited.text())
        through = _inside(engine, container, _client(address, "127.0.0.1:3128"), exec_env(policy, {}))
        straight = _inside(engine, direct, _client(address, ""), {})
        gateway = next(
            c
            for c in client.containers.list(ignore_removed=True)
            if c.name.startswith(f"{PREFIX}egress-") and "-to-" not in c.name
        )
        forwarder = next(
            c for c in client.containers.list(ignore_removed=True) if c.name.startswith(f"{PREFIX}egress-to-")
        )
        memory = {"gateway": _memory(gateway), "forwarder": _memory(forwarder)}
        client.containers.get(plain.container_name).remove(force=True)
        starts = {name: statistics.median(times) for name, times in _starts(policy, plain, engine).items()}
    print(
        f"throughput     {through['big'] / straight['big']:.2f} of direct"
        f" ({through['big'] / 1e6:.0f} MB/s; direct {straight['big'] / 1e6:.0f} MB/s)"
    )
    for name, words in (("kept", "kept connection"), ("new", "new connection ")):
        one, other = statistics.median(through[name]), statistics.median(straight[name])
        print(f"latency        {one / other:.1f} of direct, {words} ({(one - other) * 1000:.2f} ms more)")
    print(f"memory         gateway {memory['gateway']:.1f} MiB, forwarder {memory['forwarder']:.1f} MiB")
    print(
        f"cold start     {starts['cold with'] / starts['cold']:.2f} of one without a way out"
        f" ({starts['cold'] * 1000:.0f} and {starts['cold with'] * 1000:.0f} ms)"
    )
    print(
        f"warm start     {starts['warm with'] / starts['warm']:.2f} of one without a way out"
        f" ({starts['warm'] * 1000:.1f} and {starts['warm with'] * 1000:.1f} ms)"
    )
    print(f"very first     {first * 1000:.0f} ms with network and gateway to be made")


def _client(address: str, proxy: str) -> tuple[str, ...]:
    return ("python3", "-c", CLIENT, address, proxy)


def _container(client: docker.DockerClient, what: str, command: list[str], **how: Any) -> str:
    made = client.containers.run(GATEWAY_REFERENCE, command, name=f"{PREFIX}{what}", detach=True, **how)
    time.sleep(0.5)
    return str(made.id)


def _memory(container: Any) -> float:
    """MiB in memory of the helper's one process."""
    container.reload()
    status = Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _remove(client: docker.DockerClient) -> None:
    for container in client.containers.list(all=True, ignore_removed=True):
        if container.name.startswith(PREFIX):
            container.remove(force=True)


if __name__ == "__main__":
    main()
