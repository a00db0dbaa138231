"""On the host: the gateway of a policy and the forwarder of a sandbox exist, run, and are provably well."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_sandbox.egress.helpers import (
    FOR,
    FORWARDER_ROLE,
    GATEWAY_ROLE,
    KEY,
    forwarder_spec,
    gateway_spec,
    ticket_of,
    without_sandbox,
)
from openclaw_sandbox.egress.host import host_proxy, own_addresses
from openclaw_sandbox.egress.image import build_digest
from openclaw_sandbox.egress.network import NETWORK, ensure_network
from openclaw_sandbox.egress.place import Place, place_of
from openclaw_sandbox.egress.settings import Settings
from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.errors import (
    ConfigError,
    EgressError,
    EngineError,
    ImageMissingError,
    SandboxConflictError,
    SandboxGoneError,
)
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE
from openclaw_sandbox.policy.egress import PROXY_PORT
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import spec_hash, state_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_sandbox.egress.place import Health
    from openclaw_sandbox.engine.base import Engine, ImageInfo, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy
    from openclaw_sandbox.spec.model import ContainerSpec

_READY_S = 20.0
_RECOVER_S = 5.0  # a gateway that died is back before this
_POLL_S = 0.01
_GRACE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that answered just now with the policy's own digest."""

    policy: EffectivePolicy
    place: Place
    health: Health


def ensure_gateway(
    policy: EffectivePolicy,
    engine: Engine,
    *,
    env: Mapping[str, str],
    log: Callable[[str], None] = lambda _line: None,
) -> Gateway:
    """The gateway of the policy, running and proven. A warm one costs one look at its socket.

    `env` is the environment whose proxy settings are the host's.

    Raises:
        ConfigError: the policy asks for a network of its own beside the gateway.
        ImageMissingError: the helpers' image is absent or was made by another version.
        EgressError: no gateway could be made that answers. The sandbox stays without a network.
    """
    if policy.egress is None:
        raise EgressError("This sandbox has no egress: no hosts are allowed.")
    if policy.hardening.network != "none":
        raise ConfigError(
            f'docker.network "{policy.hardening.network}" and a list of allowed hosts exclude each other.',
            hint='Set docker.network to "none": the gateway is the way out.',
        )
    place = place_of(policy)
    settings = Settings(policy=policy.egress, own_addresses=own_addresses(), proxy=host_proxy(env))
    place.write_settings(settings.text())
    health = _good(place, policy)
    if health is None:
        with _lock(place):
            health = _good(place, policy) or _make_gateway(policy, place, engine, log)
    return Gateway(policy=policy, place=place, health=health)


def ensure_forwarder(
    gateway: Gateway,
    engine: Engine,
    container_id: str,
    *,
    called: str = "",
    log: Callable[[str], None] = lambda _line: None,
) -> None:
    """A forwarder on the loopback of a running sandbox, and the gateway knows that it listens.

    `called`: the sandbox's name in the log, if it will have another one than now.

    Raises:
        SandboxGoneError: the sandbox does not run, or stops meanwhile.
        EgressError: the forwarder does not come up.
    """
    sandbox = engine.inspect(container_id)
    if sandbox is None or not sandbox.running:
        raise _gone()
    sandbox = replace(sandbox, name=called or sandbox.name)
    ticket = ticket_of(gateway.place, sandbox)
    if ticket in gateway.health.forwarders:
        return
    with _lock(gateway.place):
        found = gateway.place.health()
        if found is not None and ticket in found.forwarders:
            return
        _remove_orphans(engine, state_hash(str(gateway.policy.state_dir)))
        drop_forwarder(engine, sandbox.id)
        log("opening the way to the egress gateway")
        try:
            made = _start(forwarder_spec(gateway.policy, gateway.place, sandbox, _image(engine)), engine)
            try:
                _await_forwarder(gateway.place, engine, made, ticket)
            except BaseException:
                engine.remove(made, force=True)
                raise
        except EngineError:
            if not _still_runs(sandbox, engine):
                raise _gone() from None
            raise


def _still_runs(sandbox: Observed, engine: Engine) -> bool:
    """Whether it has been running all the time: another start has another network."""
    now = engine.inspect(sandbox.id)
    return now is not None and now.running and now.started_at == sandbox.started_at


def _gone() -> SandboxGoneError:
    return SandboxGoneError(
        "The sandbox was stopped or removed before it had its way out.", hint="Run the command again."
    )


def drop_forwarder(engine: Engine, container_id: str) -> None:
    """Remove the forwarder of a sandbox that is going; none is fine."""
    for found in engine.list(labels=[f"{labels.ROLE}={FORWARDER_ROLE}", f"{FOR}={container_id}"]):
        engine.remove(found.id, force=True)


def drop_gateway(policy: EffectivePolicy, engine: Engine) -> None:
    """Remove the gateway of a policy that nobody will use again, unless a sandbox does."""
    key = place_of(policy).key
    if not engine.list(labels=[f"{labels.ROLE}={FORWARDER_ROLE}", f"{KEY}={key}"]):
        for gateway in engine.list(labels=[f"{labels.ROLE}={GATEWAY_ROLE}", f"{KEY}={key}"]):
            engine.remove(gateway.id, force=True)


