"""Make the policy's container exist and run: exactly one, whoever asks at the same time."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.engine.base import ExecSpec
from openclaw_sandbox.errors import (
    ConfigError,
    EngineError,
    ImageMissingError,
    SandboxBusyError,
    SandboxConflictError,
)
from openclaw_sandbox.lifecycle import plan as planning
from openclaw_sandbox.lifecycle.fit import fit
from openclaw_sandbox.lifecycle.locks import sandbox_lock
from openclaw_sandbox.lifecycle.workspace import plan_user, prepare_workspace
from openclaw_sandbox.policy.model import SeccompKind
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import BuildContext, build_spec, exec_env, spec_hash, state_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec

#: A setup command may install packages; longer than this and it hangs.
SETUP_TIMEOUT_S = 600.0


class SetupFailedError(EngineError):
    """`docker.setupCommand` failed. No container is left."""

    code, reason = "setup.failed", "setup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A running container that is what the policy promises. `made`: it was created for this call."""

    container_id: str
    name: str
    spec: ContainerSpec
    made: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """The desired container, complete: what `plan_ensure` compares and `create` is given."""

    policy: EffectivePolicy = field(repr=False)
    spec: ContainerSpec
    image_id: str
    architecture: str
    desired: planning.Desired

    @property
    def labels(self) -> dict[str, str]:
        """What is known only when everything else is."""
        return {labels.SPEC: self.desired.spec_hash}


def draw_blueprint(policy: EffectivePolicy, engine: Engine, *, now_ms: int, touch: bool = True) -> Blueprint:
    """Everything the container needs, decided. `touch=False` makes and changes nothing on the host.

    Raises:
        ImageMissingError: the image is not in the local store.
        WorkspaceError: the workspace cannot be used as the policy promises.
        ConfigError: the seccomp profile's file cannot be used.
    """
    refuse_remote(engine)
    image = engine.image(policy.hardening.image)
    if image is None:
        raise missing_image(policy.hardening.image)
    user = prepare_workspace(policy) if touch else plan_user(policy)
    context = BuildContext(
        user=user,
        seccomp_profile=seccomp_profile(policy, image.architecture),
        created_at_ms=now_ms,
    )
    spec = build_spec(policy, context)
    desired = planning.Desired(
        name=spec.name,
        spec_hash=spec_hash(spec, image.id),
        config_hash=policy.config_hash,
        state_hash=state_hash(str(policy.state_dir)),
        state_dir=str(policy.state_dir),
        workdir=spec.workdir,
        workspace_dir=str(policy.workspace.workspace_dir),
        version=__version__,
    )
    return Blueprint(
        policy=policy, spec=spec, image_id=image.id, architecture=image.architecture, desired=desired
    )


def refuse_remote(engine: Engine) -> None:
    """A bind mount means the engine's host, not this one."""
    if not engine.local:
        raise EngineError(
            f"The engine at {engine.address} is remote, and a sandbox mounts a workspace of this machine.",
            hint="Use a local engine: unset DOCKER_HOST, or docker context use default.",
        )


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


def ensure(blueprint: Blueprint, engine: Engine, *, log: Callable[[str], None] = lambda _line: None) -> Ready:
    """The running container of the blueprint: kept, started, made, or made anew.

    A warm container costs one call. Everything else happens under a lock per container name, so that any
    number of processes make exactly one.

    Raises:
        SandboxConflictError: the name belongs to somebody else.
        SandboxBusyError: it must be replaced and a command runs in it.
        SpecRefusedError: the engine cannot make it; nothing is left.
        SetupFailedError: the setup command failed; nothing is left.
    """
    action = planning.plan_ensure(blueprint.desired, engine.inspect(blueprint.spec.name))
    if isinstance(action, planning.Keep):
        return Ready(container_id=action.id, name=blueprint.spec.name, spec=blueprint.spec)
    with sandbox_lock(blueprint.policy.state_dir, blueprint.spec.name):
        action = planning.plan_ensure(blueprint.desired, engine.inspect(blueprint.spec.name))
        return _carry_out(action, blueprint, engine, log)


