"""From this machine to Facts. Reads; changes nothing but a throw-away container of the image."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from openclaw_sandbox.doctor.candidates import host_candidates
from openclaw_sandbox.doctor.facts import (
    ContainerFacts,
    EngineFacts,
    Facts,
    ImageFacts,
    Kernel,
    Space,
    StateFacts,
)
from openclaw_sandbox.doctor.inside import look_inside
from openclaw_sandbox.doctor.listening import listening
from openclaw_sandbox.doctor.model import Area
from openclaw_sandbox.doctor.scanner import installed_scanner, scan
from openclaw_sandbox.engine.docker.endpoint import find_endpoint
from openclaw_sandbox.errors import EngineError, SandboxError, StateFileError, VerbFailedError
from openclaw_sandbox.image.choose import BaseChoice, BaseKind, Want, why_build
from openclaw_sandbox.image.recipes import ImageName, recipe
from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.fit import is_gvisor
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.loop_image import why_no_loop
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.stock import State
from openclaw_sandbox.lifecycle.workspace import plan_user
from openclaw_sandbox.policy.findings import errors
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.engine.base import Engine, ImageInfo, Observed
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding

_SETTINGS = (
    *("kernel.dmesg_restrict", "kernel.kptr_restrict", "kernel.unprivileged_bpf_disabled"),
    *("kernel.perf_event_paranoid", "kernel.io_uring_disabled", "dev.tty.legacy_tiocsti"),
)
_MONITORS = ("falco", "tetragon")
_QUICK_S = 10.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatherer:
    """One look at this machine. `fleet` is None where no engine was found; `areas` is what is asked for.

    `observed` tells what only this machine knows of a policy, in the words of `explain`; the engine is asked
    too if it answers.
    """

    fleet: Fleet | None
    policies: tuple[EffectivePolicy, ...]
    state_dir: Path
    observed: Callable[[EffectivePolicy, bool], tuple[Finding, ...]]
    config_error: SandboxError | None = None
    refused_agents: tuple[tuple[str, str], ...] = ()
    engine_error: SandboxError | None = None
    offline: bool = False
    areas: frozenset[Area] = frozenset(Area)

    def facts(self) -> Facts:
        """Everything that can be found out. Never raises a SandboxError."""
        engine = engine_facts(self.fleet.engine if self.fleet else None, self.engine_error)
        fleet = self.fleet if engine.info is not None else None
        state, broken = self._state(), _Broken()
        return Facts(
            engine=engine,
            kernel=_kernel(),
            image=broken.ask(lambda: self._image(fleet.engine)) if fleet and self._asks(Area.IMAGE) else None,
            policies=self.policies,
            config_error=self.config_error,
            refused_agents=self.refused_agents,
            observed=self._observed(answers=fleet is not None),
            containers=broken.ask(lambda: self._containers(fleet, state))
            if fleet and self._asks(Area.CONTAINERS)
            else None,
            state=state,
            gateway_problems=self._gateways(),
            completion=_completion(),
            no_loop=why_no_loop(),
            monitors=tuple(name for name in _MONITORS if shutil.which(name)),
            offline=self.offline,
            gvisor=_gvisor(engine),
            broke_off=broken.off,
        )

    def _asks(self, area: Area) -> bool:
        return area in self.areas

    def _observed(self, *, answers: bool) -> Mapping[str, tuple[Finding, ...]]:
        if not self._asks(Area.CONFIG):
            return {}
        return {policy.agent_id: self.observed(policy, answers) for policy in self.policies}

    def _image(self, engine: Engine) -> ImageFacts:
        reference = self.policies[0].hardening.image if self.policies else recipe(ImageName.SANDBOX).reference
        return image_facts(engine, reference, now=datetime.now(UTC), offline=self.offline)

    def _containers(self, fleet: Fleet, state: StateFacts) -> ContainerFacts | None:
        """None while the registry is damaged: to look at it would mend it."""
        return None if state.registry_problem else container_facts(fleet)

    def _state(self) -> StateFacts:
        problem, hint = registry_problem(self.state_dir)
        return StateFacts(
            folder=str(self.state_dir),
            registry_problem=problem,
            registry_hint=hint,
            workspace_problems=tuple(_workspaces(self.policies)),
            half_made_markers=intents.any_declared(self.state_dir),
        )

    def _gateways(self) -> tuple[str, ...] | None:
        if not any(policy.egress is not None for policy in self.policies):
            return None
        from openclaw_sandbox.egress.place import places

        found = places(self.state_dir)
        return tuple(str(place.log_file) for place in found if place.health() is None)


@dataclass(slots=True)
class _Broken:
    """Questions that an engine broke off: it answered at first. `off` is why."""

    off: tuple[str, ...] = ()

    def ask(self, question: Callable[[], _Answer]) -> _Answer | None:
        try:
            return question()
        except SandboxError as error:
            self.off = tuple(dict.fromkeys((*self.off, error.brief)))
            return None


# ---- the engine


def engine_facts(engine: Engine | None, error: SandboxError | None) -> EngineFacts:
    """What the engine and its host tell."""
    if engine is None:
        return EngineFacts(address="", source="", error=error)
    try:
        info = engine.info()
    except EngineError as problem:
        return EngineFacts(address=engine.address, source="", error=problem)
    socket_path = engine.address.removeprefix("unix://") if engine.address.startswith("unix://") else ""
    listens, tls = _listens(engine, socket_path)
    return EngineFacts(
        address=engine.address,
        source="local" if engine.local else "remote",
        info=info,
        space=space_of(info.root_dir) if engine.local else None,
        bridge_known=_has_bridge(engine),
        bridge_link=Path("/sys/class/net/docker0").exists() if engine.local else None,
        group=_group_of(socket_path) if socket_path else None,
        listens=listens,
        tls=tls,
    )


def _listens(engine: Engine, socket_path: str) -> tuple[tuple[str, ...] | None, bool]:
    """Network addresses, and whether TLS guards them. An engine elsewhere tells only its own address."""
    if engine.local:
        return listening(socket_path)
    at = (engine.address,) if engine.address.startswith("tcp://") else None
    return at, find_endpoint(os.environ).cert_dir is not None


def space_of(path: str) -> Space | None:
    """The file system behind a folder; None if this user may not look."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Space(
        path=path,
        total_bytes=found.f_blocks * found.f_frsize,
        free_bytes=found.f_bavail * found.f_frsize,
        total_inodes=found.f_files,
        free_inodes=found.f_ffree,
    )


