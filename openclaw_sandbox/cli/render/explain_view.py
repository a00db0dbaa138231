"""What every page of `explain` is drawn from: one session's policy and where its values come from."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from openclaw_sandbox.cli.render.redact import Redactor
    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.policy.host import HostFacts
    from openclaw_sandbox.policy.model import EffectivePolicy, Finding
    from openclaw_sandbox.policy.paths import PathMap


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One session's policy and everything needed to show it."""

    config: LoadedConfig
    host: HostFacts
    policy: EffectivePolicy
    paths: PathMap
    redactor: Redactor
    sender: str | None = None
    #: What the engine or the host adds to the policy's own findings.
    observed: tuple[Finding, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything worth knowing, worst first."""
        from openclaw_sandbox.policy.findings import by_severity

        return by_severity((*self.policy.findings, *self.observed))

    def why(self) -> str:
        """Why OpenClaw sandboxes this session, or does not; no full stop."""
        from openclaw_sandbox.policy.model import Mode

        policy = self.policy
        is_main = "is" if policy.session_key == policy.main_session_key else "is not"
        if policy.mode is Mode.NON_MAIN:
            return f"mode is non-main, and this {is_main} the main session"
        if policy.sandboxed_by_openclaw and policy.mode is Mode.OFF:
            return "the default agent, who owns the global session, is sandboxed"
        who = "is" if policy.values["mode"].overridden else "is by default"
        return f"mode {who} {policy.mode.value}"

    def sender_document(self) -> dict[str, Any]:
        """For --sender: whether elevated lets him through."""
        from openclaw_sandbox.policy.elevated import sender_verdict

        if self.sender is None:
            return {}
        allowed = sender_verdict(self.policy.elevated, self.config.data, self.sender)
        return {"sender": {"name": self.sender, "allowed": allowed}}

    def create_args(self) -> list[str]:
        """The `docker create` arguments of the container that `run` would make."""
        from openclaw_sandbox.cli.render.create_args import create_args

        return create_args(self.policy)
