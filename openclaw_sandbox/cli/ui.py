"""Where words go: data to stdout, everything else to stderr, colours only where somebody sees them."""

from __future__ import annotations

import contextlib
import enum
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from openclaw_sandbox import __version__
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from openclaw_sandbox.errors import Issue, SandboxError
    from openclaw_sandbox.policy.model import Finding

    #: Given what escapes a text for a JSON string: names, and the parts of their texts.
    StreamFields = Callable[[Callable[[str], str]], Iterator[tuple[str, Iterator[str]]]]


PROG = "openclaw-sandbox"
#: Set by the scripts of `completion`: the tool then answers a shell that asks what may come next.
COMPLETION_VARIABLE = "_OPENCLAW_SANDBOX_COMPLETE"


def version_line() -> str:
    """What `--version` prints."""
    return f"{PROG} {__version__}\n"


class ColorChoice(enum.Enum):
    """`--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_LONGEST_SENTENCE = 2000
_ANSI = {"error": "31;1", "warning": "33", "ok": "32", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """One invocation's manners: made once per verb from its flags."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: ColorChoice = ColorChoice.AUTO

    def out(self, text: str) -> None:
        """Data, on stdout, at once. Raises OSError if nobody takes it."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()

    def json(self, value: Any, streams: StreamFields | None = None) -> None:
        """A JSON document, on stdout. `streams`: more string fields of it, each in parts, of any size."""
        text = _json_text(value, indent=2)
        if streams is None:
            self.out(text)
            return
        sys.stdout.write(text.removesuffix("\n}"))
        for name, parts in streams(lambda part: _json_text(part)[1:-1]):
            sys.stdout.write(f',\n  "{name}": "')
            sys.stdout.writelines(parts)
            sys.stdout.write('"')
        self.out("\n}")

    def note(self, text: str) -> None:
        """What a human may like to know; silent with -q."""
        if not self.quiet:
            self._err(printable(text))

    def warn(self, text: str, hint: str = "") -> None:
        """What a human must know."""
        self._err(f"{self.paint('warning:', 'warning', sys.stderr)} {printable(text)}")
        if hint and not self.quiet:
            self._err(f"  {printable(hint)}")

    def debug(self, text: str) -> None:
        """Shown with -v."""
        if self.verbose:
            self._err(self.paint(printable(text), "dim", sys.stderr))

    def engine_call(self, call: str, seconds: float) -> None:
        """For `open_engine(on_call=...)`."""
        self.debug(f"engine: {call} ({seconds * 1000:.1f} ms)")

    def findings(self, findings: Iterable[Finding]) -> None:
        """Warnings of the policy, each with its origin and what to do."""
        for finding in findings:
            where = f" ({finding.origin.text()})" if finding.origin else ""
            self.warn(f"{finding.message}{where}", finding.hint)

    def error(self, error: SandboxError) -> None:
        """The end of a verb that failed: one object on stdout with --json, else lines on stderr."""
        if self.as_json:
            # On one line: it may end a stream of such lines.
            self.out(_json_text(error_document(error)))
            return
        self._err(f"{self.paint('error:', 'error', sys.stderr)} {one_line(error.brief)}")
        for issue in error.issues:
            self._err(_issue_text(issue))
        for detail in error.details:
            self._err(f"  {printable(detail)}")
        if error.hint:
            self._err(f"{self.paint('help:', 'ok', sys.stderr)} {one_line(error.hint)}")

    def paint(self, text: str, style: str, stream: TextIO) -> str:
        """`text` in a colour, if `stream` shows colours."""
        return f"\x1b[{_ANSI[style]}m{text}\x1b[0m" if self.colored(stream) else text

    def colored(self, stream: TextIO) -> bool:
        """Whether escape codes belong on `stream`: --color, then NO_COLOR, FORCE_COLOR, then the terminal."""
        if self.color is not ColorChoice.AUTO:
            return self.color is ColorChoice.ALWAYS
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return stream.isatty() and os.environ.get("TERM") != "dumb"

    def _err(self, text: str) -> None:
        try:
            sys.stderr.write(f"{text}\n")
        except OSError:  # nobody reads it: that changes nothing, the exit status included
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _json_text(value: Any, *, indent: int | None = None) -> str:
    """As people read it. Escaped is what is no text (bytes of the command line that are no UTF-8), and what a
    stdout that is no UTF-8 may not have.
    """
    import json
    import re

    ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def error_document(error: SandboxError) -> dict[str, Any]:
    """The error object of the CLI's contract."""
    return {
        "error": {
            "code": error.code,
            "message": error.brief,
            "hint": error.hint,
            **({"reason": error.reason} if error.reason else {}),
            "details": list(error.details),
            "issues": [
                {
                    "path": issue.path,
                    "message": issue.message,
                    "file": issue.file,
                    "line": issue.line,
                    "column": issue.column,
                    "hint": issue.hint,
                }
                for issue in error.issues
            ],
        }
    }


def _issue_text(issue: Issue) -> str:
    where = issue.where()
    lines = [f"  {where + ': ' if where else ''}{issue.path or '<root>'}: {issue.message}"]
    if issue.excerpt:
        lines.append(f"    | {issue.excerpt}")
    if issue.hint:
        lines.append(f"    {issue.hint}")
    return "\n".join(printable(line, keep="\n") for line in lines)


def printable(text: str, *, keep: str = "\n\t") -> str:
    """`text` with control characters shown as escapes, so that no name or message can drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """`text` as one line that people read to its end: what was typed is in it, and may be anything."""
    if len(text) > _LONGEST_SENTENCE:
        text = f"{text[: _LONGEST_SENTENCE - 300]} ... {text[-200:]}"
    return printable(text, keep="")


def now_ms() -> int:
    """Milliseconds since 1970, as labels and the registry hold them."""
    return time.time_ns() // 1_000_000
