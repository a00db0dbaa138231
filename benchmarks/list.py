"""How fast `list` and `recreate` are with many sandboxes, as ratios against Docker's CLI in the same run.

OpenClaw 2026.2.17 starts two `docker inspect` per container for a list, one after the other, and one
`docker rm -f` per container more to recreate: that is measured here with the same commands on a sample. The
start of Node and of OpenClaw itself, almost a second more, is not counted.

    python benchmarks/list.py [--containers 200] [--recreate 100] [--running]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.config.load import load_config
from openclaw_sandbox.engine import open_engine
from openclaw_sandbox.lifecycle.ensure import draw_blueprint
from openclaw_sandbox.lifecycle.make import create, finish
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "octest-bench-"
SAMPLE = 15


def main() -> None:
    """Make the sandboxes, measure, print, and leave nothing behind."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="octest-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.fill(options.containers, running=options.running)
            bench.measure_list()
            bench.trim(options.recreate)
            bench.measure_recreate()
        finally:
            bench.clear()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--containers", type=int, default=200)
    parser.add_argument("--recreate", type=int, default=100)
    parser.add_argument("--running", action="store_true", help="start them, too")
    return parser.parse_args()


class Bench:
    """One state folder and its containers."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        self.state_dir.mkdir()
        sandbox = {"scope": "session", "docker": {"containerPrefix": PREFIX}}
        config = {"agents": {"defaults": {"sandbox": sandbox}}}
        (self.state_dir / "openclaw.json").write_text(json.dumps(config))
        self.env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.env |= {
            "OPENCLAW_STATE_DIR": str(self.state_dir),
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(folder / "pyc"),  # as an installed wheel: compiled once
        }
        self.engine = open_engine(os.environ)
        self.names: list[str] = []

    def fill(self, count: int, *, running: bool) -> None:
        """Make `count` sandboxes, as `ensure` would."""
        config = load_config(env=self.env, cwd=ROOT)

        def one(number: int) -> Entry:
            policy = resolve(config, session=f"agent:main:bench:{number}", agent=None, host=RealHost())
            blueprint = draw_blueprint(policy, self.engine, now_ms=time.time_ns() // 1_000_000)
            container_id, _ = create(blueprint.spec, blueprint, self.engine)
            if running:
                self.engine.start(container_id)
            finish(container_id)
            return Entry(
                container_name=blueprint.spec.name,
                session_key=policy.scope_key,
                created_at_ms=1,
                last_used_at_ms=1,
                image=blueprint.spec.image,
                config_hash=policy.config_hash,
            )

        with ThreadPoolExecutor(4) as pool:
            entries = list(pool.map(one, range(count)))
        Registry(self.state_dir).remember(Kind.CONTAINER, entries)
        self.names = [entry.container_name for entry in entries]

    def trim(self, count: int) -> None:
        """Keep `count` of them."""
        for name in self.names[count:]:
            self.engine.remove(name, force=True)
        registry, names = Registry(self.state_dir), self.names[count:]
        gone = [entry for entry in registry.entries(Kind.CONTAINER) if entry.container_name in names]
        registry.forget(Kind.CONTAINER, gone)
        self.names = self.names[:count]

    def measure_list(self) -> None:
        """`list` against `docker ps -a` and against OpenClaw's way."""
        count = len(self.names)
        docker_ps = median(lambda: self.run(["docker", "ps", "-a"]))
        reference = self.per_container(self.inspect_as_openclaw)
        theirs = reference * count
        print(f"{count} sandboxes: docker ps -a {docker_ps * 1000:.0f} ms, OpenClaw's way {theirs:.2f} s")
        for arguments in (["list"], ["list", "--json"], ["list", "-q"]):
            took = median(lambda arguments=arguments: self.tool(arguments))
            print(
                f"  {' '.join(arguments):<12} {took * 1000:6.0f} ms"
                f" = {took / docker_ps:4.1f} x docker ps -a = 1/{theirs / took:.0f} of OpenClaw's way"
            )

    def measure_recreate(self) -> None:
        """`recreate --all --force` against OpenClaw's way, whose removals are taken from a sample."""
        sample, rest = self.names[:SAMPLE], self.names[SAMPLE:]
        looking = self.per_container(self.inspect_as_openclaw)
        started = time.monotonic()
        for name in sample:
            self.run(["docker", "rm", "-f", name])
        removing = (time.monotonic() - started) / len(sample)
        started = time.monotonic()
        self.tool(["recreate", "--all", "--force"])
        took = (time.monotonic() - started) / len(rest) * 100
        reference = (looking + removing) * 100
        ratio = reference / took
        print(f"recreate of 100: {took:.2f} s = 1/{ratio:.1f} of OpenClaw's way ({reference:.2f} s)")

    def inspect_as_openclaw(self, name: str) -> None:
        """One process for each fact, as OpenClaw asks."""
        for wanted in ("{{.State.Running}}", "{{.Image}}"):
            self.run(["docker", "inspect", "-f", wanted, name])

    def per_container(self, look: Callable[[str], object]) -> float:
        """Seconds per container, from a sample."""
        started = time.monotonic()
        for name in self.names[:SAMPLE]:
            look(name)
        return (time.monotonic() - started) / len(self.names[:SAMPLE])

    def tool(self, arguments: Sequence[str]) -> None:
        """Run this tool."""
        self.run([sys.executable, "-m", "openclaw_sandbox", *arguments])

    def run(self, argv: Sequence[str]) -> None:
        """Run a command; it must succeed."""
        subprocess.run(argv, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    def clear(self) -> None:
        """Remove what is left."""
        for container in self.engine.list(labels=["openclaw.sandbox=1"]):
            if container.name.startswith(PREFIX):
                self.engine.remove(container.id, force=True)
        shutil.rmtree(self.state_dir, ignore_errors=True)


def median(action: Callable[[], object], times: int = 9) -> float:
    """Seconds, the median of some tries after one to warm up."""
    action()
    taken = []
    for _ in range(times):
        started = time.monotonic()
        action()
        taken.append(time.monotonic() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
