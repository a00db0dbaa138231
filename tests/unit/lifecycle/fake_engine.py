"""An engine made of a dict: what `ensure`, `recreate` and `prune` ask of one."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.base import (
    ContainerState,
    EngineInfo,
    ExecStatus,
    ImageInfo,
    Observed,
    ObservedMount,
    StartedExec,
)
from openclaw_sandbox.errors import EngineError, SandboxConflictError
from tests.unit.lifecycle.fake_command import FakeStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openclaw_sandbox.engine.base import ExecSpec
    from openclaw_sandbox.spec.model import BindMount, ContainerSpec

IMAGE_ID = "sha256:" + "1" * 64
INFO = EngineInfo(
    name="docker",
    version="20.10.24",
    api_version="1.41",
    cgroup_version=2,
    cgroup_driver="systemd",
    storage_driver="overlay2",
    root_dir="/var/lib/docker",
    operating_system="",
    architecture="x86_64",
    kernel="6.1",
    cpus=64,
    memory_bytes=1 << 36,
    rootless=False,
    userns_remapped=False,
    apparmor=True,
    selinux=False,
    seccomp=True,
    enforced_limits=frozenset(("memory", "swap", "pids", "cpus", "cpu_shares", "cpuset")),
    runtimes=("runc",),
    default_runtime="runc",
    warnings=(),
)


class SetupStream(FakeStream):
    """The streams of a setup command, which has a deadline."""

    def set_deadline(self, timeout_s: float | None) -> None:
        assert timeout_s


class NoNetworks:
    """An engine without any network of its users."""

    def find(self, name: str) -> None:
        return None


@dataclass
class FakeEngine:
    """`faults` maps a call's name to what is raised instead; `on` to what is done before it."""

    containers: dict[str, Observed] = field(default_factory=dict)
    images: dict[str, ImageInfo] = field(default_factory=dict)
    execs: dict[str, bool] = field(default_factory=dict)  # exec id -> it runs
    faults: dict[str, BaseException] = field(default_factory=dict)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    stream: FakeStream = field(default_factory=lambda: SetupStream([]))
    exec_exit: int = 0
    address: str = "unix:///fake"
    local: bool = True
    networks: Any = field(default_factory=NoNetworks)
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _lock: Any = field(default_factory=threading.Lock)

    # ---- for tests

    def has_image(self, reference: str, image_id: str = IMAGE_ID) -> None:
        self.images[reference] = ImageInfo(
            id=image_id,
            tags=(reference,),
            digests=(),
            size_bytes=1,
            created_at="",
            architecture="amd64",
            user="",
            labels={},
        )

    def add(self, name: str, *, labels: Mapping[str, str], **values: Any) -> Observed:
        """A container that somebody made."""
        made = Observed(
            id=values.pop("id", f"{next(self._ids):064x}"),
            name=name,
            image=values.pop("image", "image:1"),
            image_id=values.pop("image_id", IMAGE_ID),
            labels=labels,
            state=values.pop("state", ContainerState.RUNNING),
            created_at_ms=values.pop("created_at_ms", 1000),
            **values,
        )
        self.containers[made.id] = made
        return made

    def named(self, name: str) -> Observed:
        (found,) = [c for c in self.containers.values() if c.name == name]
        return found

    @property
    def names(self) -> list[str]:
        return sorted(c.name for c in self.containers.values())

    # ---- Engine

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if what in self.on:
            self.on.pop(what)()
        if what in self.faults:
            raise self.faults[what]

    def info(self) -> EngineInfo:
        self._called("info")
        return INFO

    def image(self, reference: str) -> ImageInfo | None:
        self._called("image")
        return self.images.get(reference)

    def create(self, spec: ContainerSpec, *, labels: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        self._called("create")
        with self._lock:
            if spec.name in self.names:
                raise SandboxConflictError("taken")
            made = self.add(
                spec.name,
                labels={**spec.labels, **spec.volatile_labels, **labels},
                image=spec.image,
                image_id=self.images[spec.image].id,
                state=ContainerState.CREATED,
                mounts=tuple(_observed(mount) for mount in spec.mounts),
            )
        self._called("created")
        return made.id, ()

    def start(self, container_id: str, *, timeout_s: float | None = None) -> None:
        self._called("start")
        self.containers[container_id] = replace(self.containers[container_id], state=ContainerState.RUNNING)

    def inspect(self, name_or_id: str) -> Observed | None:
        self._called("inspect")
        found = (c for c in list(self.containers.values()) if name_or_id in (c.id, c.name))
        return next(found, None)

    def list(
        self, *, labels: Sequence[str] = (), all_states: bool = True, sizes: bool = False
    ) -> list[Observed]:
        self._called("list")
        return [c for c in self.containers.values() if all(_carries(c, label) for label in labels)]

    def remove(self, container_id: str, *, force: bool = False) -> bool:
        self._called("remove")
        return self.containers.pop(container_id, None) is not None

    def rename(self, container_id: str, name: str) -> None:
        self._called("rename")
        if name in self.names:
            raise SandboxConflictError("taken")
        self.containers[container_id] = replace(self.containers[container_id], name=name)

    def exec_start(self, container_id: str, spec: ExecSpec) -> StartedExec:
        self._called("exec_start")
        return StartedExec(exec_id="e1", stream=self.stream)

    def exec_status(self, exec_id: str) -> ExecStatus:
        self._called("exec_status")
        if exec_id == "e1":
            return ExecStatus(running=False, exit_code=self.exec_exit, pid=7)
        if exec_id not in self.execs:
            raise EngineError("No such exec")
        return ExecStatus(running=self.execs[exec_id], exit_code=None, pid=7)


def _carries(container: Observed, label: str) -> bool:
    key, separator, value = label.partition("=")
    return container.labels.get(key) == value if separator else key in container.labels


def _observed(mount: BindMount) -> ObservedMount:
    return ObservedMount(
        kind="bind", source=mount.source, destination=mount.destination, read_only=mount.read_only
    )
