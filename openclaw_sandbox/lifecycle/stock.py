"""What there is: the registry's entries and the labelled containers, brought together. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.engine.base import ContainerState
from openclaw_sandbox.lifecycle.plan import is_recorded
from openclaw_sandbox.lifecycle.registry import Kind
from openclaw_sandbox.lifecycle.settle import entry_of, what_for
from openclaw_sandbox.lifecycle.survivors import is_ours, kind_of
from openclaw_sandbox.policy import sessions
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Observed
    from openclaw_sandbox.lifecycle.registry import Entry

#: Backends of OpenClaw whose runtimes are containers of the engine that this tool talks to.
_OUR_BACKENDS = frozenset({"docker"})


class State(enum.Enum):
    """How a container stands, in the words of `list`."""

    RUNNING = "running"
    STOPPED = "stopped"
    MISSING = "missing"  # registered, and there is no such container
    ORPHAN = "orphan"  # ours by its labels, and not registered
    HALF_MADE = "half-made"  # its maker was killed
    FOREIGN = "foreign-state"  # of another state folder, or nobody knows whose
    ELSEWHERE = "elsewhere"  # kept by a backend of OpenClaw that is not this engine


class Role(enum.Enum):
    """What a container is there for."""

    SANDBOX = "sandbox"  # the one of its scope
    BROWSER = "browser"
    COMMAND = "command"  # of `run --rm`
    JOB = "job"  # of `run --detach`
    SETUP = "setup"  # its setup command runs
    RETIRED = "retired"  # replaced while a command ran in it


_ROLES = {"run": Role.COMMAND, "job": Role.JOB, "setup": Role.SETUP, "old": Role.RETIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One container, or what is remembered of one. At least one of `entry` and `observed` is there."""

    name: str
    kind: Kind
    role: Role
    state: State
    entry: Entry | None = None
    observed: Observed | None = None

    @property
    def ours(self) -> bool:
        """Whether it belongs to this state folder, so that verbs may change it."""
        return self.state not in (State.FOREIGN, State.ELSEWHERE)

    @property
    def running(self) -> bool:
        """Whether its main process runs."""
        return self.observed is not None and self.observed.running

    @property
    def scope_key(self) -> str:
        """Whose container it is: the label tells, the entry when there is no container."""
        if self.observed is not None:
            return self.observed.labels.get(labels.SESSION_KEY, "")
        return self.entry.session_key if self.entry else ""

    @property
    def agent_id(self) -> str:
        """The agent it belongs to; empty for one that agents share."""
        named = sessions.agent_of_scope_key(self.scope_key)
        if named is None:
            return ""
        return named if self.scope_key.startswith("agent:") else self.agent_hint or named

    @property
    def agent_hint(self) -> str:
        """The agent for which it was made, if it says so."""
        return self.observed.labels.get(labels.AGENT, "") if self.observed else ""

    @property
    def created_at_ms(self) -> int:
        """The container's own moment; OpenClaw's entries keep that of an older one of the name."""
        if self.observed is not None:
            return entry_of(self.observed, now_ms=0).created_at_ms
        return self.entry.created_at_ms if self.entry else 0

    @property
    def last_used_at_ms(self) -> int | None:
        """None if nobody remembers."""
        return self.entry.last_used_at_ms if self.entry else None

    @property
    def image(self) -> str:
        """The reference it was made from; its id where that name has gone to another image."""
        named = self.observed.image if self.observed else ""
        if (not named or named.startswith("sha256:")) and self.entry:
            return self.entry.image
        return named

    @property
    def state_dir(self) -> str:
        """The state folder it says it belongs to."""
        return self.observed.labels.get(labels.STATE_DIR, "") if self.observed else ""


def take_stock(
    entries: Iterable[Entry],
    containers: Iterable[Observed],
    *,
    kind: Kind,
    state_dir: Path,
    owner_lives: Callable[[str], bool],
) -> list[Item]:
    """All there is of one kind: registered ones in the registry's order, then the others by name.

    `owner_lives` tells whether the attempt behind an owner label is still at work.
    """
    here = {c.name: c for c in containers if kind_of(c) is kind}
    items: list[Item] = []
    for entry in entries:
        container = here.get(entry.container_name)
        if container is not None and _belongs(container, entry, state_dir):
            del here[entry.container_name]
            items.append(_registered(entry, container, kind))
        else:
            state = State.MISSING if entry.backend in _OUR_BACKENDS else State.ELSEWHERE
            items.append(
                Item(name=entry.container_name, kind=kind, role=_role(kind), state=state, entry=entry)
            )
    rest = (_unregistered(c, kind, state_dir, owner_lives) for c in here.values())
    return items + sorted(rest, key=lambda item: item.name)


def _belongs(container: Observed, entry: Entry, state_dir: Path) -> bool:
    if labels.STATE in container.labels:
        return is_ours(container, state_dir)
    return is_ours(container, state_dir) or is_recorded(container, entry)


def _registered(entry: Entry, container: Observed, kind: Kind) -> Item:
    return Item(
        name=container.name,
        kind=kind,
        role=_role(kind),
        state=State.RUNNING if container.running else State.STOPPED,
        entry=entry,
        observed=container,
    )


def _role(kind: Kind) -> Role:
    return Role.BROWSER if kind is Kind.BROWSER else Role.SANDBOX


def _unregistered(
    container: Observed, kind: Kind, state_dir: Path, owner_lives: Callable[[str], bool]
) -> Item:
    by_this_tool = labels.SPEC in container.labels
    role = _ROLES.get(what_for(container), _role(kind)) if by_this_tool else _role(kind)
    return Item(
        name=container.name,
        kind=kind,
        role=role,
        state=_state(container, role, owner_lives) if is_ours(container, state_dir) else State.FOREIGN,
        observed=container,
    )


def _state(container: Observed, role: Role, owner_lives: Callable[[str], bool]) -> State:
    alive = State.RUNNING if container.running else State.STOPPED
    if role is Role.RETIRED:
        return alive
    if owner_lives(container.labels.get(labels.OWNER, "")):
        return alive
    if role is Role.JOB and container.state is not ContainerState.CREATED:
        return alive  # its maker only had to start it
    return State.ORPHAN if role in (Role.SANDBOX, Role.BROWSER) else State.HALF_MADE