def _has_bridge(engine: Engine) -> bool | None:
    try:
        return engine.networks.find("bridge") is not None
    except EngineError:
        return None


def _group_of(path: str) -> tuple[str, ...] | None:
    """Members of the socket's group; None where only root may use it."""
    import grp
    import pwd

    try:
        gid = Path(path).stat().st_gid
        group = grp.getgrgid(gid)
    except (OSError, KeyError):
        return None
    if gid == 0:
        return None
    primary = [user.pw_name for user in pwd.getpwall() if user.pw_gid == gid]
    return tuple(sorted({*group.gr_mem, *primary}))


def _gvisor(engine: EngineFacts) -> str:
    """What `runsc --version` says, where the engine has it; empty if it has none, or it says nothing."""
    from openclaw_sandbox.image.process import run

    path = shutil.which("runsc")
    if engine.info is None or path is None or not any(map(is_gvisor, engine.info.runtimes)):
        return ""
    lines: list[str] = []
    try:
        run([path, "--version"], on_line=lines.append, timeout_s=_QUICK_S)
    except VerbFailedError:
        return ""
    return "\n".join(lines)


def _kernel() -> Kernel:
    about = platform.uname()
    settings = {}
    for name in _SETTINGS:
        try:
            settings[name] = Path("/proc/sys", *name.split(".")).read_text(encoding="ascii").strip()
        except OSError:
            continue
    return Kernel(release=about.release, build=about.version, settings=settings)


# ---- the image


