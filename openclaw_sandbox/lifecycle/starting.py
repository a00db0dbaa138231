"""Starting a container within a deadline, also under a runtime that hangs.

A runtime of its own kind (gVisor on a platform that the machine lacks, for instance) can keep an engine's
start call waiting for ever, and leave its processes behind when it fails. The engine does not end them; they
carry the container's id in their arguments, so they can be found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineError, EngineHangingError, SpecRefusedError
from openclaw_sandbox.lifecycle.loop_image import device_at, device_of, image_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.engine.base import Engine
    from openclaw_sandbox.spec.model import ContainerSpec

#: Seconds for a runtime that the policy names. Slow ones need two.
RUNTIME_START_S = 30.0
_GONE_S = 5.0
_POLL_S = 0.05
#: Who starts runtimes. A process that merely mentions the container (`docker logs ID`) has none above it.
_STARTERS = ("containerd", "dockerd", "podman", "conmon")


def start(engine: Engine, container_id: str, spec: ContainerSpec) -> None:
    """Start a container.

    Raises:
        SpecRefusedError: the runtime refused, or did not come to an end in time; its processes were ended. Or
            the sandbox does not see its workspace's volume. The container still exists.
        EngineError: the engine failed.
    """
    _start(engine, container_id, spec)
    if spec.disk.volume_bytes is not None and _misses_volume(engine, container_id, spec):
        engine.kill(container_id)
        raise SpecRefusedError(
            "workspace_volume: the engine does not see what is mounted on this machine, so the sandbox would "
            "be without its workspace.",
            hint="It has mounts of its own. Remove workspace_volume from config.yml, or use another engine.",
        )


def _misses_volume(engine: Engine, container_id: str, spec: ContainerSpec) -> bool:
    """Whether another device than the workspace's volume is mounted inside; False if nobody can tell.

    There may be none, by leave of `allow_unenforced`. Devices tell nothing then: btrfs has many for a mount.
    """
    observed = engine.inspect(container_id)
    source = next((mount.source for mount in spec.mounts if mount.destination == spec.workdir), None)
    if observed is None or source is None or not engine.local:
        return False
    with contextlib.suppress(OSError):
        if image_at(Path(source)) is not None:
            inside = device_at(observed.pid, spec.workdir)
            return inside is not None and inside != device_of(Path(source))
    return False


def _start(engine: Engine, container_id: str, spec: ContainerSpec) -> None:
    if spec.runtime is None:
        engine.start(container_id)
        return
    began = time.monotonic()
    try:
        engine.start(container_id, timeout_s=RUNTIME_START_S)
    except BaseException as error:
        ended = end_runtime(container_id) if engine.local else Ended()
        if isinstance(error, EngineHangingError):
            raise _hung(spec, time.monotonic() - began, ended) from None
        if isinstance(error, SpecRefusedError):
            raise _refused(spec, error) from None
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Processes of a runtime, as "pid name": those that were killed, and those that may not be."""

    killed: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


def end_runtime(container_id: str) -> Ended:
    """Kill what a runtime left running for a container that did not start."""
    killed: dict[int, str] = {}
    spared: dict[int, str] = {}
    deadline = time.monotonic() + _GONE_S
    while time.monotonic() < deadline:
        found = dict(_processes_of(container_id))
        waiting = found.keys() - spared.keys()
        if not waiting:
            break
        for pid in waiting:
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:
                spared[pid] = found[pid]
            except ProcessLookupError:
                continue
            else:
                killed[pid] = found[pid]
        time.sleep(_POLL_S)
    return Ended(
        killed=tuple(f"{pid} {name}" for pid, name in sorted(killed.items())),
        spared=tuple(f"{pid} {name}" for pid, name in sorted(spared.items())),
    )


def _processes_of(container_id: str) -> Iterator[tuple[int, str]]:
    """Processes that an engine started and whose arguments hold this container's id, with their names."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if _mentions(words, container_id) and _has_starter(int(entry.name)):
                yield int(entry.name), (entry / "comm").read_text().strip()


def _mentions(words: list[str], container_id: str) -> bool:
    return any(word == container_id or word.rstrip("/").endswith(f"/{container_id}") for word in words)


def _has_starter(pid: int) -> bool:
    """Whether an engine's process is this one or stands above it."""
    while pid > 1:
        status = _status(pid)
        if status.get("Name", "").startswith(_STARTERS):
            return True
        pid = int(status.get("PPid", "0"))
    return False


def _status(pid: int) -> Mapping[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _hung(spec: ContainerSpec, seconds: float, ended: Ended) -> EngineError:
    details = [f"killed: {', '.join(ended.killed)}"] if ended.killed else []
    hint = "Try it alone: docker run --rm --network none --runtime " + f"{spec.runtime} {spec.image} true"
    if ended.spared:
        pids = " ".join(process.split()[0] for process in ended.spared)
        details.append(f"still running: {', '.join(ended.spared)}")
        hint = f"End them: sudo kill -9 {pids}"
    return SpecRefusedError(
        f"The runtime {spec.runtime} did not start the sandbox within {seconds:.0f} s and was given up.",
        details=details,
        hint=hint,
    )


def _refused(spec: ContainerSpec, error: SpecRefusedError) -> EngineError:
    """The engine's own words stay; what is known of a runtime's habits is added."""
    said = " ".join(error.details)
    hint = error.hint
    if "cannot run with network enabled in root network namespace" in said:
        hint = f"Register {spec.runtime} with the argument --network=none in the engine's daemon.json."
    elif "unknown platform" in said:
        hint = f"Register {spec.runtime} with --platform=ptrace, or with a platform that this machine has."
    elif "no such file or directory" in said and "fork/exec" in said:
        hint = f"The runtime {spec.runtime} is registered with the engine, and its program is missing."
    return SpecRefusedError(
        f"The runtime {spec.runtime} could not start the sandbox.", details=error.details, hint=hint
    )
