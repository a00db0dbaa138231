"""What the helpers are: their names, labels and containers. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox import __version__
from openclaw_sandbox.egress.image import CODE_DIR, build_digest
from openclaw_sandbox.egress.network import NETWORK
from openclaw_sandbox.egress.settings import LOG_FILE, SETTINGS_FILE, SOCKET_FILE
from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.image.recipes import GATEWAY_REFERENCE
from openclaw_sandbox.policy.egress import PROXY_PORT
from openclaw_sandbox.spec import labels
from openclaw_sandbox.spec.build import state_hash
from openclaw_sandbox.spec.model import (
    BindMount,
    ContainerSpec,
    LogDriver,
    LogSpec,
    RestartPolicy,
    SeccompSpec,
    UlimitSpec,
)
from openclaw_sandbox.spec.seccomp import profile_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openclaw_sandbox.egress.place import Place
    from openclaw_sandbox.engine.base import ImageInfo, Observed
    from openclaw_sandbox.policy.model import EffectivePolicy

GATEWAY_ROLE, FORWARDER_ROLE = "egress-gateway", "egress-forwarder"
#: On helpers: the gateway they are, or belong to. On forwarders: the container whose loopback they serve.
KEY, FOR = "openclaw-sandbox.egress", "openclaw-sandbox.for"

_NOBODY = "65534:65534"
_MIB = 1 << 20
_LOG = LogSpec(driver=LogDriver.JSON_FILE, max_bytes=_MIB, max_files=1)  # what Python itself may print


def gateway_spec(policy: EffectivePolicy, place: Place, image: ImageInfo) -> ContainerSpec:
    """The gateway of a policy."""
    spec = _spec(
        name=f"{policy.container_prefix}egress-{place.key}",
        arguments=("gateway", build_digest()),
        said={
            labels.ROLE: GATEWAY_ROLE,
            KEY: place.key,
            **_owner(policy),
        },
        mounts=(
            _mount(str(place.settings_dir), SETTINGS_FILE, read_only=True),
            _mount(str(place.socket_dir), SOCKET_FILE, read_only=False),
            _mount(str(place.log_dir), LOG_FILE, read_only=False),
        ),
        network=NETWORK,
        image=image,
    )
    return replace(spec, dns=policy.hardening.dns)


def forwarder_name(policy: EffectivePolicy, container_id: str) -> str:
    """The forwarder of a sandbox is found by the sandbox's id: names of sandboxes change hands."""
    return f"{policy.container_prefix}egress-to-{container_id[:12]}"


def ticket_of(place: Place, sandbox: Observed) -> str:
    """What a forwarder is known by: of this sandbox, since its last start, with this code and gateway."""
    text = " ".join((sandbox.id, sandbox.started_at, build_digest(), place.key))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def without_sandbox(forwarders: Iterable[Observed], containers: Iterable[Observed]) -> list[Observed]:
    """The forwarders that serve nobody: their sandbox is not among `containers`, or its only command is over.

    `containers` were looked up after `forwarders`.
    """
    served = {container.id for container in containers if not _is_over(container)}
    return [forwarder for forwarder in forwarders if forwarder.labels.get(FOR) not in served]


def _is_over(container: Observed) -> bool:
    over = container.state in (ContainerState.EXITED, ContainerState.DEAD)
    return over and container.labels.get(labels.ROLE) == labels.JOB


def forwarder_spec(
    policy: EffectivePolicy, place: Place, sandbox: Observed, image: ImageInfo
) -> ContainerSpec:
    """The forwarder of a running sandbox."""
    return _spec(
        name=forwarder_name(policy, sandbox.id),
        arguments=("forwarder", sandbox.name, ticket_of(place, sandbox), str(PROXY_PORT)),
        said={
            labels.ROLE: FORWARDER_ROLE,
            KEY: place.key,
            FOR: sandbox.id,
            **_owner(policy),
        },
        mounts=(_mount(str(place.socket_dir), SOCKET_FILE, read_only=True),),
        network=f"container:{sandbox.id}",
        image=image,
    )


def _spec(
    *,
    name: str,
    arguments: tuple[str, ...],
    said: Mapping[str, str],
    mounts: tuple[BindMount, ...],
    network: str,
    image: ImageInfo,
) -> ContainerSpec:
    return ContainerSpec(
        name=name,
        image=GATEWAY_REFERENCE,
        command=("python3", "-I", CODE_DIR, *arguments),
        labels=said,
        user=_NOBODY,
        workdir="/",
        env={},
        mounts=mounts,
        tmpfs=(),
        read_only_root=True,
        network=network,
        cap_drop=("ALL",),
        seccomp=SeccompSpec(name="openclaw-sandbox", profile=profile_json(image.architecture)),
        pids_limit=64,
        memory_bytes=256 * _MIB,
        memory_swap_bytes=256 * _MIB,
        ulimits=(UlimitSpec(name="core", soft=0, hard=0),),
        shm_bytes=_MIB,
        init=False,
        restart=RestartPolicy.UNLESS_STOPPED,
        log=_LOG,
    )


def _owner(policy: EffectivePolicy) -> dict[str, str]:
    return {
        labels.STATE: state_hash(str(policy.state_dir)),
        labels.STATE_DIR: str(policy.state_dir),
        labels.VERSION: __version__,
    }


def _mount(source: str, file: str, *, read_only: bool) -> BindMount:
    folder = file.rpartition("/")[0]
    return BindMount(source=source, destination=folder, read_only=read_only, key="egress")
