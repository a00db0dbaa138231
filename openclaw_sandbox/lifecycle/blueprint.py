"""The desired container, complete: what `plan_ensure` compares with and `create` is given."""

from __future__ import annotations

import contextlib
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import (
    ConfigError,
    EngineError,
    ImageMissingError,
    SandboxError,
    WorkspaceError,
)
from openclaw_sandbox.lifecycle import plan as planning
from openclaw_sandbox.lifecycle.devices import block_devices
from openclaw_sandbox.lifecycle.hiding import prepare_hiding
from openclaw_sandbox.lifecycle.shared import folders_fixed, masked_folders, room_for
from openclaw_sandbox.lifecycle.volume import host_objection
from openclaw_sandbox.lifecycle.volume_work import stand_volume
from openclaw_sandbox.lifecycle.workspace import plan_user, prepare_workspace
from openclaw_sandbox.policy.model import Scope, SeccompKind
from openclaw_sandbox.policy.mounts import mounts_of
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import BuildContext, build_spec, limits_rates, spec_hashes, state_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openclaw_sandbox.engine.base import Engine, ImageInfo, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """The desired container, complete: what `plan_ensure` compares and `create` is given."""

    policy: EffectivePolicy = field(repr=False)
    spec: ContainerSpec
    image_id: str
    architecture: str
    desired: planning.Desired
    #: Why the workspace is no volume, although the policy asks for one and permits that there is none.
    no_volume: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What is known only when everything else is."""
        return {
            labels.SPEC: self.desired.spec_hash,
            labels.PARTS: planning.parts_label(self.desired.parts),
        }


def draw_blueprint(
    policy: EffectivePolicy,
    engine: Engine,
    *,
    now_ms: int,
    touch: bool = True,
    on_displaced: Callable[[Observed], None] = lambda _container: None,
    log: Callable[[str], None] = lambda _line: None,
) -> Blueprint:
    """Everything the container needs, decided. `touch=False` makes and changes nothing on the host.

    A new folder under a workspace that a shared sandbox sees displaces that sandbox, which `on_displaced`
    hears of once the folder is there: it may make it anew, masked.

    Raises:
        ImageMissingError: the image is not in the local store.
        WorkspaceError: the workspace cannot be used as the policy promises.
        SandboxBusyError: a shared sandbox would see the new workspace, or the sandbox would miss its new
            volume, and a command runs in it.
        SpecRefusedError: the workspace is to be a volume, and cannot be one on this machine.
        ConfigError: the seccomp profile's file cannot be used.
    """
    refuse_remote(engine)
    _refuse_other_than_utf8(policy)
    image = engine.image(policy.hardening.image)
    if image is None:
        raise missing_image(policy.hardening.image)
    if not touch:
        profile = seccomp_profile(policy, image.architecture)
        drawn = blueprint_of(policy, image, user=plan_user(policy), profile=profile, now_ms=now_ms)
        return replace(drawn, no_volume=host_objection(policy, engine.info))
    user, no_volume = _make_room(policy, engine, on_displaced, log)
    profile = seccomp_profile(policy, image.architecture)
    drawn = blueprint_of(policy, image, user=user, profile=profile, now_ms=now_ms, touch=True)
    return replace(drawn, no_volume=no_volume)


def _make_room(
    policy: EffectivePolicy,
    engine: Engine,
    on_displaced: Callable[[Observed], None],
    log: Callable[[str], None],
) -> tuple[str, str]:
    """Make the workspace; the `uid:gid` that can use it, and why it is no volume although it is to be one.

    Who went for it is told of even if that fails.
    """
    displaced: tuple[Observed, ...] = ()
    try:
        with room_for(policy, engine) as displaced:
            no_volume = stand_volume(policy, engine, log)
            user = prepare_workspace(policy)
    except SandboxError:
        _tell(displaced, on_displaced)
        raise
    _tell(displaced, on_displaced)
    return user, no_volume


def _tell(displaced: tuple[Observed, ...], on_displaced: Callable[[Observed], None]) -> None:
    for container in displaced:
        on_displaced(container)


def blueprint_of(
    policy: EffectivePolicy,
    image: ImageInfo,
    *,
    user: str,
    profile: str | None,
    now_ms: int,
    touch: bool = False,
) -> Blueprint:
    """The blueprint for an image, a user and a syscall filter that are known; `touch` as above.

    Raises:
        WorkspaceError: a shared workspace cannot be looked into.
    """
    hiding = prepare_hiding(policy, touch=touch)
    context = BuildContext(
        user=user,
        seccomp_profile=profile,
        created_at_ms=now_ms,
        masked=masked_folders(policy),
        devices=_devices(policy),
        hidden_files=hiding.files,
        empty_file=hiding.empty_file,
    )
    spec = build_spec(policy, context)
    whole, parts = spec_hashes(spec, image.id)
    desired = planning.Desired(
        name=spec.name,
        spec_hash=whole,
        config_hash=policy.config_hash,
        state_hash=state_hash(str(policy.state_dir)),
        state_dir=str(policy.state_dir),
        workdir=spec.workdir,
        workspace_dir=str(policy.workspace.workspace_dir),
        version=__version__,
        parts=parts,
    )
    return Blueprint(
        policy=policy, spec=spec, image_id=image.id, architecture=image.architecture, desired=desired
    )


def _devices(policy: EffectivePolicy) -> tuple[str, ...]:
    """The disks that the sandbox can write to, if their rates are limited."""
    if not limits_rates(policy):
        return ()
    folders = [mount.source for mount in mounts_of(policy) if mount.source is not None]
    return block_devices(folders)


@contextlib.contextmanager
def masks_fixed(blueprint: Blueprint, engine: Engine) -> Iterator[Blueprint]:
    """Hold this while a container of the blueprint is made. Yields it with the folders that are there now.

    Under scope `shared` other scopes' folders are masked, and none is made meanwhile.
    """
    policy = blueprint.policy
    if policy.scope is not Scope.SHARED:
        yield blueprint
        return
    created_at_ms = int(blueprint.spec.volatile_labels[labels.CREATED_AT_MS])
    with folders_fixed(policy.state_dir):
        yield draw_blueprint(policy, engine, now_ms=created_at_ms)


def refuse_remote(engine: Engine) -> None:
    """A bind mount means the engine's host, not this one."""
    if not engine.local:
        raise EngineError(
            f"The engine at {engine.address} is remote, and a sandbox mounts a workspace of this machine.",
            hint="Use a local engine: unset DOCKER_HOST, or docker context use default.",
        )


