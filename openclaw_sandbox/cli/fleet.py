"""The fleet of this user's state folder, for verbs that look at more than one container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.engine.base import Engine, Observed
    from openclaw_sandbox.lifecycle.fleet import Fleet


def open_fleet(context: typer.Context, ui: Ui, *, need_config: bool = False) -> Fleet:
    """The containers and the policies. Without a usable config there are no policies to compare with.

    Raises:
        ConfigError: `need_config`, and the config cannot be used.
        EngineMissingError: there is no engine.
    """
    from openclaw_sandbox.cli.context import engine_of

    return _fleet(context, ui, engine_of(ui), need_config=need_config)


def look_at_fleet(context: typer.Context, ui: Ui, *, sizes: bool = False) -> Fleet:
    """The same for a verb that only looks: the engine is asked while the config and the modules are loaded.

    An engine takes longer to list many containers than those take to load.

    Raises:
        EngineMissingError: there is no engine.
    """
    from openclaw_sandbox.cli.context import engine_of
    from openclaw_sandbox.lifecycle.look import sandbox_containers
    from openclaw_sandbox.lifecycle.pool import ahead

    engine = engine_of(ui)
    first_look = ahead(lambda: sandbox_containers(engine, sizes=sizes))
    return _fleet(context, ui, engine, first_look=first_look)


def _fleet(
    context: typer.Context,
    ui: Ui,
    engine: Engine,
    *,
    need_config: bool = False,
    first_look: Callable[[], list[Observed]] | None = None,
) -> Fleet:
    from openclaw_sandbox.cli.context import whereabouts
    from openclaw_sandbox.config.load import load_config, state_paths
    from openclaw_sandbox.lifecycle.fleet import Fleet
    from openclaw_sandbox.lifecycle.policies import Policies
    from openclaw_sandbox.policy.host import RealHost

    where = whereabouts(context)
    state_dir = state_paths(**where).state_dir
    try:
        policies = Policies(load_config(**where), RealHost())
    except ConfigError as error:
        if need_config:
            raise
        ui.warn(
            f"The config cannot be used, so nothing is compared with it: {error.brief}",
            "See what is wrong: openclaw-sandbox explain",
        )
        policies = Policies(None, RealHost(), problem="the config cannot be used")
    return Fleet(state_dir, engine, policies, warn=ui.warn, first_look=first_look)
