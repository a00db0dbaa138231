"""Detached commands: each is the main process of a container of its own, with a bounded log."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import EngineError, UsageError
from openclaw_sandbox.lifecycle.blueprint import masks_fixed
from openclaw_sandbox.lifecycle.gate import gate_of, gated, open_gate, refuse_lost_names
from openclaw_sandbox.lifecycle.make import create, discard, finish, own_name
from openclaw_sandbox.lifecycle.starting import start
from openclaw_sandbox.lifecycle.way_out import close_way_out, open_way_out
from openclaw_sandbox.policy.environment import is_secret
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import exec_env, state_hash
from openclaw_sandbox.spec.model import LogDriver, LogSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.ensure import Blueprint
    from openclaw_sandbox.lifecycle.run import Listener, RunRequest
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec

_LOG = LogSpec(driver=LogDriver.JSON_FILE, max_bytes=10 << 20, max_files=3)


def start_job(blueprint: Blueprint, request: RunRequest, engine: Engine, *, listener: Listener) -> str:
    """Start the command and return the name of its container.

    With allowed hosts it starts when its way out is proven.

    Raises:
        UsageError: something that was asked for could not be kept once this tool has ended.
        EngineError: the container could not be made; nothing is left.
    """
    refuse_what_cannot_last(blueprint.policy, request)
    policy = blueprint.policy
    with contextlib.ExitStack() as undoing:
        with masks_fixed(blueprint, engine) as drawn:
            spec = _job_spec(drawn, request)
            container_id, warnings = create(spec, drawn, engine)
            undoing.callback(_undo, container_id, policy, engine)
        _start(container_id, spec, policy, engine, log=listener.debug)
        undoing.pop_all()
    finish(container_id)
    for warning in warnings:
        listener.warn(warning)
    return spec.name


def _undo(container_id: str, policy: EffectivePolicy, engine: Engine) -> None:
    with contextlib.suppress(EngineError):  # what cannot be removed now is when somebody next looks
        discard(container_id, engine)
        close_way_out(policy, engine, container_id)


def _job_spec(blueprint: Blueprint, request: RunRequest) -> ContainerSpec:
    plain = replace(
        blueprint.spec,
        name=own_name(blueprint.spec.name, "job"),
        command=request.argv,
        env={**blueprint.spec.env, **exec_env(blueprint.policy, request.env)},
        user=request.user or blueprint.spec.user,
        workdir=request.workdir or blueprint.spec.workdir,
        labels={**blueprint.spec.labels, labels.ROLE: labels.JOB},
        log=_LOG,
        stop_signal="SIGTERM",
    )
    return plain if blueprint.policy.egress is None else gated(plain)


def _start(
    container_id: str,
    spec: ContainerSpec,
    policy: EffectivePolicy,
    engine: Engine,
    *,
    log: Callable[[str], None],
) -> None:
    if policy.egress is None:
        start(engine, container_id, spec)
        return
    with gate_of(container_id, engine) as gate:
        start(engine, container_id, spec)
        open_way_out(policy, engine, container_id, log=log)
        open_gate(gate)


def refuse_what_cannot_last(policy: EffectivePolicy, request: RunRequest) -> None:
    """Nothing is accepted and then ignored: a detached command outlives whoever would enforce these.

    Raises:
        UsageError: names what does not go with --detach.
    """
    secret = [
        *policy.hardening.secret_env,
        *(name for name, value in request.env.items() if is_secret(name, value)),
    ]
    if secret:
        raise UsageError(
            f"--detach cannot pass {secret[0]}: it looks like a secret, and would stand in `docker inspect`.",
            hint="Leave --detach out, or hand the secret over in a file in the workspace.",
        )
    for wanted, flag in (
        (request.timeout_s is not None, _who_said(policy, "timeout", "--timeout")),
        (request.output_limit is not None, _who_said(policy, "logging.max_output_size", "--max-output")),
        (request.tty, "--tty"),
        (policy.hardening.setup_command is not None, "docker.setupCommand"),
    ):
        if wanted:
            raise UsageError(
                f"{flag} does not go with --detach: nobody would be there to enforce it.",
                hint="Leave one of the two out. A run without --detach can stay in a shell's background.",
            )
    if policy.egress is not None:
        refuse_lost_names({**policy.hardening.env, **request.env})


def _who_said(policy: EffectivePolicy, key: str, flag: str) -> str:
    """The config's key with its place, if a file asks for it; else the flag."""
    value = policy.values.get(key)
    return f"{key} ({value.origin.text()})" if value is not None and value.origin.file else flag


def find_job(name: str, state_dir: str, engine: Engine) -> Observed:
    """The detached command of this name, or of a unique end of it.

    Raises:
        UsageError: none or several have it, or it is not a detached command of this state folder.
    """
    if not name.strip():  # every name ends so: a script's unset variable must not stop what is there
        raise UsageError("NAME must not be blank.", hint="It is what `run --detach` printed.")
    ours = engine.list(
        labels=[f"{labels.ROLE}={labels.JOB}", f"{labels.STATE}={state_hash(state_dir)}"], all_states=True
    )
    found = [job for job in ours if job.name == name] or [job for job in ours if job.name.endswith(name)]
    if len(found) != 1:
        known = ", ".join(sorted(job.name for job in ours)) or "none"
        problem = "There is no" if not found else "There are several"
        raise UsageError(
            f"{problem} detached command {name!r}.",
            hint=f"Known: {known}. Start one: openclaw-sandbox run --detach -- CMD",
        )
    observed = engine.inspect(found[0].id)
    if observed is None:
        raise EngineError(f"The detached command {name!r} was removed just now.")
    return observed


def stop_job(job: Observed, engine: Engine, *, grace_s: float, remove: bool) -> bool:
    """Ask the command to end, kill it after `grace_s` seconds; its way out goes too.

    True: with `remove`, its container and its log are gone as well.

    Raises:
        EngineError: the engine could not.
    """
    engine.stop(job.id, grace_s=grace_s)
    removed = remove and engine.remove(job.id, force=True)
    if labels.GATED in job.labels:
        from openclaw_sandbox.egress.service import drop_forwarder

        drop_forwarder(engine, job.id)
    return removed


def is_over(job: Observed) -> bool:
    """Whether its main process has ended."""
    return job.state in (ContainerState.EXITED, ContainerState.DEAD)
