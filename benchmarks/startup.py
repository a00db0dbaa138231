"""What the tool costs before it does anything: CPU and wall time over a bare `python -c pass`.

All commands take turns in one run, so that whatever else loads the machine meets each alike. The least
of each is shown: in milliseconds, over bare Python, and as a ratio to it; `run` and `list` also as a ratio to
the Docker CLI that does the same. `--profile` adds what each command imports.

    python benchmarks/startup.py [--rounds 15] [--profile]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
TOOL = (sys.executable, "-m", "openclaw_sandbox")
BARE = "python -c pass"
PREFIX = "octest-startup-"
CONFIG = {
    "agents": {
        "defaults": {"sandbox": {"mode": "all", "docker": {"containerPrefix": PREFIX, "memory": "1g"}}},
        "list": [{"id": "main", "default": True}, {"id": "work", "sandbox": {"scope": "session"}}],
    },
    "tools": {"elevated": {"enabled": False}},
}


@dataclass
class Candidate:
    """One command, the home it runs in, and what it is compared with besides bare Python."""

    name: str
    argv: Sequence[str]
    home: Path
    against: str = ""
    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print; nothing is left behind."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="octest-startup-") as folder, _homes(Path(folder)) as homes:
        plain, configured = homes
        candidates = _candidates(plain, configured)
        for _ in range(options.rounds + 1):  # the first round only warms up
            for candidate in candidates:
                _measure(candidate)
        _print(candidates)
        if options.profile:
            for candidate in candidates:
                _profile(candidate)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", action="store_true", help="also what each command imports")
    return parser.parse_args()


@contextmanager
def _homes(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A home without a config, and one with a config whose sandbox runs."""
    plain, configured = folder / "plain", folder / "configured"
    (configured / ".openclaw").mkdir(parents=True)
    plain.mkdir()
    (configured / ".openclaw" / "openclaw.json").write_text(json.dumps(CONFIG))
    try:
        yield plain, configured
    finally:
        listed = subprocess.run(
            ["docker", "ps", "-aq", "--filter", f"name=^/{PREFIX}"],
            capture_output=True,
            text=True,
            check=False,
        )
        for container in listed.stdout.split():
            subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)


def _candidates(plain: Path, configured: Path) -> list[Candidate]:
    found = [
        Candidate(BARE, (sys.executable, "-c", "pass"), plain),
        Candidate("--version", (*TOOL, "--version"), plain),
        Candidate("--help", (*TOOL, "--help"), plain),
        Candidate("run --help", (*TOOL, "run", "--help"), plain),
        Candidate("explain, no config", (*TOOL, "explain"), plain),
        Candidate("explain", (*TOOL, "explain"), configured),
        Candidate("explain --json", (*TOOL, "explain", "--json"), configured),
    ]
    if shutil.which("docker") is None or not _warm(configured):
        sys.stderr.write("no engine, or no image: `run` and `list` are left out\n")
        return found
    name = subprocess.run(
        ["docker", "ps", "--format", "{{.Names}}", "--filter", f"name=^/{PREFIX}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    return [
        *found,
        Candidate("docker exec", ("docker", "exec", name, "true"), plain),
        Candidate("run -- true", (*TOOL, "run", "--", "true"), configured, against="docker exec"),
        Candidate("docker ps", ("docker", "ps", "-a"), plain),
        Candidate("list", (*TOOL, "list"), configured, against="docker ps"),
    ]


def _warm(home: Path) -> bool:
    made = subprocess.run(
        [*TOOL, "run", "--", "true"], env=_environment(home), capture_output=True, check=False
    )
    return made.returncode == 0


def _environment(home: Path) -> dict[str, str]:
    """Compiled modules are used, as an installed tool uses them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENCLAW", "PYTHON"))}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}


def _measure(candidate: Candidate) -> None:
    before, started = _cpu_of_children(), time.perf_counter()
    subprocess.run(
        candidate.argv,
        env=_environment(candidate.home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    candidate.wall_s.append(time.perf_counter() - started)
    candidate.cpu_s.append(_cpu_of_children() - before)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(candidates: Sequence[Candidate]) -> None:
    by_name = {candidate.name: candidate for candidate in candidates}
    bare = by_name[BARE]
    print(f"{'':22}{'CPU ms':>8}{'over bare':>11}{'wall ms':>9}{'over bare':>11}{'x bare':>8}   against")
    for candidate in candidates:
        cpu, wall = min(candidate.cpu_s[1:]), min(candidate.wall_s[1:])
        bare_cpu, bare_wall = min(bare.cpu_s[1:]), min(bare.wall_s[1:])
        other = by_name.get(candidate.against)
        ratio = f"{wall / min(other.wall_s[1:]):.2f} x {other.name}" if other else ""
        print(
            f"{candidate.name:22}{cpu * 1000:8.1f}{(cpu - bare_cpu) * 1000:11.1f}{wall * 1000:9.1f}"
            f"{(wall - bare_wall) * 1000:11.1f}{wall / bare_wall:8.1f}   {ratio}"
        )


def _profile(candidate: Candidate) -> None:
    """Time spent in modules, by package; importtime itself makes everything slower."""
    if candidate.argv[0] != sys.executable:
        return
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *candidate.argv[1:]],
        env=_environment(candidate.home),
        capture_output=True,
        text=True,
        check=False,
    )
    spent: collections.Counter[str] = collections.Counter()
    count: collections.Counter[str] = collections.Counter()
    for line in ended.stderr.splitlines():
        if not line.startswith("import time:") or "self [us]" in line:
            continue
        own, _, module = line.removeprefix("import time:").split("|")
        package = _package(module.strip())
        spent[package] += int(own)
        count[package] += 1
    print(f"\n{candidate.name}: {sum(count.values())} modules, {sum(spent.values()) / 1000:.0f} ms")
    for package, micros in spent.most_common(12):
        print(f"  {micros / 1000:6.1f} ms {count[package]:4} {package}")


def _package(module: str) -> str:
    parts = module.split(".")
    if parts[0] == "openclaw_sandbox":
        return ".".join(parts[:2])
    return "the standard library" if parts[0].lstrip("_") in STANDARD or parts[0] in STANDARD else parts[0]


STANDARD = sys.stdlib_module_names

if __name__ == "__main__":
    main()
