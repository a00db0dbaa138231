"""`setup`: the images that were asked for are there and up to date, whatever was there before."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineError
from openclaw_sandbox.image.base import Base, BaseFinder, choose_architecture
from openclaw_sandbox.image.build import Build, build_image, stage_labels, sweep, sweep_killed
from openclaw_sandbox.image.bundle import bundle_contents, load_bundle, save_bundle
from openclaw_sandbox.image.choose import BaseChoice, BaseKind, Want, why_build
from openclaw_sandbox.image.held import build_lock, held
from openclaw_sandbox.image.install import install_bootstrap_tool
from openclaw_sandbox.image.outcome import Outcome
from openclaw_sandbox.image.progress import Phase, Reporter
from openclaw_sandbox.image.reach import Reach
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE, ImageName, base_reference, recipe, reference_of
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.images import ImageStore
    from openclaw_sandbox.image.host import Machine
    from openclaw_sandbox.image.progress import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    images: tuple[ImageName, ...] = (ImageName.SANDBOX,)
    base: BaseChoice = field(default_factory=BaseChoice)
    mirrors: tuple[str, ...] = ()
    suite: str | None = None
    architecture: str | None = None
    ca_file: Path | None = None
    force: bool = False
    may_install: bool = False  # packages of this machine

    @property
    def chain(self) -> tuple[ImageName, ...]:
        """The images in the order in which they are made, with those that others are built on."""
        last = max((list(ImageName).index(name) for name in self.images), default=0)
        return tuple(ImageName)[: last + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where the work is done: the engine's images, this machine, its environment."""

    images: ImageStore
    engine_architecture: str
    machine: Machine
    env: Mapping[str, str]
    listener: Listener

    def reporter(self, phase: Phase) -> Reporter:
        """The voice of a phase."""
        return Reporter(phase, self.listener)


def set_up(bench: Bench, request: Request) -> tuple[Outcome, ...]:
    """Make what is missing or outdated; leave the rest alone.

    Raises:
        UsageError: the request cannot be carried out here (architecture, CA file, bundle).
        VerbFailedError: no base, a failed build, a damaged bundle. What was there before is still there.
    """
    architecture = choose_architecture(request.architecture, bench.engine_architecture)
    sweep_killed(bench.images)
    if request.base.bundle is not None:
        return _from_bundle(bench, request, request.base.bundle, architecture)
    reach = Reach(bench.machine, mirrors=request.mirrors, ca_file=request.ca_file, env=bench.env)
    run = _Run(bench=bench, request=request, reach=reach, architecture=architecture)
    return tuple(run.image(name) for name in request.chain)


def plan(bench: Bench, request: Request) -> tuple[str, ...]:
    """What `set_up` would do, one line per step. Fetches and changes nothing."""
    if request.base.bundle is not None:
        path = request.base.bundle
        return tuple(f"load {item.reference} from {path}" for item in bundle_contents(path))
    lines: list[str] = []
    for name in request.chain:
        reason = why_made(bench, request, name)
        if reason is None:
            lines.append(f"keep {reference_of(name)}: it is up to date")
            continue
        if name is ImageName.SANDBOX:
            ways = ", then ".join(kind.value for kind in request.base.attempts)
            lines.append(f"find a base image: {ways}")
        lines.append(f"build {reference_of(name)}: {reason}")
    return tuple(lines)


def why_made(bench: Bench, request: Request, name: ImageName) -> str | None:
    """Why `set_up` would build this image; None if the one that is there will do."""
    found = bench.images.find(reference_of(name))
    return why_build(_want(bench, request, name, found), found)


def save(bench: Bench, outcomes: Sequence[Outcome], path: Path) -> str:
    """Write the images of `outcomes` into a bundle; its SHA-256.

    Raises:
        UsageError, VerbFailedError: as `save_bundle`.
    """
    wanted = [(outcome.reference, outcome.image) for outcome in outcomes]
    return save_bundle(bench.images, wanted, path, bench.reporter(Phase.SAVE))


def _want(bench: Bench, request: Request, name: ImageName, found: ImageInfo | None) -> Want:
    if name is ImageName.COMMON:
        parent = bench.images.find(reference_of(ImageName.SANDBOX))
        base, base_id = BaseChoice(), parent.id if parent else None
    else:
        base, base_id = request.base, _local_base_id(bench, request, found)
    return Want(
        recipe=recipe(name),
        base=base,
        suite=request.suite if name is ImageName.SANDBOX else None,
        force=request.force and name in request.images,
        base_id=base_id,
    )


