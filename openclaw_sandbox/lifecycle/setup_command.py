"""`docker.setupCommand`: runs once in a new container, before anybody may use it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import EngineError, EngineHangingError
from openclaw_sandbox.spec.build import exec_env

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, StartedExec
    from openclaw_sandbox.policy.model import EffectivePolicy

#: A setup command may install packages; longer than this and it hangs.
SETUP_TIMEOUT_S = 600.0
_KEPT_LINES = 20
_MAX_LINE = 4000
_MIN_SECRET_CHARS = 6
_MASK = "***"


class SetupFailedError(EngineError):
    """`docker.setupCommand` failed. No container is left."""

    code, reason = "setup.failed", "setup"


def run_setup(
    container_id: str, policy: EffectivePolicy, engine: Engine, *, show: Callable[[str], None]
) -> None:
    """Run the policy's setup command to its end; `show` hears each line it writes, as it comes.

    Raises:
        SetupFailedError: it failed or took longer than SETUP_TIMEOUT_S seconds. It may still run then.
    """
    command = policy.hardening.setup_command or "true"
    spec = ExecSpec(argv=("sh", "-lc", command), env=exec_env(policy, {}), workdir=policy.hardening.workdir)
    began = time.monotonic()
    secrets = tuple(policy.hardening.secret_env.values())
    lines = _Lines(show, deadline=began + SETUP_TIMEOUT_S, secrets=secrets)
    started = engine.exec_start(container_id, spec)
    try:
        started.stream.set_deadline(SETUP_TIMEOUT_S)
        started.stream.pump(lines.feed, lines.feed)
        lines.end()
        status = _await_status(engine, started, lines.deadline)
    except (EngineHangingError, TimeoutError):
        raise _failed(f"did not end within {SETUP_TIMEOUT_S:g} s", lines) from None
    finally:
        started.stream.close()
    if status != 0:
        raise _failed(f"failed with status {status} after {time.monotonic() - began:.1f} s", lines)


def _await_status(engine: Engine, started: StartedExec, deadline: float) -> int:
    """It may have closed its output before its end."""
    while (status := engine.exec_status(started.exec_id)).running:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return -1 if status.exit_code is None else status.exit_code


def _failed(what: str, lines: _Lines) -> SetupFailedError:
    return SetupFailedError(
        f"docker.setupCommand {what}; the sandbox was removed.",
        hint="Correct agents.defaults.sandbox.docker.setupCommand, then run again.",
        details=list(lines.last),
    )


class _Lines:
    """Cuts what comes into lines, shows them without the secrets it was given, and keeps the last."""

    def __init__(self, show: Callable[[str], None], *, deadline: float, secrets: tuple[str, ...]) -> None:
        self.deadline = deadline
        parts = {part.strip() for secret in secrets for part in secret.splitlines()}
        # The longest first: one may hold another. A short one would hide half of any text.
        self._secrets = sorted((p for p in parts if len(p) >= _MIN_SECRET_CHARS), key=len, reverse=True)
        self.last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._show = show
        self._open = bytearray()

    def feed(self, data: memoryview) -> None:
        if time.monotonic() > self.deadline:
            raise TimeoutError
        self._open += data
        *whole, rest = self._open.split(b"\n")
        self._open = bytearray(rest)
        for line in whole:
            self._tell(line)
        if len(self._open) > _MAX_LINE:
            self.end()

    def end(self) -> None:
        if self._open:
            self._tell(self._open)
            self._open = bytearray()

    def _tell(self, line: bytearray) -> None:
        text = line[:_MAX_LINE].decode("utf-8", "replace").rstrip("\r")
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        self.last.append(text)
        self._show(text)
