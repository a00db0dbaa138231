"""What a shell may offer for a half-typed command line: verbs, flags, agents, sessions, fixed words.

The scripts of `completion` start the tool with the line in LINE and their own name in COMPLETION_VARIABLE.
Nothing here fails or writes, and the engine is not asked: an offer that is missing is no harm, a hanging
prompt is.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.cli.ui import COMPLETION_VARIABLE, PROG
from openclaw_sandbox.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openclaw_sandbox.cli.verbs import Verb
    from openclaw_sandbox.config.model import StatePaths

LINE = "_OPENCLAW_SANDBOX_LINE"

#: A word from a file ends up on somebody's command line: nothing that a shell would read in another way.
_HARMLESS = re.compile(r"[A-Za-z0-9_.:@%+,/=-]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """A word that may stand there, and what it means."""

    word: str
    about: str = ""


def answer(verbs: Mapping[str, Verb]) -> int:
    """Print the offers the way the calling shell reads them; 0, whatever happens."""
    try:
        found = offers(os.environ.get(LINE, ""), verbs)
        lines = [
            _line(os.environ[COMPLETION_VARIABLE], offer)
            for offer in found
            if _HARMLESS.fullmatch(offer.word)
        ]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except Exception:
        return 0
    return 0


def _line(shell: str, offer: Offer) -> str:
    if shell == "zsh":
        word = offer.word.replace(":", "\\:")
        return f"{word}:{offer.about}" if offer.about else word
    return f"{offer.word}\t{offer.about}" if shell == "fish" and offer.about else offer.word


def split_line(line: str) -> tuple[list[str], str]:
    """The finished words after the program's name, and the one that is being typed."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
        if not words or line[-1:].isspace():
            words.append("")
    except ValueError:  # an open quote: its word is being typed
        words.append(lexer.token)
    names = [place for place, word in enumerate(words[:-1]) if word.rpartition("/")[2] == PROG]
    own = words[(names[0] if names else 0) + 1 :]
    return own[:-1], own[-1] if own else ""


def offers(line: str, verbs: Mapping[str, Verb]) -> list[Offer]:
    """What may stand where the line ends."""
    from openclaw_sandbox.cli.tree import command_tree

    words, typed = split_line(line)
    place = _place_of_verb(words)
    verb = None if place is None else words[place]
    if verb is not None and verb not in verbs:
        return []
    command: Any = command_tree(verbs, verb)
    root, rest = words[:place], words
    if place is not None and verb is not None:
        command, rest = command.commands[verb], words[place + 1 :]
        named = next((word for word in rest if word in getattr(command, "commands", {})), None)
        if named is not None:  # a verb below a group of verbs
            command, rest = command.commands[named], rest[rest.index(named) + 1 :]
        if _passed_on(command, rest, passes_on=verbs[verb].passes_on):
            return []
    return _fitting(_for_command(command, rest, typed, root), typed)


def _for_command(command: Any, words: Sequence[str], typed: str, root: Sequence[str]) -> list[Offer]:
    flag, equals, _ = typed.partition("=")
    if equals and flag.startswith("--"):
        values = _values(_param(command, flag), root)
        return [Offer(f"{flag}={offer.word}", offer.about) for offer in values]
    waiting = _waiting(command, words)
    if waiting is not None:
        return _values(waiting, root)
    if typed.startswith("-"):
        return list(_flags(command))
    if hasattr(command, "commands"):
        return list(_commands(command))
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    return [offer for param in arguments for offer in _values(param, root)]


def _place_of_verb(words: Sequence[str]) -> int | None:
    left = iter(enumerate(words))
    for place, word in left:
        if word == "--profile":
            next(left, None)
        elif not word.startswith("-"):
            return place
    return None


def _passed_on(command: Any, words: Sequence[str], *, passes_on: bool) -> bool:
    """Whether what is typed is another command's: it stands behind `--`, or behind that command's name."""
    left = iter(words)
    for word in left:
        if word == "--" or (passes_on and not word.startswith("-")):
            return True
        param = _param(command, word)
        if param is not None and not param.is_flag:
            next(left, None)
    return False


def _param(command: Any, flag: str) -> Any | None:
    return next((param for param in command.params if flag in param.opts), None)


def _waiting(command: Any, words: Sequence[str]) -> Any | None:
    """The flag whose value comes next: it is the last word, or has had the first of its two values."""
    for back, word in enumerate(reversed(words[-2:]), start=1):
        param = _param(command, word) if word.startswith("-") else None
        if param is not None:
            return None if param.is_flag or param.nargs < back else param
    return None


def _flags(command: Any) -> Iterator[Offer]:
    for param in command.params:
        for flag in param.opts:
            if flag.startswith("--") and not getattr(param, "hidden", False):
                yield Offer(flag, _first_sentence(param.help))
    yield Offer("--help", "Show this message and exit.")


def _commands(command: Any) -> Iterator[Offer]:
    for name, below in command.commands.items():
        yield Offer(name, _first_sentence(below.help))


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).split(". ")[0].rstrip(".")


def _fitting(found: Sequence[Offer], typed: str) -> list[Offer]:
    """Those that begin with what is typed, each once."""
    return list({offer.word: offer for offer in found if offer.word.startswith(typed)}.values())


# ---- values


def _values(param: Any | None, root: Sequence[str]) -> list[Offer]:
    if param is None:
        return []
    if param.name in ("agent", "session", "diff"):
        return _known(param.name, root)
    choices = getattr(param.type, "choices", ())
    return [Offer(str(getattr(choice, "value", choice))) for choice in choices]


def _known(name: str, root: Sequence[str]) -> list[Offer]:
    """Agents of the config; sessions: their main ones and those that a container is remembered for."""
    paths = _paths(root)
    agents = _agents(root)
    if name == "agent":
        return [Offer(agent) for agent in agents]
    remembered = [key for key in _remembered(paths) if key.count(":") >= 1]
    sessions = [Offer(f"agent:{agent}:main") for agent in agents] + [Offer(key) for key in remembered]
    return [*(Offer(agent) for agent in agents), *sessions] if name == "diff" else sessions


def _where(root: Sequence[str]) -> dict[str, Any]:
    from openclaw_sandbox.policy.host import RealHost

    words = [part for word in root for part in word.split("=", 1)]
    profile = words[words.index("--profile") + 1] if "--profile" in words[:-1] else None
    return {"env": os.environ, "cwd": RealHost().cwd, "profile": profile, "dev": "--dev" in words}


def _paths(root: Sequence[str]) -> StatePaths:
    from openclaw_sandbox.config.discover import state_paths

    return state_paths(**_where(root))


def _agents(root: Sequence[str]) -> list[str]:
    from openclaw_sandbox.config.agents import DEFAULT_AGENT_ID
    from openclaw_sandbox.config.load import load_config
    from openclaw_sandbox.policy.agents import configured_agents

    agents = configured_agents(load_config(**_where(root)).data)
    return list(dict.fromkeys(agent.id for agent in agents)) or [DEFAULT_AGENT_ID]


def _remembered(paths: StatePaths) -> list[str]:
    """Read only: `Registry.entries` would set a damaged file aside."""
    from openclaw_sandbox.lifecycle.registry import Kind, Registry, parse_entry
    from openclaw_sandbox.lifecycle.registry_file import read

    document = read(Registry(paths.state_dir).path(Kind.CONTAINER))
    entries = [entry for raw in document.entries if (entry := parse_entry(raw)) is not None]
    return [entry.session_key for entry in entries]
