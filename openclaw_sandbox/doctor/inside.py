"""A throw-away sandbox of an image, asked what is in it."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.doctor.debian import parse_packages
from openclaw_sandbox.doctor.facts import Inside
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import SandboxError
from openclaw_sandbox.lifecycle.blueprint import draw_blueprint
from openclaw_sandbox.lifecycle.make import discard, make
from openclaw_sandbox.policy.host import RealHost
from openclaw_sandbox.policy.resolve import Overrides, resolve

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine

_TIMEOUT_S = 120.0
_LIMIT = 8 << 20
_SCRIPT = """\
id -u
echo ==
find / -xdev -type f -perm /6000 2>/dev/null
echo ==
cat /var/lib/dpkg/status 2>/dev/null | grep -E '^(Package|Status|Version):'
"""


def look_inside(engine: Engine, reference: str) -> tuple[Inside | None, str]:
    """What the image holds, or why nobody could look. The container is removed again."""
    try:
        with tempfile.TemporaryDirectory(
            prefix="openclaw-sandbox-doctor-", ignore_cleanup_errors=True
        ) as place:
            return parse_inside(_ask(engine, reference, Path(place))), ""
    except SandboxError as error:
        return None, f"A sandbox of it could not be asked: {error.brief}"


def _ask(engine: Engine, reference: str, folder: Path) -> str:
    paths = StatePaths(home=folder, state_dir=folder, config_file=folder / "openclaw.json", profile=None)
    data = {"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"image": reference}}}}}
    config = LoadedConfig(paths=paths, exists=False, data=data)
    policy = resolve(config, session=None, agent=None, host=RealHost(), overrides=Overrides())
    drawn = draw_blueprint(policy, engine, now_ms=0)
    name = f"{policy.container_prefix}doctor-run-{secrets.token_hex(4)}"
    ready = make(replace(drawn, spec=replace(drawn.spec, name=name)), engine)
    try:
        asked = ExecSpec(argv=("sh", "-c", _SCRIPT), workdir="/")
        answer = engine.exec_capture(ready.container_id, asked, timeout_s=_TIMEOUT_S, limit_bytes=_LIMIT)
    finally:
        discard(ready.container_id, engine)
    return answer.stdout.decode("utf-8", "replace")


def parse_inside(output: str) -> Inside | None:
    """The script's three answers; None if it did not come to its end."""
    parts = output.split("==\n")
    if len(parts) != 3 or not parts[0].strip().isdigit():
        return None
    files = tuple(line for line in parts[1].splitlines() if line)
    return Inside(user=int(parts[0]), setuid_files=files, packages=parse_packages(parts[2].splitlines()))
