"""`run`: one command of the user in the sandbox of a policy."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import field, replace
from typing import TYPE_CHECKING, Protocol

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.base import ExecSpec, ExecStatus
from openclaw_sandbox.engine.docker.failure import NotStarted
from openclaw_sandbox.errors import EngineError, EngineUnavailableError, SandboxGoneError
from openclaw_sandbox.lifecycle.blueprint import masks_fixed
from openclaw_sandbox.lifecycle.counters import Meter
from openclaw_sandbox.lifecycle.diskwatch import DiskWatch
from openclaw_sandbox.lifecycle.ensure import RETRY_PAUSES_S, Blueprint, Ready, ensure, make
from openclaw_sandbox.lifecycle.execute import Bounds, Ending, Execution, exit_status
from openclaw_sandbox.lifecycle.locks import entering
from openclaw_sandbox.lifecycle.make import discard
from openclaw_sandbox.lifecycle.plan import OnBusy
from openclaw_sandbox.lifecycle.reaper import MARK, Reaper, boot_ticks
from openclaw_sandbox.lifecycle.streams import raw_terminal, size_from_the_start
from openclaw_sandbox.lifecycle.volume import holds_limit
from openclaw_sandbox.lifecycle.way_out import close_way_out
from openclaw_sandbox.lifecycle.witness import Witness
from openclaw_sandbox.spec.build import exec_env

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.engine.base import Engine, Stream
    from openclaw_sandbox.lifecycle.cause import Cause
    from openclaw_sandbox.lifecycle.counters import Usage
    from openclaw_sandbox.lifecycle.execute import Result
    from openclaw_sandbox.lifecycle.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the user asked for. `env` may hold secrets. `alone`: a container for this command only."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    workdir: str | None = None
    user: str | None = None
    tty: bool = False
    timeout_s: float | None = None
    output_limit: int | None = None  # bytes on both streams together
    alone: bool = False
    on_busy: OnBusy = OnBusy.REFUSE


class Listener(Protocol):
    """Who hears of what happens on the way: steps, and what the operator must know."""

    def debug(self, text: str) -> None:
        """A step."""
        ...

    def note(self, text: str) -> None:
        """What may be worth knowing: a setup command's output."""
        ...

    def warn(self, text: str) -> None:
        """What is not as it was asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run came to. `exit_status` is the tool's own."""

    result: Result
    usage: Usage
    cause: Cause
    container: str

    @property
    def exit_status(self) -> int:
        """See the CLI's contract."""
        return exit_status(self.result)


def run(
    blueprint: Blueprint,
    request: RunRequest,
    engine: Engine,
    streams: Streams,
    *,
    listener: Listener,
) -> RunReport:
    """Run the command in the policy's container (or one of its own) until it ends, and say why it ended.

    Raises:
        EngineError: the sandbox could not be made or was lost; see `ensure`.
    """
    if request.alone:
        # By exec here too, not as the main process: a container takes its counters along, and they say why.
        with masks_fixed(blueprint, engine) as drawn:
            spec = replace(drawn.spec, name=own_name(drawn))
            ready = make(replace(drawn, spec=spec), engine, log=listener.debug)
        with _disposable(ready.container_id, spec.name, blueprint, engine, listener):
            _tell(ready.warnings, listener)
            return _run_in(ready, blueprint, request, engine, streams)
    pauses = iter(RETRY_PAUSES_S)
    while True:
        ready = ensure(blueprint, engine, on_busy=request.on_busy, log=listener.debug, show=listener.note)
        _tell(ready.warnings, listener)
        pause_s = next(pauses, None)
        try:
            report = _run_in(ready, blueprint, request, engine, streams)
        except SandboxGoneError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
            continue
        failure = report.result.failure
        if failure is None or failure.reason is not NotStarted.GONE or pause_s is None:
            return report
        time.sleep(pause_s)


@contextlib.contextmanager
def _disposable(
    container_id: str, name: str, blueprint: Blueprint, engine: Engine, listener: Listener
) -> Iterator[None]:
    """The container goes with its command. How that ended is told even if the container cannot be removed."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(EngineError):
            _dispose(container_id, blueprint, engine)
        raise
    try:
        _dispose(container_id, blueprint, engine)
    except EngineError as error:
        listener.warn(f"{name} was not removed: {error.brief} The next command or `prune` tries again.")


def _dispose(container_id: str, blueprint: Blueprint, engine: Engine) -> None:
    discard(container_id, engine)
    close_way_out(blueprint.policy, engine, container_id)


def own_name(blueprint: Blueprint) -> str:
    """A new name for a container that one command has for itself."""
    return f"{blueprint.spec.name}-run-{os.urandom(4).hex()}"


def command_env(blueprint: Blueprint, request: RunRequest) -> dict[str, str]:
    """The variables the command gets on top of the container's."""
    terminal = {"TERM": "xterm-256color"} if request.tty else {}
    return exec_env(blueprint.policy, {**terminal, **request.env})


