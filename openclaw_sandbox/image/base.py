"""The image to build on: a local one, one from a registry, or one made from the distribution's packages."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import SandboxError, UsageError, VerbFailedError
from openclaw_sandbox.image.bootstrap import Bootstrap, bootstrap_tool, bootstrapped
from openclaw_sandbox.image.choose import BaseKind
from openclaw_sandbox.image.host import DEBIAN_ARCHITECTURES
from openclaw_sandbox.image.reach import BUNDLE_HINT
from openclaw_sandbox.image.recipes import DEFAULT_SUITE, base_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.engine.images import ImageStore
    from openclaw_sandbox.image.choose import BaseChoice
    from openclaw_sandbox.image.progress import Reporter
    from openclaw_sandbox.image.reach import Reach

#: A registry that is there answers at once; where there is none, nobody wants to wait.
_REGISTRY_S = 10.0
#: What else an engine runs without emulation.
_COMPATIBLE = {"amd64": {"i386"}, "arm64": {"armhf"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An image to build on. `source` begins with the word of `--base` that gives it."""

    image_id: str
    source: str
    suite: str
    #: The name under which it must be removed after the build; empty if it was there before.
    ours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFinder:
    """The ways to a base image.

    `get_tool` installs a bootstrap tool; None where nobody allowed that. `mark` are the labels by which a
    base that was made here is found and removed, whatever happens.
    """

    images: ImageStore
    reach: Reach
    env: Mapping[str, str]
    architecture: str
    mark: Mapping[str, str]
    report: Reporter
    get_tool: Callable[[], None] | None = None

    @contextlib.contextmanager
    def open(self, choice: BaseChoice, suite: str | None) -> Iterator[Base]:
        """The base, for as long as the build lasts; what was fetched or made for it is removed afterwards.

        Raises:
            VerbFailedError: none of the ways leads to one; the error says why for each.
        """
        base = self._find(choice, suite)
        try:
            self.report.done(f"{base.source}: {base.image_id}")
            yield base
        finally:
            if base.ours:
                self.images.remove(base.ours)

    def _find(self, choice: BaseChoice, suite: str | None) -> Base:
        failures: list[tuple[BaseKind, SandboxError]] = []
        for kind in choice.attempts:
            try:
                return self._way(kind, suite)
            except VerbFailedError as error:
                failures.append((kind, error))
                if kind is not choice.attempts[-1]:
                    self.report.note(f"{error.brief} Trying the next source.")
        if len(failures) == 1:
            raise failures[0][1]
        raise VerbFailedError(
            "No base image can be had.",
            details=[
                f"{kind.value}: {error.brief} {' '.join(error.details[-2:])}" for kind, error in failures
            ],
            hint=failures[-1][1].hint or BUNDLE_HINT,
        )

    def _way(self, kind: BaseKind, suite: str | None) -> Base:
        match kind:
            case BaseKind.LOCAL:
                return self._local(suite or DEFAULT_SUITE)
            case BaseKind.REGISTRY:
                return self._registry(suite or DEFAULT_SUITE)
            case BaseKind.BOOTSTRAP:
                return self._bootstrap(suite or self.reach.suite())
            case BaseKind.AUTO | BaseKind.BUNDLE:
                raise UsageError(f"{kind.value} is no single source of a base image.")

    def _local(self, suite: str) -> Base:
        reference = base_reference(suite)
        image = self.images.find(reference)
        if image is None:
            raise VerbFailedError(
                f"There is no local image {reference}.", hint="--base auto looks elsewhere too."
            )
        return Base(image_id=image.id, source=f"local {reference}", suite=suite)

    def _registry(self, suite: str) -> Base:
        reference = base_reference(suite)
        name = reference.rpartition(":")[0]
        self.report.step(f"asking the image registry for {reference}")
        digest = self.images.registry_digest(reference, timeout_s=_REGISTRY_S)
        pinned = f"{name}@{digest}"
        had = self.images.find(pinned) is not None
        self.report.step(f"fetching {reference}, {digest}")
        image_id = self.images.pull(name, digest, self.report.output)
        return Base(image_id=image_id, source=f"registry {pinned}", suite=suite, ours="" if had else pinned)

    def _bootstrap(self, suite: str) -> Base:
        if bootstrap_tool() is None and self.get_tool is not None:
            self.get_tool()
        wanted = Bootstrap(
            suite=suite, architecture=self.architecture, apt=self.reach.apt_files_for_bootstrap(suite)
        )
        with bootstrapped(wanted, env=self.env, report=self.report) as tar:
            self.report.step("handing the base image to the engine")
            image_id = self.images.import_rootfs(tar, self.mark)
        return Base(
            image_id=image_id, source=f"bootstrap {suite} {self.architecture}", suite=suite, ours=image_id
        )


def choose_architecture(asked: str | None, engine_architecture: str) -> str:
    """Debian's word for the architecture to build for: the engine's own unless somebody asks for another.

    Raises:
        UsageError: the engine could not run such an image.
    """
    own = DEBIAN_ARCHITECTURES.get(engine_architecture, engine_architecture)
    if asked is None or asked == own or asked in _COMPATIBLE.get(own, set()):
        return asked or own
    known = sorted(set(DEBIAN_ARCHITECTURES.values()))
    raise UsageError(
        f"--arch: this engine runs {own}, not {asked!r}.",
        hint=f"Leave --arch out, or build on a machine of that kind. Debian's words are: {', '.join(known)}.",
    )
