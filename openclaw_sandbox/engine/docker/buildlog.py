"""What a build's stream of JSON lines says. Pure.

The classic builder's words, Docker 20.10 to 29: `Step 3/9 : RUN ...` opens a step, `aux.ID` carries an image
id (of every stage; the last one counts), `errorDetail` ends a build that failed.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.images import BuildStep
from openclaw_sandbox.errors import VerbFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)", re.DOTALL)
#: The builder's own chatter between a step's output.
_CHATTER = re.compile(r"^( ---> |Removing intermediate container|Successfully (built|tagged) )")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the builder paints what came on stderr
_TAIL_LINES = 15
_TITLE_CHARS = 100


class BuildLog:
    """Feed it the stream's objects; it tells the listener, keeps the tail, and finds the result."""

    def __init__(self, listener: Callable[[BuildStep | str], None]) -> None:
        self._listener = listener
        self._step: BuildStep | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._partial = ""
        self.image_id: str | None = None

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one object of the stream.

        Raises:
            VerbFailedError: the build failed.
        """
        if "error" in event or "errorDetail" in event:
            raise self._failure(event)
        aux = event.get("aux")
        if isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            self.image_id = aux["ID"]
        text = event.get("stream")
        if isinstance(text, str):
            self._text(text)

    def result(self) -> str:
        """The id of the image that was built.

        Raises:
            VerbFailedError: the stream ended without one.
        """
        if self.image_id is None:
            raise VerbFailedError("The image build ended without an image.", details=tuple(self._tail))
        return self.image_id

    def _text(self, text: str) -> None:
        if found := _STEP.match(text):
            title = " ".join(found[3].split())
            self._step = BuildStep(number=int(found[1]), of=int(found[2]), instruction=title)
            self._tail.clear()
            self._listener(self._step)
            return
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._line(line.rstrip("\r"))

    def _line(self, painted: str) -> None:
        line = _COLOUR.sub("", painted)
        if line.strip() and not _CHATTER.match(line):
            self._tail.append(line)
            self._listener(line)

    def _failure(self, event: Mapping[str, Any]) -> VerbFailedError:
        if self._partial:
            self._line(self._partial)
        detail = event.get("errorDetail")
        said = detail.get("message") if isinstance(detail, dict) else None
        said = " ".join(str(said or event.get("error") or "no reason was given").split())
        lines = [*self._tail]
        full = any("no space left on device" in text for text in (said, *lines))
        if found := re.search(r"returned a non-zero code: (\d+)", said):
            said = f"exit status {found[1]}"
        where = ""
        if self._step:
            where = f" at step {self._step.number}/{self._step.of}, {shorten(self._step.instruction)}"
        return VerbFailedError(
            f"The image build failed{where}: {said}",
            details=lines,
            hint="Free space below the engine's data folder: docker system df" if full else "",
        )


def shorten(instruction: str, width: int = _TITLE_CHARS) -> str:
    """An instruction on one line of at most `width` characters."""
    return instruction if len(instruction) <= width else f"{instruction[: width - 1]}…"