def _refuse_other_than_utf8(policy: EffectivePolicy) -> None:
    """Engines are told paths in JSON: other bytes would become another path."""
    space = policy.workspace
    folders = (policy.state_dir, space.workspace_dir, space.agent_workspace_dir, space.sandbox_dir)
    for path in (*map(str, folders), *(bind.source for bind in policy.hardening.binds)):
        try:
            path.encode()
        except UnicodeEncodeError:
            raise WorkspaceError(
                f"The path {path!r} is not UTF-8, and an engine takes nothing else.",
                hint="Rename that folder, or choose another one in the config.",
            ) from None


def missing_image(reference: str) -> ImageMissingError:
    """Which command makes the image, as far as it is ours to make."""
    hint = f"Load or build {reference}, or correct docker.image in the config."
    if reference.startswith("openclaw-sandbox-common:"):
        hint = "Make it: openclaw-sandbox setup --image common"
    elif reference.startswith("openclaw-sandbox:"):
        hint = "Make it: openclaw-sandbox setup"
    return ImageMissingError(f"The image {reference} is not on this machine.", hint=hint)


def seccomp_profile(policy: EffectivePolicy, architecture: str) -> str | None:
    """The text of the policy's syscall filter for an architecture; None means the engine's own.

    Raises:
        ConfigError: the profile's file cannot be used, or there is no built-in one for this architecture.
    """
    from openclaw_sandbox.spec.seccomp import load_profile_file, profile_json

    seccomp = policy.hardening.seccomp
    if seccomp.kind is SeccompKind.ENGINE:
        return None
    if seccomp.kind is SeccompKind.OURS:
        return profile_json(architecture, blocked=seccomp.blocked)
    path = Path(seccomp.path or "")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The seccomp profile {path} cannot be read: {error}", hint="Correct docker.seccompProfile."
        ) from None
    return load_profile_file(text, file=str(path), blocked=seccomp.blocked)