def _carry_out(
    action: planning.Action, blueprint: Blueprint, engine: Engine, log: Callable[[str], None]
) -> Ready:
    ready = Ready(container_id="", name=blueprint.spec.name, spec=blueprint.spec)
    match action:
        case planning.Refuse(error=error):
            raise error
        case planning.Keep(id=container_id):
            return replace(ready, container_id=container_id)
        case planning.Start(id=container_id):
            log(f"starting {blueprint.spec.name}")
            engine.start(container_id)
            return replace(ready, container_id=container_id)
        case planning.Recreate(busy=True, reason=reason):
            raise SandboxBusyError(
                f"The sandbox {blueprint.spec.name} must be replaced ({reason}), and a command runs in it.",
                hint=f"Wait, or end it: openclaw-sandbox recreate --session {blueprint.policy.scope_key}",
            )
        case planning.Recreate(id=container_id, reason=reason):
            log(f"replacing {blueprint.spec.name}: {reason}")
            engine.remove(container_id, force=True)
        case planning.Create():
            log(f"making {blueprint.spec.name}")
    return make(blueprint, engine, log=log)


def make(blueprint: Blueprint, engine: Engine, *, log: Callable[[str], None] = lambda _line: None) -> Ready:
    """Create and start. Whatever fails or interrupts, no container is left that nobody asked for.

    A container with a setup command gets its name only when that command succeeded: until then nobody, the
    gateway included, can take it for ready.
    """
    spec, policy = blueprint.spec, blueprint.policy
    setup = policy.hardening.setup_command
    staged = replace(spec, name=f"{spec.name}-setup-{secrets.token_hex(4)}") if setup else spec
    container_id, warnings = create(staged, blueprint, engine)
    try:
        engine.start(container_id)
        if setup:
            _run_setup(container_id, setup, policy, engine, log)
            engine.rename(container_id, spec.name)
    except BaseException:
        engine.remove(container_id, force=True)
        raise
    return Ready(container_id=container_id, name=spec.name, spec=spec, made=True, warnings=warnings)


def create(spec: ContainerSpec, blueprint: Blueprint, engine: Engine) -> tuple[str, tuple[str, ...]]:
    """Create one container of the blueprint, perhaps under another name; its id and what to tell of it.

    Raises:
        SpecRefusedError: the engine cannot or would not enforce a field. Nothing was made.
    """
    fitted = fit(spec, engine.info(), allowed=blueprint.policy.hardening.allow_unenforced)
    try:
        container_id, warnings = engine.create(fitted.spec, labels=blueprint.labels)
        return container_id, (*fitted.lowered, *fitted.unenforced, *warnings)
    except SandboxConflictError:
        raise SandboxConflictError(
            f"Another program made a container named {spec.name} at this moment.",
            hint="Run the command again.",
        ) from None
    except ImageMissingError:
        raise missing_image(spec.image) from None
    except BaseException as error:
        # The engine may have made it after we stopped listening.
        if not isinstance(error, EngineError) or error.code.startswith("engine."):
            _remove_half_made(spec, blueprint, engine)
        raise


def _remove_half_made(spec: ContainerSpec, blueprint: Blueprint, engine: Engine) -> None:
    try:
        found: Observed | None = engine.inspect(spec.name)
        if found is not None and found.labels.get(labels.SPEC) == blueprint.desired.spec_hash:
            engine.remove(found.id, force=True)
    except EngineError:
        return  # the engine is gone; `prune` finds by label what it made


def _run_setup(
    container_id: str, command: str, policy: EffectivePolicy, engine: Engine, log: Callable[[str], None]
) -> None:
    log(f"running the setup command (at most {SETUP_TIMEOUT_S:g} s)")
    started = time.monotonic()
    spec = ExecSpec(argv=("sh", "-lc", command), env=exec_env(policy, {}), workdir=policy.hardening.workdir)
    result = engine.exec_capture(container_id, spec, timeout_s=SETUP_TIMEOUT_S)
    output = (result.stdout + result.stderr).decode("utf-8", "replace")
    for line in output.splitlines():
        log(f"  {line}")
    if result.exit_code != 0:
        raise SetupFailedError(
            f"docker.setupCommand failed with status {result.exit_code} after "
            f"{time.monotonic() - started:.1f} s; the sandbox was removed.",
            hint="Correct agents.defaults.sandbox.docker.setupCommand, then run again.",
            details=output.splitlines()[-20:],
        )
