"""The fleet of this user's state folder, for verbs that look at more than one container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    import typer

    from openclaw_sandbox.cli.ui import Ui
    from openclaw_sandbox.lifecycle.fleet import Fleet


def open_fleet(context: typer.Context, ui: Ui, *, need_config: bool = False, sizes: bool = False) -> Fleet:
    """The containers and the policies. Without a usable config there are no policies to compare with.

    Raises:
        ConfigError: `need_config`, and the config cannot be used.
        EngineMissingError: there is no engine.
    """
    from openclaw_sandbox.cli.context import engine_of, whereabouts
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
    return Fleet(state_dir, engine_of(ui), policies, warn=ui.warn, sizes=sizes)
