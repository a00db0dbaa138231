"""Where verify looks: a container of its own, the sandbox that runs, or one that is named."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineError, VerbFailedError
from openclaw_sandbox.lifecycle.compare import compare
from openclaw_sandbox.lifecycle.fit import fit
from openclaw_sandbox.lifecycle.internal_network import close_internal
from openclaw_sandbox.lifecycle.make import discard, make, own_name
from openclaw_sandbox.lifecycle.plan import whose
from openclaw_sandbox.lifecycle.way_out import close_way_out
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.model import BindMount
from openclaw_sandbox.verify.catalogue import PROBES
from openclaw_sandbox.verify.expect import Promise, expectations
from openclaw_sandbox.verify.interpreter import MOUNT_POINT, OF_IMAGE, gather, lodged
from openclaw_sandbox.verify.judge import judge
from openclaw_sandbox.verify.scene import Scene
from openclaw_sandbox.verify.testimony import testify
from openclaw_sandbox.verify.traps import Sprung
from openclaw_sandbox.verify.witness import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from openclaw_sandbox.engine.base import Engine, EngineInfo, Observed
    from openclaw_sandbox.lifecycle.blueprint import Blueprint
    from openclaw_sandbox.spec.model import ContainerSpec
    from openclaw_sandbox.verify.interpreter import Interpreter, Kit
    from openclaw_sandbox.verify.model import Judged


class NoSuchContainerError(VerbFailedError):
    """`--attach` names no running container."""

    code = "verify.no-container"


class TamperedError(VerbFailedError):
    """The stopped container that `run` would start is not what its label says."""

    code = "verify.tampered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A container to look at. `made`: for this alone, to be removed; `brought`: mounts that are there for it.

    `ways` bring an interpreter into it, the best one first.
    """

    observed: Observed
    made: bool
    ways: tuple[Callable[[], AbstractContextManager[Interpreter | None]], ...]
    brought: tuple[BindMount, ...] = ()
    notes: tuple[str, ...] = field(default=())


@contextlib.contextmanager
def place_of(blueprint: Blueprint, engine: Engine, *, attach: str | None, fresh: bool) -> Iterator[Place]:
    """The container to look at; one that is made for this goes again, whatever happens."""
    if attach is not None:
        yield _attached(attach, blueprint, engine)
        return
    own = None if fresh else engine.inspect(blueprint.spec.name)
    if own is not None and (conflict := whose(blueprint.desired, own)) is not None:
        raise conflict  # what `run` would say: this policy has no container to prove
    if own is not None and own.running:
        note = f"Looked at the running container {own.name}."
        yield Place(observed=own, made=False, ways=_live(own, blueprint.spec), notes=(note,))
        return
    if own is not None:
        _refuse_tampered(own, blueprint, engine)
    with _kit(blueprint) as brought:
        yield from _made(blueprint, engine, brought)


def _refuse_tampered(own: Observed, blueprint: Blueprint, engine: Engine) -> None:
    """A new container would prove nothing about a stopped one: `run` starts it, and goes by its label."""
    if own.labels.get(labels.SPEC) != blueprint.desired.spec_hash:
        return  # `run` replaces it
    asked, _ = close_internal(blueprint.spec, engine)
    info = engine.info()
    spec = fit(asked, info, allowed=blueprint.policy.hardening.allow_unenforced).spec
    wrong = [check.key or check.field for check in compare(spec, own) if not check.agrees]
    wrong += [found.probe.setting for found in _by_record(own, spec, info) if found.kept is False]
    if wrong:
        again = f"openclaw-sandbox recreate --session {blueprint.policy.session_key}"
        raise TamperedError(
            f"{own.name} is stopped, and is not what its label says: {', '.join(dict.fromkeys(wrong))}.",
            hint=f"run would start it as it is. Make it anew: {again}",
        )


