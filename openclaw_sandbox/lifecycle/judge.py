"""Is a container still the one that the config asks for?"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import EngineUnavailableError, SandboxError
from openclaw_sandbox.lifecycle import plan as planning
from openclaw_sandbox.lifecycle.blueprint import blueprint_of, seccomp_profile
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.stock import Role, State
from openclaw_sandbox.lifecycle.workspace import plan_user
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from openclaw_sandbox.engine.base import Engine, ImageInfo, Observed
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.lifecycle.stock import Item
    from openclaw_sandbox.policy.model import EffectivePolicy, Seccomp


class Match(enum.Enum):
    """The answer in one word."""

    MATCHES = "none"
    DRIFTED = "drifted"
    UNUSED = "unused"  # the config makes no such container any more
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a container compares with its policy. None: that could not be compared."""

    match: Match
    reason: str = ""
    parts: tuple[str, ...] = ()
    image_match: bool | None = None
    config_match: bool | None = None
    wanted_image: str = ""
    wanted_image_id: str = ""
    workspace_dir: str = ""


class Judge:
    """Compares containers with the policies of one config; images and filters are looked up once."""

    def __init__(self, policies: Policies, engine: Engine) -> None:
        self._policies, self._engine = policies, engine
        self._images: dict[str, ImageInfo | None] = {}
        self._profiles: dict[tuple[Seccomp, str], str | None] = {}

    def verdict(self, item: Item) -> Verdict:
        """Whether the container is what its policy promises.

        Raises:
            EngineUnavailableError: the engine does not answer.
        """
        if (aside := _not_compared(item)) is not None:
            return aside
        found = self._policies.of_scope(item.scope_key, item.agent_hint)
        if found.policy is None:
            match = Match.UNUSED if found.unused else Match.UNKNOWN
            return Verdict(match=match, reason=found.why_not, workspace_dir=_mounted_workspace(item.observed))
        if item.kind is Kind.BROWSER:
            return self._browser(item, found.policy)
        return self._container(item, found.policy)

    def _container(self, item: Item, policy: EffectivePolicy) -> Verdict:
        image = self._image(policy.hardening.image)
        workspace = str(policy.workspace.workspace_dir)
        wanted = policy.hardening.image
        if item.observed is None or image is None:
            reason = "" if item.observed is None else f"the image {wanted} is not on this machine"
            return Verdict(match=Match.UNKNOWN, reason=reason, wanted_image=wanted, workspace_dir=workspace)
        try:
            profile = self._profile(policy, image.architecture)
            user = plan_user(policy)
            desired = blueprint_of(policy, image, user=user, profile=profile, now_ms=0).desired
        except EngineUnavailableError:
            raise
        except SandboxError as error:
            return Verdict(
                match=Match.UNKNOWN, reason=error.brief, wanted_image=wanted, workspace_dir=workspace
            )
        return _compared(item.observed, desired, image, wanted)

    def _browser(self, item: Item, policy: EffectivePolicy) -> Verdict:
        """A browser's settings are not part of the policy yet: its image is what can be compared."""
        wanted = str(policy.openclaw["browser"]["image"])
        image = self._image(wanted)
        if item.observed is None or image is None:
            return Verdict(match=Match.UNKNOWN, wanted_image=wanted)
        same = item.observed.image_id == image.id
        return Verdict(
            match=Match.MATCHES if same else Match.DRIFTED,
            parts=() if same else ("image",),
            reason="" if same else "its image changed",
            image_match=same,
            wanted_image=wanted,
            wanted_image_id=image.id,
            workspace_dir=_mounted_workspace(item.observed),
        )

    def _profile(self, policy: EffectivePolicy, architecture: str) -> str | None:
        key = (policy.hardening.seccomp, architecture)
        if key not in self._profiles:
            self._profiles[key] = seccomp_profile(policy, architecture)
        return self._profiles[key]

    def _image(self, reference: str) -> ImageInfo | None:
        if reference not in self._images:
            self._images[reference] = self._engine.image(reference)
        return self._images[reference]


def _not_compared(item: Item) -> Verdict | None:
    """Containers that no policy of this state folder describes."""
    if item.state is State.FOREIGN:
        reason = "it belongs to another state folder"
    elif item.state is State.ELSEWHERE:
        reason = "another backend keeps it"
    elif item.role not in (Role.SANDBOX, Role.BROWSER):
        reason = "it is there for one command"
    else:
        return None
    return Verdict(match=Match.UNKNOWN, reason=reason, workspace_dir=_mounted_workspace(item.observed))


def _compared(observed: Observed, desired: planning.Desired, image: ImageInfo, wanted: str) -> Verdict:
    renamed = observed.name != desired.name
    difference = planning.drift(desired, observed)
    reason = f"its name would be {desired.name} now" if renamed else difference.reason if difference else ""
    return Verdict(
        match=Match.UNUSED if renamed else Match.DRIFTED if difference else Match.MATCHES,
        reason=reason,
        parts=difference.parts if difference else (),
        image_match=observed.image_id == image.id,
        config_match=observed.labels.get(labels.CONFIG_HASH) == desired.config_hash,
        wanted_image=wanted,
        wanted_image_id=image.id,
        workspace_dir=desired.workspace_dir,
    )


def _mounted_workspace(observed: Observed | None) -> str:
    """What stands at the usual place, or the first folder of the host that is mounted at all."""
    binds = [mount for mount in observed.mounts if mount.kind == "bind"] if observed else []
    usual = [mount.source for mount in binds if mount.destination == "/workspace"]
    return next(iter(usual or [mount.source for mount in binds]), "")
