"""What `run`, `--help` and `--version` cost, as ratios against the nearest other program in the same minutes.

    python benchmarks/run.py [--rounds 20] [--json]

Each round measures every pair once, one side right after the other, and turns the order around every time:
what the machine does meanwhile meets both sides alike. The ratio of a pair is the median over its rounds.
Nothing is judged here; nothing is left behind.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "octest-runbench-"
TOOL = (sys.executable, "-m", "openclaw_sandbox")
PYTHON = (sys.executable, "-c", "pass")


@dataclass
class Pair:
    """Two commands that do the same for a user; seconds of each round."""

    name: str
    ours: Sequence[str]
    theirs: Sequence[str]
    against: str
    our_s: list[float] = field(default_factory=list)
    their_s: list[float] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        ratios = [a / b for a, b in zip(self.our_s, self.their_s, strict=True)]
        return {
            "name": self.name,
            "against": self.against,
            "rounds": len(ratios),
            "oursMs": round(statistics.median(self.our_s) * 1000, 1),
            "theirsMs": round(statistics.median(self.their_s) * 1000, 1),
            "ratio": round(statistics.median(ratios), 2),
            "ratioLow": round(min(ratios), 2),
            "ratioHigh": round(max(ratios), 2),
        }


class Bench:
    """A home with a config of its own, and its running container."""

    def __init__(self, home: Path) -> None:
        unwanted = ("OPENCLAW", "CLAWDBOT", "PYTHONDONTWRITEBYTECODE")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        self.env |= {
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(home / "pyc"),  # as an installed wheel: compiled once
        }
        state = home / ".openclaw"
        state.mkdir()
        docker = {"containerPrefix": PREFIX}
        config = {"agents": {"defaults": {"sandbox": {"docker": docker}}}}
        (state / "openclaw.json").write_text(json.dumps(config))

    def seconds(self, command: Sequence[str]) -> float:
        """How long it takes; it must succeed."""
        started = time.perf_counter()
        ended = subprocess.run(
            command, env=self.env, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
        took = time.perf_counter() - started
        if ended.returncode:
            sys.exit(f"{' '.join(command)} failed with {ended.returncode}: {ended.stderr.decode()}")
        return took

    def pairs(self) -> list[Pair]:
        """Makes the warm container, too."""
        self.seconds([*TOOL, "run", "--", "true"])
        container = self.docker("ps", "--format", "{{.Names}}", "--filter", f"name={PREFIX}").split()[0]
        return [
            Pair(
                "run -- true (warm)",
                [*TOOL, "run", "--", "true"],
                ["docker", "exec", container, "true"],
                "docker exec",
            ),
            Pair(
                "run --rm -- true (cold)",
                [*TOOL, "run", "--rm", "--", "true"],
                self.same_line(),
                "the same docker run --rm",
            ),
            Pair("--help", [*TOOL, "--help"], PYTHON, "python -c pass"),
            Pair("run --help", [*TOOL, "run", "--help"], PYTHON, "python -c pass"),
            Pair("--version", [*TOOL, "--version"], PYTHON, "python -c pass"),
        ]

    def same_line(self) -> list[str]:
        """What `--dry-run` prints, without the name: the engine gives each container another."""
        plan = [*TOOL, "run", "--rm", "--dry-run", "--json", "--", "true"]
        ended = subprocess.run(plan, env=self.env, check=True, capture_output=True)
        argv: list[str] = json.loads(ended.stdout)["argv"]
        place = argv.index("--name")
        return argv[:place] + argv[place + 2 :]

    def docker(self, *words: str) -> str:
        return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout

    def measure(self, pairs: list[Pair], rounds: int) -> None:
        for number in range(rounds + 1):
            for pair in pairs:
                sides = [(pair.ours, pair.our_s), (pair.theirs, pair.their_s)]
                for command, seconds in sides if number % 2 else reversed(sides):
                    took = self.seconds(command)
                    if number:  # the first round fills caches
                        seconds.append(took)

    def clear(self) -> None:
        for name in self.docker("ps", "-a", "--format", "{{.Names}}", "--filter", f"name={PREFIX}").split():
            self.docker("rm", "-f", name)


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="at least 1 (default 20)")
    parser.add_argument("--json", action="store_true", help="the numbers as JSON")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if shutil.which("docker") is None:
        parser.error("the docker CLI is what we are compared with, and it is not installed")
    with tempfile.TemporaryDirectory(prefix="octest-runbench-", ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder))
        try:
            pairs = bench.pairs()
            bench.measure(pairs, options.rounds)
        finally:
            bench.clear()
    reports = [pair.report() for pair in pairs]
    print(json.dumps(reports, indent=2) if options.json else table(reports))


def table(reports: list[dict[str, Any]]) -> str:
    lines = [f"{'':26}{'ms':>9}{'':>3}{'against':28}{'ms':>9}{'ratio':>8}   from - to"]
    for report in reports:
        span = f"{report['ratioLow']} - {report['ratioHigh']}"
        lines.append(
            f"{report['name']:26}{report['oursMs']:>9}{'':>3}{report['against']:28}"
            f"{report['theirsMs']:>9}{report['ratio']:>8}   {span}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