def remove_unused(engine: Engine, state: str) -> list[str]:
    """Remove forwarders without a sandbox, gateways without a forwarder, and their network; the names.

    `state` is the hash of the state folder whose gateways may go. One that was just made stays: the sandbox
    that it is for may not have its forwarder yet.
    """
    gone = _remove_orphans(engine, state)
    used = {helper.labels.get(KEY) for helper in engine.list(labels=[f"{labels.ROLE}={FORWARDER_ROLE}"])}
    gateways = engine.list(labels=[f"{labels.ROLE}={GATEWAY_ROLE}"])
    newest_ms = (time.time() - _GRACE_S) * 1000
    for gateway in gateways:
        ours = gateway.labels.get(labels.STATE) == state and gateway.created_at_ms < newest_ms
        if ours and gateway.labels.get(KEY) not in used:
            engine.remove(gateway.id, force=True)
            gone.append(gateway.name)
    if len(gateways) == len([name for name in gone if name in {g.name for g in gateways}]):
        engine.networks.remove(NETWORK)
    return gone


def _remove_orphans(engine: Engine, state: str) -> list[str]:
    """Forwarders that serve nobody are removed by nobody else."""
    forwarders = engine.list(labels=[f"{labels.ROLE}={FORWARDER_ROLE}", f"{labels.STATE}={state}"])
    orphans = without_sandbox(forwarders, engine.list()) if forwarders else []
    for orphan in orphans:
        engine.remove(orphan.id, force=True)
    return [orphan.name for orphan in orphans]


# ---- the gateway


def _good(place: Place, policy: EffectivePolicy) -> Health | None:
    """The gateway's answer if it is the right gateway."""
    health = place.health()
    assert policy.egress is not None  # noqa: S101  (both callers have looked)
    right = health is not None and (health.digest, health.build) == (policy.egress.digest, build_digest())
    return health if right else None


def _make_gateway(
    policy: EffectivePolicy, place: Place, engine: Engine, log: Callable[[str], None]
) -> Health:
    image = _image(engine)
    spec = gateway_spec(policy, place, image)
    observed = engine.inspect(spec.name)
    if observed is not None and observed.labels.get(labels.STATE) != spec.labels[labels.STATE]:
        raise SandboxConflictError(
            f"The container {spec.name} exists and is not this state folder's egress gateway.",
            hint="Remove or rename it, or set another docker.containerPrefix in the config.",
        )
    same = observed is not None and observed.labels.get(labels.SPEC) == spec_hash(spec, image.id)
    if observed is not None and same and observed.state is not ContainerState.PAUSED:
        # The engine restarts what died by itself; what was stopped by hand it leaves alone.
        engine.start(observed.id)
        if (health := _wait(place, policy, _RECOVER_S)) is not None:
            return health
    if observed is not None:
        log(f"replacing the egress gateway {spec.name}")
        engine.remove(observed.id, force=True)
    else:
        log(f"making the egress gateway {spec.name}")
    made = _start_in_network(spec, engine, {labels.SPEC: spec_hash(spec, image.id)})
    health = _wait(place, policy, _READY_S)
    if health is None:
        said = _last_words(engine, made)
        engine.remove(made, force=True)
        raise EgressError(
            "The egress gateway does not answer. The sandbox has no way out, so nothing was run.",
            hint="Make its image again: openclaw-sandbox setup --force",
            details=said,
        )
    return health


def _start_in_network(spec: ContainerSpec, engine: Engine, said: Mapping[str, str]) -> str:
    """Another process may remove the network as unused between our look and our container."""
    ensure_network(engine.networks)
    try:
        return _start(spec, engine, labels_=said)
    except EngineError:
        if engine.networks.find(NETWORK) is not None:
            raise
    ensure_network(engine.networks)
    return _start(spec, engine, labels_=said)


def _wait(place: Place, policy: EffectivePolicy, timeout_s: float) -> Health | None:
    deadline = time.monotonic() + timeout_s
    while (health := _good(place, policy)) is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return health


# ---- the forwarder


def _await_forwarder(place: Place, engine: Engine, container_id: str, ticket: str) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        health = place.health()
        if health is not None and ticket in health.forwarders:
            return
        time.sleep(_POLL_S)
    raise EgressError(
        f"The way to the egress gateway does not open: nothing listens on port {PROXY_PORT} in the sandbox.",
        hint=f"Does a program in the sandbox listen on port {PROXY_PORT} itself?",
        details=_last_words(engine, container_id),
    )


# ---- both


def _image(engine: Engine) -> ImageInfo:
    image = engine.image(GATEWAY_REFERENCE)
    if image is None:
        raise ImageMissingError(
            f"The image {GATEWAY_REFERENCE} is not on this machine.", hint="Make it: openclaw-sandbox setup"
        )
    if image.labels.get(labels.RECIPE) != build_digest():
        raise ImageMissingError(
            f"The image {GATEWAY_REFERENCE} was made by another version of this tool.",
            hint="Make it again: openclaw-sandbox setup",
        )
    return image


def _start(spec: ContainerSpec, engine: Engine, *, labels_: Mapping[str, str] | None = None) -> str:
    made, _ = engine.create(spec, labels=labels_ or {})
    try:
        engine.start(made)
    except BaseException:
        engine.remove(made, force=True)
        raise
    return made


def _last_words(engine: Engine, container_id: str) -> list[str]:
    said = bytearray()
    try:
        engine.logs(container_id, said.extend, said.extend, follow=False, tail=5)
    except EngineError:
        return []
    return bytes(said).decode("utf-8", "replace").splitlines()


@contextlib.contextmanager
def _lock(place: Place) -> Iterator[None]:
    """One maker per gateway, across processes."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(place.root / "lock", timeout=3 * _READY_S):
            yield
    except Timeout:
        raise EgressError(
            "Another process has been making the egress gateway for too long.", hint="Run the command again."
        ) from None
