"""A main process that waits for its maker's word before it becomes the command.

A way out is opened in a container that runs already, and nothing of the command may run before that way is
proven. So a shell of the image stands in the command's place, and the command replaces it. The word comes on
stdin, which the engine closes when the maker goes away, however it goes: then the command never starts.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_sandbox.errors import EngineLostError, UsageError
from openclaw_sandbox.spec import labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openclaw_sandbox.engine.base import Engine, Stream
    from openclaw_sandbox.spec.model import ContainerSpec

_WORD = "start"
#: By its full name: a PATH of the config may begin in the workspace, where untrusted code puts its own `sh`.
#: Read in a shell of its own: the command may have been given a variable of the same name.
_WAIT = f"""
( IFS= read -r word; [ "$word" = {_WORD} ] ) && exec "$@" </dev/null
echo 'openclaw-sandbox was ended before it could start the command' >&2
exit 125
"""
_KEPT_BY_A_SHELL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def refuse_lost_names(env: Mapping[str, str]) -> None:
    """A shell drops variables of other names than its own, and a command must get all that it was given.

    Raises:
        UsageError: names the first of them.
    """
    lost = next((name for name in env if not _KEPT_BY_A_SHELL.fullmatch(name)), None)
    if lost is not None:
        raise UsageError(
            f"--detach with allowed hosts cannot pass the variable {lost}: "
            "the shell that waits for the way out drops such a name.",
            hint="Use only letters, digits and _ in its name.",
        )


def gated(spec: ContainerSpec) -> ContainerSpec:
    """The same, with its command behind a gate."""
    return replace(
        spec,
        command=("/bin/sh", "-c", _WAIT, "openclaw-sandbox", *spec.command),
        interactive=True,
        labels={**spec.labels, labels.GATED: "1"},
    )


@contextlib.contextmanager
def gate_of(container_id: str, engine: Engine) -> Iterator[Stream]:
    """The gate of a container that was not started yet. Whoever leaves without `open_gate` shuts it for good.

    Raises:
        EngineError: the engine does not let us attach.
    """
    stream = engine.attach(container_id, stdin=True, tty=False)
    try:
        yield stream
    finally:
        stream.close()


def open_gate(gate: Stream) -> None:
    """Let the command start.

    Raises:
        EngineLostError: the word could not be given. The command does not start.
    """
    if not gate.write(f"{_WORD}\n".encode()):
        raise EngineLostError(
            "The engine closed the way to the command before it started.",
            hint="Look at the engine's log: journalctl -u docker",
        )
    gate.close_stdin()
