"""All containers of a state folder at one moment, for the verbs that look at more than one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from openclaw_sandbox.lifecycle import intents
from openclaw_sandbox.lifecycle.judge import Judge
from openclaw_sandbox.lifecycle.look import sandbox_containers
from openclaw_sandbox.lifecycle.registry import Kind, Registry
from openclaw_sandbox.lifecycle.settle import settle
from openclaw_sandbox.lifecycle.stock import take_stock
from openclaw_sandbox.lifecycle.survivors import entries_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.judge import Verdict
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.lifecycle.registry import Entry
    from openclaw_sandbox.lifecycle.stock import Item


class Fleet:
    """The registry, the engine's containers (asked once) and the policies, brought together.

    `first_look` gives the containers where the engine was asked before; after a change it is asked again.
    Raises EngineUnavailableError from every method when the engine does not answer.
    """

    def __init__(
        self,
        state_dir: Path,
        engine: Engine,
        policies: Policies,
        *,
        warn: Callable[[str], None],
        first_look: Callable[[], list[Observed]] | None = None,
    ) -> None:
        self.state_dir, self.engine, self.policies = state_dir, engine, policies
        self.registry = Registry(state_dir, survivors=self._survivors, warn=warn)
        self._judge = Judge(policies, engine)
        self._verdicts: dict[tuple[Kind, str, str], Verdict] = {}
        self._containers: list[Observed] | None = None
        self._look = first_look or partial(sandbox_containers, engine)

    def settle(self) -> list[str]:
        """Clear up after makers that were killed; the names of what was removed."""
        removed = settle(self.state_dir, self.engine, self.registry)
        self.look_again()
        return removed

    def look_again(self) -> None:
        """Forget what the engine said: something was changed since."""
        self._containers, self._look = None, partial(sandbox_containers, self.engine)
        self._verdicts.clear()

    def containers(self) -> list[Observed]:
        """Every container with OpenClaw's label, whoever's it is."""
        if self._containers is None:
            self._containers = self._look()
        return self._containers

    def items(self, kind: Kind) -> list[Item]:
        """What there is of one kind."""
        containers = self.containers()
        return take_stock(
            self.registry.entries(kind),
            containers,
            kind=kind,
            state_dir=self.state_dir,
            owner_lives=lambda owner: intents.owner_lives(self.state_dir, owner),
        )

    def verdict(self, item: Item) -> Verdict:
        """Whether the container is what its policy promises."""
        key = (item.kind, item.name, item.state.value)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge.verdict(item)
        return self._verdicts[key]

    def _survivors(self, kind: Kind) -> list[Entry]:
        return entries_of(self.containers(), self.state_dir, kind)
