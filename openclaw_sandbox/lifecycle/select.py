"""Which containers a user means: all, one session's, one agent's, or those that differ from the config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.config.agents import normalize_agent_id
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import UsageError
from openclaw_sandbox.lifecycle.judge import Match
from openclaw_sandbox.lifecycle.stock import Role, State
from openclaw_sandbox.policy import sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.stock import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Exactly one of these is set; see `selector`."""

    everything: bool = False
    session: str | None = None
    agent: str | None = None
    drifted: bool = False


def selector(*, everything: bool, session: str | None, agent: str | None, drifted: bool = False) -> Selector:
    """The one choice that flags make. A blank text is a mistake, not a choice.

    Raises:
        UsageError: none or several of them, or a blank one.
    """
    for flag, text in (("--session", session), ("--agent", agent)):
        if text is not None and not text.strip():
            raise UsageError(f"{flag} must not be blank.", hint="See what there is: openclaw-sandbox list")
    chosen = [everything, session is not None, agent is not None, drifted]
    if sum(chosen) != 1:
        problem = "Say which sandboxes" if not any(chosen) else "Choose only one"
        raise UsageError(
            f"{problem}: --all, --session KEY, --agent ID or --drifted.",
            hint="See what there is: openclaw-sandbox list",
        )
    return Selector(everything=everything, session=session, agent=agent, drifted=drifted)


def select(items: Sequence[Item], wanted: Selector, fleet: Fleet) -> list[Item]:
    """Those that are meant, of this state folder only, and none that is there for one command.

    Raises:
        UsageError: a short name of a session fits several.
    """
    own = [item for item in items if item.ours and _replaceable(item)]
    if wanted.everything:
        return own
    scopes = [item for item in own if item.state is not State.HALF_MADE]
    if wanted.drifted:
        return [item for item in scopes if fleet.verdict(item).match is Match.DRIFTED]
    if wanted.agent is not None:
        agent_id = normalize_agent_id(wanted.agent)
        return [item for item in scopes if item.agent_id == agent_id]
    return of_session(scopes, wanted.session or "", fleet)


def _replaceable(item: Item) -> bool:
    return item.role in (Role.SANDBOX, Role.BROWSER) or item.state is State.HALF_MADE


def of_session(items: Sequence[Item], text: str, fleet: Fleet) -> list[Item]:
    """Those of a session: by the exact scope key, by the session's own key, or by the end of a key.

    Raises:
        UsageError: the text is the end of several keys.
    """
    key = text.strip()
    if exact := [item for item in items if item.scope_key == key]:
        return exact
    agents = fleet.policies.agents()
    full = sessions.session_key(key, agents[0] if agents else "main")
    names = {full}
    # A scope that sessions share has the container of any of them; a word could be a slip of the pen.
    if (":" in key or full == sessions.main_session_key(agents[0] if agents else "main")) and (
        policy := fleet.policies.of_session(full)
    ):
        names.add(policy.scope_key)
    if found := [item for item in items if item.scope_key in names]:
        return found
    ending = [item for item in items if item.scope_key.endswith(f":{key}")]
    if len({item.scope_key for item in ending}) > 1:
        raise UsageError(
            f"--session {text!r} fits several sessions.",
            hint="Give the whole key: " + ", ".join(sorted({item.scope_key for item in ending})),
        )
    return ending