def _local_base_id(bench: Bench, request: Request, found: ImageInfo | None) -> str | None:
    """A local base can change under the image that was built on it; others cannot be compared for free."""
    was_local = found is not None and found.labels.get(labels.BASE_SOURCE, "").startswith("local ")
    if found is None or not was_local or request.base.kind not in (BaseKind.AUTO, BaseKind.LOCAL):
        return None
    local = bench.images.find(base_reference(found.labels.get(labels.SUITE, "")))
    return local.id if local else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One pass over the images."""

    bench: Bench
    request: Request
    reach: Reach
    architecture: str

    def image(self, name: ImageName) -> Outcome:
        started = time.monotonic()
        reference = reference_of(name)
        found = self.bench.images.find(reference)
        reason = why_build(_want(self.bench, self.request, name, found), found)
        report = self.bench.reporter(Phase.BUILD)
        if reason is None and found is not None:
            report.done(f"{reference} is up to date: nothing to build")
            return Outcome(
                name=name.value, reference=reference, action="kept", why="up to date", image=found, seconds=0
            )
        report.note(f"Building {reference}: {reason}.")
        image_id = self._common() if name is ImageName.COMMON else self._sandbox()
        report.done(f"{reference}: {image_id}")
        return Outcome(
            name=name.value,
            reference=reference,
            action="built",
            why=reason or "",
            image=_present(self.bench.images, reference),
            seconds=time.monotonic() - started,
        )

    def _sandbox(self) -> str:
        build_id = secrets.token_hex(8)
        finder = BaseFinder(
            images=self.bench.images,
            reach=self.reach,
            env=self.bench.env,
            architecture=self.architecture,
            mark=stage_labels(build_id),
            report=self.bench.reporter(Phase.BASE),
            get_tool=self._get_tool if self._may_install() else None,
        )
        try:
            with held(build_lock(build_id)), finder.open(self.request.base, self.request.suite) as base:
                return self._build(ImageName.SANDBOX, base, build_id)
        finally:
            sweep(self.bench.images, build_id)

    def _common(self) -> str:
        parent = _present(self.bench.images, reference_of(ImageName.SANDBOX))
        base = Base(
            image_id=parent.id,
            source=f"image {reference_of(ImageName.SANDBOX)}",
            suite=parent.labels.get(labels.SUITE, ""),
        )
        build_id = secrets.token_hex(8)
        with held(build_lock(build_id)):
            return self._build(ImageName.COMMON, base, build_id)

    def _build(self, name: ImageName, base: Base, build_id: str) -> str:
        build = Build(
            recipe=recipe(name),
            base=base,
            apt=self.reach.apt_files(base.suite),
            env=self.bench.env,
            build_id=build_id,
        )
        return build_image(self.bench.images, build, self.bench.reporter(Phase.BUILD))

    def _may_install(self) -> bool:
        """Whoever names the bootstrap, or lets packages be installed, lets its tool be installed."""
        return self.request.may_install or self.request.base.kind is BaseKind.BOOTSTRAP

    def _get_tool(self) -> None:
        install_bootstrap_tool(self.bench.machine, self.bench.reporter(Phase.BASE))


def _from_bundle(bench: Bench, request: Request, path: Path, architecture: str) -> tuple[Outcome, ...]:
    started = time.monotonic()
    report = bench.reporter(Phase.LOAD)
    names = {reference_of(name): name.value for name in ImageName} | {GATEWAY_REFERENCE: "egress"}
    needed = tuple(reference_of(name) for name in request.images)
    packed = load_bundle(bench.images, path, needed=needed, architecture=architecture, report=report)
    outcomes = []
    for item in packed:
        if item.reference not in names:
            continue
        image = _present(bench.images, item.reference)
        name = names[item.reference]
        if name != "egress" and image.labels.get(labels.RECIPE) != recipe(ImageName(name)).digest:
            by = image.labels.get(labels.VERSION, "another version")
            report.warn(f"{item.reference} was made by version {by} of this tool, with another recipe.")
        report.done(f"{item.reference}: {image.id}")
        outcomes.append(
            Outcome(
                name=name,
                reference=item.reference,
                action="loaded",
                why=f"from {path}",
                image=image,
                seconds=time.monotonic() - started,
            )
        )
    return tuple(outcomes)


def _present(images: ImageStore, reference: str) -> ImageInfo:
    image = images.find(reference)
    if image is None:
        raise EngineError(f"The image {reference} has just been made, and the engine does not have it.")
    return image