def image_facts(engine: Engine, reference: str, *, now: datetime, offline: bool) -> ImageFacts:
    """The image, and what a sandbox of it tells."""
    found = engine.image(reference)
    if found is None:
        return ImageFacts(reference=reference, found=None)
    inside, problem = look_inside(engine, reference)
    scanner = installed_scanner()
    return ImageFacts(
        reference=reference,
        found=found,
        why_rebuild=_why_rebuild(found, reference),
        age_days=age_days(found, now),
        inside=inside,
        inside_error=problem,
        candidates=host_candidates(found.labels.get(labels.SUITE, "")),
        scanner=scanner,
        scan=scan(scanner, reference) if scanner and not offline else None,
    )


def _why_rebuild(found: ImageInfo, reference: str) -> str:
    for name in ImageName:
        shipped = recipe(name)
        if shipped.reference == reference:
            want = Want(recipe=shipped, base=BaseChoice(kind=BaseKind.AUTO), suite=None, force=False)
            return why_build(want, found) or ""
    return ""


def age_days(image: ImageInfo, now: datetime) -> int | None:
    """By the label; None if it does not say."""
    try:
        return max(0, (now - datetime.fromisoformat(image.labels.get(labels.BUILT_AT, ""))).days)
    except (ValueError, TypeError):
        return None


# ---- containers and state


def container_facts(fleet: Fleet) -> ContainerFacts:
    """Everything with the sandbox label."""
    found: dict[State, list[str]] = {}
    foreign, drifted, running, browsers = [], [], [], []
    impostors = tuple(c.name for c in fleet.containers() if _is_impostor(c))
    for item in (item for kind in Kind for item in fleet.items(kind)):
        if item.name in impostors:
            continue
        found.setdefault(item.state, []).append(item.name)
        if item.state is State.FOREIGN:
            foreign.append((item.name, item.state_dir or "nobody knows whom"))
        elif item.ours and item.observed is not None:
            verdict = fleet.verdict(item)
            if verdict.match is Match.DRIFTED:
                drifted.append((item.name, verdict.reason))
            inspected = fleet.engine.inspect(item.observed.id) if item.running else None
            if inspected is not None:
                running.append(inspected)
                if item.kind is Kind.BROWSER:
                    browsers.append(inspected)
    return ContainerFacts(
        running=tuple(running),
        browsers=tuple(browsers),
        drifted=tuple(drifted),
        orphans=tuple(found.get(State.ORPHAN, ())),
        half_made=tuple(found.get(State.HALF_MADE, ())),
        foreign=tuple(foreign),
        impostors=impostors,
    )


def _is_impostor(container: Observed) -> bool:
    """Neither tool makes a sandbox without a session key."""
    return not container.labels.get(labels.SESSION_KEY)


def registry_problem(state_dir: Path) -> tuple[str, str]:
    """What is wrong with the registry's files, without mending them; and what only their owner can do."""
    from openclaw_sandbox.lifecycle import registry_file

    for kind in Kind:
        path = state_dir / "sandbox" / f"{kind.value}.json"
        try:
            registry_file.read(path)
        except registry_file.DamagedError:
            return f"The registry {path} is damaged.", ""
        except StateFileError as error:
            return error.brief, error.hint or "Look at that file."
    return "", ""


def _workspaces(policies: tuple[EffectivePolicy, ...]) -> Iterator[tuple[str, str, str]]:
    for policy in policies:
        if errors(policy.findings):
            continue  # `run` refuses it before it comes to the workspace
        try:
            plan_user(policy)
        except SandboxError as error:
            yield policy.agent_id, error.brief, error.hint


def _completion() -> bool | None:
    """Whether this user's shell completes the tool's words."""
    shell = Path(os.environ.get("SHELL", "")).name
    home = Path(os.environ.get("HOME", "/nonexistent"))
    places = {
        "bash": (
            "/usr/share/bash-completion/completions/openclaw-sandbox",
            ".bash_completions/openclaw-sandbox.sh",
        ),
        "zsh": ("/usr/share/zsh/site-functions/_openclaw-sandbox", ".zfunc/_openclaw-sandbox"),
        "fish": (".config/fish/completions/openclaw-sandbox.fish",),
    }
    if shell not in places:
        return None
    return any((home / place).exists() for place in places[shell])
