"""From a container back to the policy that asks for it: one resolution per agent, however many containers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError, UnknownAgentError
from openclaw_sandbox.policy import sessions
from openclaw_sandbox.policy.agents import configured_agents, default_agent
from openclaw_sandbox.policy.model import Scope
from openclaw_sandbox.policy.naming import SHARED, user_path
from openclaw_sandbox.policy.rescope import for_session, text_of_docker
from openclaw_sandbox.policy.resolve import resolve
from openclaw_sandbox.policy.sandbox_block import DEFAULTS

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.policy.host import HostFacts
    from openclaw_sandbox.policy.model import EffectivePolicy

#: OpenClaw 2026.9 puts the workspace, or the principal, into the scope key.
_NEWER_KEY = re.compile(r".*:(workspace|principal|required-session):[0-9a-f]{32}(:.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The policy behind a scope key, or why there is none. `unused`: surely nothing uses the key now."""

    policy: EffectivePolicy | None = None
    why_not: str = ""
    unused: bool = False


class Policies:
    """The policies of one config. `problem`: the config cannot be used at all, and this is why."""

    def __init__(self, config: LoadedConfig | None, host: HostFacts, *, problem: str = "") -> None:
        self._config, self._host, self._problem = config, host, problem
        self._by_agent: dict[str, EffectivePolicy | str] = {}
        self._docker_texts: dict[str, str] = {}

    def of_scope(self, scope_key: str, agent_hint: str = "") -> Found:
        """The policy that would make the container of this scope key now.

        `agent_hint` is the agent that the container was made for, which a key alone does not always tell.
        """
        if self._config is None:
            return Found(why_not=self._problem)
        if not scope_key.strip():
            return Found(why_not="it has no session key")
        if _NEWER_KEY.fullmatch(scope_key):
            return Found(why_not="a newer OpenClaw made it")
        if scope_key == SHARED:
            return self._shared(agent_hint)
        agent_id = sessions.agent_in_key(scope_key.lower()) or self._agent_of(scope_key, agent_hint)
        policy = self.of_agent(agent_id)
        if isinstance(policy, str):
            return Found(why_not=policy)
        if agent_id not in self._docker_texts:
            self._docker_texts[agent_id] = text_of_docker(policy)
        fitting = for_session(policy, scope_key, docker_text=self._docker_texts[agent_id])
        of_agent = scope_key.startswith("agent:") and sessions.agent_in_key(scope_key.lower()) is None
        if fitting.scope_key != scope_key.strip() or (of_agent and policy.scope is not Scope.AGENT):
            scope = policy.scope.value
            return Found(why_not=f"the scope of agent {agent_id} is {scope} now", unused=True)
        return Found(policy=fitting)

    def of_session(self, session_key: str) -> EffectivePolicy | None:
        """The policy of a session by its full key; None if the config has none for it."""
        if self._config is None:
            return None
        agent_id = sessions.status_agent(session_key, self.agents()[0])
        policy = self.of_agent(agent_id)
        return None if isinstance(policy, str) else for_session(policy, session_key)

    def of_agent(self, agent_id: str) -> EffectivePolicy | str:
        """The policy of an agent's main session, or why there is none."""
        if agent_id not in self._by_agent:
            self._by_agent[agent_id] = self._resolve(agent_id)
        return self._by_agent[agent_id]

    def prune_rules(self, scope_key: str, agent_hint: str = "") -> tuple[float, float]:
        """Idle hours and days of age after which the container of a scope may go; 0 is never.

        The rules of its own agent; where that cannot be told, those under `agents.defaults`.
        """
        found = self.of_scope(scope_key, agent_hint).policy
        if found is not None:
            return found.prune_idle_hours, found.prune_max_age_days
        named = sessions.agent_of_scope_key(scope_key)
        policy = self.of_agent(named) if named else ""
        if not isinstance(policy, str):
            return policy.prune_idle_hours, policy.prune_max_age_days
        return self._default_prune_rules()

    def _default_prune_rules(self) -> tuple[float, float]:
        said: Any = self._config.data if self._config else {}
        for key in ("agents", "defaults", "sandbox", "prune"):
            said = said.get(key) if isinstance(said, Mapping) else None
        rules = {**DEFAULTS["prune"], **(said if isinstance(said, Mapping) else {})}
        return rules["idleHours"], rules["maxAgeDays"]

    def session_store(self, agent_id: str, state_dir: Path) -> Path:
        """Where OpenClaw keeps what sessions an agent has."""
        data = self._config.data if self._config else {}
        store = (data.get("session") or {}).get("store")
        if isinstance(store, str) and store.strip() and self._config is not None:
            text = store.replace("{agentId}", agent_id)
            return user_path(text, home=self._config.paths.home, cwd=self._host.cwd)
        return state_dir / "agents" / agent_id / "sessions" / "sessions.json"

    def agents(self) -> tuple[str, ...]:
        """The ids of the agents that the config has, the default one first."""
        if self._config is None:
            return ()
        configured = configured_agents(self._config.data)
        return tuple(dict.fromkeys((default_agent(configured), *(agent.id for agent in configured))))

    def _resolve(self, agent_id: str) -> EffectivePolicy | str:
        if self._config is None:
            return self._problem
        try:
            return resolve(self._config, session=None, agent=agent_id, host=self._host)
        except UnknownAgentError:
            return f"the config has no agent {agent_id}"
        except ConfigError as error:
            first = next((f"{issue.path}: {issue.message}" for issue in error.issues), error.brief)
            return f"the config of agent {agent_id} is refused: {first}"

    def _agent_of(self, scope_key: str, hint: str) -> str:
        """`agent:<id>` names its agent; a key of another form is the hint's or the default agent's."""
        if scope_key.startswith("agent:"):
            return sessions.agent_of_scope_key(scope_key) or self.agents()[0]
        return hint or self.agents()[0]

    def _shared(self, hint: str) -> Found:
        for agent_id in dict.fromkeys((*((hint,) if hint else ()), *self.agents())):
            policy = self.of_agent(agent_id)
            if not isinstance(policy, str) and policy.scope is Scope.SHARED:
                return Found(policy=policy)
        return Found(why_not="no agent has the scope shared now", unused=True)