def _made(
    blueprint: Blueprint, engine: Engine, brought: tuple[BindMount, Interpreter] | None
) -> Iterator[Place]:
    """One as `run` makes it; only its name differs, and the mount that brings the interpreter."""
    mounts = () if brought is None else (brought[0],)
    ways = [OF_IMAGE] if brought is None else [brought[1], OF_IMAGE]
    # Named like a container of `run --rm`: if this process is killed, the next tool that looks removes it.
    name = own_name(blueprint.spec.name, "run")
    spec = replace(blueprint.spec, name=name, mounts=(*blueprint.spec.mounts, *mounts))
    ready = make(replace(blueprint, spec=spec), engine)
    try:
        observed = engine.inspect(ready.container_id)
        if observed is None or not observed.running:
            raise EngineError("The container that was made for this did not stay up.")
        yield Place(
            observed=observed,
            made=True,
            ways=tuple(partial(contextlib.nullcontext, way) for way in ways),
            brought=mounts,
            notes=ready.warnings,
        )
    finally:
        discard(ready.container_id, engine)
        close_way_out(blueprint.policy, engine, ready.container_id)


def _by_record(own: Observed, spec: ContainerSpec, info: EngineInfo) -> tuple[Judged, ...]:
    """What the engine's record alone tells of a container without processes."""
    sprung = Sprung(accepted={}, env_canary="")
    nothing = look(0)
    scene = Scene(spec=spec, observed=own, witness=nothing, sprung=sprung, on_this_kernel=False)
    told = testify(scene)
    probes = [probe for probe in PROBES if probe.id in told]
    return judge(probes, expectations(Promise(spec=spec, info=info)), host=told, sandbox={})


@contextlib.contextmanager
def _kit(blueprint: Blueprint) -> Iterator[tuple[BindMount, Interpreter] | None]:
    """This host's interpreter in the state folder, to be mounted; None where there is none."""
    folder = blueprint.policy.state_dir / "sandbox"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    with _lodged(folder) as found:
        if found is None:
            yield None
            return
        kit, name = found
        mount = BindMount(source=str(folder / name), destination=MOUNT_POINT, read_only=True, key="verify")
        yield mount, kit.at(MOUNT_POINT)


@contextlib.contextmanager
def _lodged(folder: Path) -> Iterator[tuple[Kit, str] | None]:
    """A place that cannot be written (full, read-only) is no reason to stop: the image may have a Python."""
    with contextlib.ExitStack() as stack:
        kit, name = gather(), None
        if kit is not None:
            with contextlib.suppress(OSError):
                name = stack.enter_context(lodged(kit, folder))
        yield None if kit is None or name is None else (kit, name)


def _live(
    observed: Observed, spec: ContainerSpec
) -> tuple[Callable[[], AbstractContextManager[Interpreter | None]], ...]:
    """Nothing can be mounted any more, and nobody should find foreign files in his workspace without need.

    So the image's own python3 comes first there, and the report says so.
    """
    return partial(contextlib.nullcontext, OF_IMAGE), partial(_in_workspace, observed, spec)


@contextlib.contextmanager
def _in_workspace(observed: Observed, spec: ContainerSpec) -> Iterator[Interpreter | None]:
    """This host's interpreter, for the moment in the workspace: the one place where programs may run."""
    promised = {(mount.source, mount.destination) for mount in spec.mounts}
    mounted = {m.destination: m.source for m in observed.mounts if (m.source, m.destination) in promised}
    source = mounted.get(spec.workdir)
    if source is None:
        yield None
        return
    with _lodged(Path(source)) as found:
        yield None if found is None else found[0].at(f"{spec.workdir}/{found[1]}")


def _attached(name: str, blueprint: Blueprint, engine: Engine) -> Place:
    observed = engine.inspect(name)
    if observed is None or not observed.running:
        state = "does not exist" if observed is None else f"is {observed.state.value}"
        raise NoSuchContainerError(
            f"The container {name} {state}.", hint="See what runs: docker ps --filter label=openclaw.sandbox"
        )
    notes: tuple[str, ...] = ()
    if observed.name != blueprint.spec.name:
        session = blueprint.policy.session_key
        notes = (f"{observed.name} is not the container of {session}, whose policy it is held against.",)
    return Place(observed=observed, made=False, ways=_live(observed, blueprint.spec), notes=notes)
