"""A command's output as fields of a JSON answer, of any size: what does not fit in memory waits in a file."""

from __future__ import annotations

import codecs
import io
from dataclasses import field
from typing import TYPE_CHECKING, BinaryIO

from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Beyond this, a stream waits in a file. Divisible by three, so that base64 of each part has no padding.
_PART_BYTES = 3 << 18


class Captured:
    """One stream. Give `write` to whoever delivers it; then `fields` is its part of the answer."""

    def __init__(self) -> None:
        self._content: BinaryIO = io.BytesIO()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._broken = False  # it is not UTF-8
        self._size = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes. Raises OSError: there is no room for them on the disk."""
        before, self._size = self._size, self._size + len(data)
        if before <= _PART_BYTES < self._size:
            self._move_to_file()
        self._content.write(data)
        if not self._broken:
            try:
                self._decoder.decode(bytes(data))
            except UnicodeDecodeError:
                self._broken = True

    def fields(self, name: str, escape: Callable[[str], str]) -> Iterator[tuple[str, Iterator[str]]]:
        """Key -> its text in parts: text as it is; what is not UTF-8 in base64, said by a second key. Once.

        `escape` makes of a text what may stand between the quotes of a JSON string.
        """
        if self._is_text():
            yield name, self._text_parts(escape)
        else:
            yield name, self._base64_parts()
            yield f"{name}Encoding", iter(["base64"])
        self._content.close()

    def _move_to_file(self) -> None:
        import tempfile

        file = tempfile.TemporaryFile(prefix="openclaw-sandbox-")  # noqa: SIM115  as long as the capture
        file.write(self._content.getbuffer() if isinstance(self._content, io.BytesIO) else b"")
        self._content = file

    def _is_text(self) -> bool:
        """Nothing was wrong, and no character is half there at the end."""
        return not self._broken and not self._decoder.getstate()[0]

    def _parts(self) -> Iterator[bytes]:
        self._content.seek(0)
        while part := self._content.read(_PART_BYTES):
            yield part

    def _text_parts(self, escape: Callable[[str], str]) -> Iterator[str]:
        decode = codecs.getincrementaldecoder("utf-8")().decode
        return (escape(decode(part)) for part in self._parts())

    def _base64_parts(self) -> Iterator[str]:
        import base64

        return (base64.b64encode(part).decode("ascii") for part in self._parts())


@dataclass(frozen=True, slots=True)
class Capture:
    """Both streams of a command, for --json."""

    stdout: Captured = field(default_factory=Captured)
    stderr: Captured = field(default_factory=Captured)

    def fields(self, escape: Callable[[str], str]) -> Iterator[tuple[str, Iterator[str]]]:
        """See `Captured.fields`."""
        yield from self.stdout.fields("stdout", escape)
        yield from self.stderr.fields("stderr", escape)
