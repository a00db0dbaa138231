"""Collects the evidence about a finished run; `cause.judge` decides. Asks the engine only after a failure."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.lifecycle.cause import Cause, Evidence, judge
from openclaw_sandbox.lifecycle.execute import Ending
from openclaw_sandbox.lifecycle.limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.counters import Usage
    from openclaw_sandbox.lifecycle.ensure import Blueprint
    from openclaw_sandbox.lifecycle.execute import Bounds, Result

#: A folder with less room than this is full for every practical purpose; of a small file system a 32nd is,
#: whose last blocks no larger write can use.
_FULL_BYTES = 64 << 10
_FULL_SHARE, _FULL_AT_MOST = 32, 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Knows where and since when (seconds since 1970) the run went on."""

    blueprint: Blueprint
    engine: Engine
    container_id: str
    started_s: float
    container_started_at: str = ""  # as the engine says it; empty if it did not

    def judge(self, result: Result, usage: Usage, bounds: Bounds) -> Cause:
        """Why the run ended."""
        failed = result.ending is Ending.EXITED and result.exit_code != 0
        full, roomy = self._space() if failed else ((), ())
        evidence = Evidence(
            result=result,
            usage=usage,
            oom_seen=failed and not usage.oom_kills and self._oom_events(),
            container_died=failed and self._container_died(result.exit_code),
            last_words=result.last_words.decode("utf-8", "replace"),
            limits=limits_of(self.blueprint.policy, self.blueprint.spec, bounds),
            read_only_paths=dict(self._read_only()),
            full_mounts=full,
            roomy_mounts=roomy,
        )
        return judge(evidence)

    def _oom_events(self) -> bool:
        try:
            return self.engine.oom_seen(self.container_id, since_s=self.started_s, until_s=time.time())
        except EngineError:
            return False

    def _container_died(self, exit_code: int) -> bool:
        """An engine may report the death of the command some moments before that of its container."""
        for pause_s in (0.0, 0.1, 0.3):
            time.sleep(pause_s)
            try:
                observed = self.engine.inspect(self.container_id)
            except EngineError:
                return False
            if observed is None or not observed.running or self._is_another_life(observed):
                return True
            if exit_code != 128 + signal.SIGKILL:
                return False
        return False

    def _is_another_life(self, observed: Observed) -> bool:
        return bool(self.container_started_at) and observed.started_at != self.container_started_at

    def _read_only(self) -> Iterator[tuple[str, str]]:
        spec = self.blueprint.spec
        if spec.read_only_root:
            yield "/", "the root file system is read-only (docker.readOnlyRoot)"
        for tmpfs in spec.tmpfs:
            yield tmpfs.destination, "it is hidden from the sandbox" if "ro" in tmpfs.options else ""
        for path in spec.masked_paths:
            yield path, "it is hidden from the sandbox"
        for mount in spec.mounts:
            why = f"{mount.destination} is mounted read-only ({mount.key})" if mount.read_only else ""
            yield mount.destination, why

    def _space(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The binds without space, and those with it; one that cannot be asked is neither."""
        found: dict[bool, list[str]] = {True: [], False: []}
        for mount in self.blueprint.spec.mounts:
            try:
                room = os.statvfs(mount.source)
            except OSError:
                continue
            found[_is_full(room)].append(mount.destination)
        return tuple(found[True]), tuple(found[False])


def _is_full(room: os.statvfs_result) -> bool:
    share = min(room.f_blocks * room.f_frsize // _FULL_SHARE, _FULL_AT_MOST)
    no_more_files = room.f_files > 0 and room.f_favail == 0
    return no_more_files or room.f_bavail * room.f_frsize < max(_FULL_BYTES, share)
