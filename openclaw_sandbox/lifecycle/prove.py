"""`setup --check`: a sandbox as `run` makes it, from an empty config, asked what it is."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.config.model import LoadedConfig, StatePaths
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.image.proof import Shown, judge, script
from openclaw_sandbox.lifecycle.ensure import draw_blueprint, make
from openclaw_sandbox.policy.resolve import Overrides, resolve
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine, ImageInfo
    from openclaw_sandbox.policy.host import HostFacts

_TIMEOUT_S = 120.0


def prove(
    image: ImageInfo, reference: str, engine: Engine, *, host: HostFacts, now_ms: int
) -> tuple[Shown, ...]:
    """Make a sandbox of the image under the built-in hardening, ask, and remove it with its workspace.

    Raises:
        EngineError: the sandbox could not be made, or did not answer.
    """
    tools = image.labels.get(labels.TOOLS, "").split()
    with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-check-", ignore_cleanup_errors=True) as folder:
        policy = resolve(
            _empty_config(Path(folder), reference), session=None, agent=None, host=host, overrides=Overrides()
        )
        drawn = draw_blueprint(policy, engine, now_ms=now_ms)
        name = f"{policy.container_prefix}check-{secrets.token_hex(4)}"
        blueprint = replace(drawn, spec=replace(drawn.spec, name=name))
        ready = make(blueprint, engine)
        try:
            asked = ExecSpec(argv=("sh", "-c", script(tools)), workdir=blueprint.spec.workdir)
            answer = engine.exec_capture(ready.container_id, asked, timeout_s=_TIMEOUT_S)
        finally:
            engine.remove(ready.container_id, force=True)
    output = answer.stdout.decode("utf-8", "replace")
    if answer.exit_code != 0 or "uid " not in output:
        said = (output + answer.stderr.decode("utf-8", "replace")).splitlines()
        raise EngineError("A sandbox was made, and no command runs in it.", details=said[-5:])
    return judge(output, tools)


def _empty_config(folder: Path, reference: str) -> LoadedConfig:
    """What somebody without any config gets: everything that the check finds is our own doing."""
    paths = StatePaths(home=folder, state_dir=folder, config_file=folder / "openclaw.json", profile=None)
    data = {"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"image": reference}}}}}
    return LoadedConfig(paths=paths, exists=False, data=data)