def _run_in(
    ready: Ready, blueprint: Blueprint, request: RunRequest, engine: Engine, streams: Streams
) -> RunReport:
    mark = os.urandom(16).hex()
    reaper = Reaper(
        engine=engine, container_id=ready.container_id, mark=mark, since=boot_ticks(), user=request.user
    )
    spec = ExecSpec(
        argv=request.argv,
        env={**command_env(blueprint, request), MARK: mark},
        workdir=request.workdir or blueprint.spec.workdir,
        user=request.user,
        tty=request.tty,
        stdin=streams.stdin is not None,
    )
    before = engine.inspect(ready.container_id)
    meter = Meter(before.pid if before else 0)  # before the command: the first it does may count
    try:
        with _entering(ready, blueprint):
            started = engine.exec_start(ready.container_id, spec)
    except BaseException as error:
        if not isinstance(error, EngineError) or isinstance(error, EngineUnavailableError):
            with contextlib.suppress(EngineError):  # it may have started
                reaper.end()
        raise
    size_from_the_start(started.stream, streams.tty)
    reaper.exec_id = started.exec_id
    command = _ExecCommand(engine, started.exec_id, started.stream, reaper)
    life = before.started_at if before else ""
    return _drive(command, Site(blueprint, engine, ready.container_id, life), meter, request, streams)


def _entering(ready: Ready, blueprint: Blueprint) -> contextlib.AbstractContextManager[None]:
    """The scope's container is anybody's to replace while it is idle; one of its own is nobody else's."""
    if ready.name != blueprint.spec.name:
        return contextlib.nullcontext()
    return entering(blueprint.policy.state_dir, ready.name)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a command runs. `life`: when its container was started, in the engine's words."""

    blueprint: Blueprint
    engine: Engine
    container_id: str
    life: str


def _drive(
    command: _ExecCommand, site: Site, meter: Meter, request: RunRequest, streams: Streams
) -> RunReport:
    started_s = time.time()
    bounds = Bounds(timeout_s=request.timeout_s, output_limit=request.output_limit)
    execution = Execution(command, streams, bounds=bounds, name=request.argv[0])
    try:
        execution.on_tick = _Ticks(meter, _disk_watch(site.blueprint), execution)
        with raw_terminal(streams.tty):
            result = execution.run()
        witness = Witness(
            blueprint=site.blueprint,
            engine=site.engine,
            container_id=site.container_id,
            started_s=started_s,
            container_started_at=site.life,
        )
        cause = witness.judge(result, meter.usage(), bounds)
        return RunReport(result=result, usage=meter.usage(), cause=cause, container=site.blueprint.spec.name)
    except BaseException:
        if not execution.killed:  # an engine that could not do it will not do it now
            with contextlib.suppress(EngineError):
                command.end()
        raise
    finally:
        command.stream.close()


def _disk_watch(blueprint: Blueprint) -> DiskWatch | None:
    limit = blueprint.policy.hardening.disk_bytes
    if limit is None or holds_limit(blueprint.policy):
        return None
    return DiskWatch(folder=str(blueprint.policy.workspace.workspace_dir), limit_bytes=limit)


@dataclass(frozen=True, slots=True)
class _Ticks:
    """What is looked at while a command runs."""

    meter: Meter
    watch: DiskWatch | None
    execution: Execution

    def __call__(self) -> None:
        self.meter.sample()
        if self.watch is not None and self.watch.passed():
            self.execution.stop(Ending.DISK_FULL)


class _ExecCommand:
    """A command that entered a container which outlives it."""

    def __init__(self, engine: Engine, exec_id: str, stream: Stream, reaper: Reaper) -> None:
        self.stream = stream
        self._engine, self._exec_id, self._reaper = engine, exec_id, reaper

    def status(self) -> ExecStatus:
        return self._engine.exec_status(self._exec_id)

    def signal(self, name: str) -> None:
        self._reaper.signal(name)

    def end(self) -> bool:
        return self._reaper.end()


def _tell(warnings: tuple[str, ...], listener: Listener) -> None:
    for warning in warnings:
        listener.warn(warning)
