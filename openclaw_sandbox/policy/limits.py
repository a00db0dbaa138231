"""Resource limits in the engine's units: memory and swap, tmpfs, ulimits. Docker's own notation is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.binds import is_under, normalize
from openclaw_sandbox.policy.javascript import number_text, trim
from openclaw_sandbox.policy.model import Tmpfs, Ulimit
from openclaw_sandbox.policy.sizes import human_size, size_bytes

if TYPE_CHECKING:
    from openclaw_sandbox.config.origin import Origin
    from openclaw_sandbox.policy.findings import Findings

MIB = 1024 * 1024
DEFAULT_MEMORY = 2048 * MIB
DEFAULT_PIDS = 512
DEFAULT_SHM = 16 * MIB
#: Docker refuses less.
MIN_MEMORY = 6 * MIB

#: Sizes of the tmpfs mounts that do not name one.
TMPFS_SIZES: Mapping[str, int] = {"/tmp": 100 * MIB, "/var/tmp": 50 * MIB, "/run": 16 * MIB}  # noqa: S108  in the container
OTHER_TMPFS_SIZE = 64 * MIB

#: A missing option of a pair gets the first, hard form; an entry that says the second keeps it.
_TMPFS_PAIRS = (("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev"))
_TMPFS_FLAGS = frozenset(
    {
        *("exec", "noexec", "suid", "nosuid", "dev", "nodev", "ro", "rw", "atime", "noatime", "diratime"),
        *("nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "sync", "async"),
    }
)
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"})

ULIMIT_NAMES = frozenset(
    {
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
        *("nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    }
)
#: Set unless the config says otherwise. `nofile` stays within what small daemons may hand out.
DEFAULT_ULIMITS: tuple[Ulimit, ...] = (
    Ulimit(name="core", soft=0, hard=0),
    Ulimit(name="nofile", soft=4096, hard=16384),
)
_ULIMIT_TEXT = re.compile(r"(-1|[0-9]{1,18})(?::(-1|[0-9]{1,18}))?")


def read_size(value: Any, *, key: str, origin: Origin | None, notes: Findings) -> int | None:
    """A size in bytes; None if it is blank (which OpenClaw ignores) or wrong (which is noted)."""
    if isinstance(value, str) and not trim(value):
        return None
    text = value if isinstance(value, str) else number_text(value)
    try:
        return size_bytes(text)
    except ValueError as error:
        notes.error("limit.size", f"{key}: {error}.", hint=f"Set {key} to a size such as 2g.", origin=origin)
        return None


def _read_swap(value: Any, origin: Origin | None, notes: Findings) -> int | None:
    text = trim(value) if isinstance(value, str) else number_text(value)
    if text == "-1":
        return -1
    return read_size(text, key="docker.memorySwap", origin=origin, notes=notes) or None


def memory_limits(
    memory: Any, swap: Any, *, origins: Mapping[str, Origin], notes: Findings
) -> tuple[int | None, int | None]:
    """(memory, memory plus swap) in bytes. Swap is switched off unless the config asks for some.

    0 switches the memory limit off, as in Docker; a blank value and a missing one are our default.
    """
    memory_origin, swap_origin = origins.get("docker.memory"), origins.get("docker.memorySwap")
    limit = read_size(
        "" if memory is None else memory, key="docker.memory", origin=memory_origin, notes=notes
    )
    total = None if swap is None else _read_swap(swap, swap_origin, notes)
    if limit == 0:
        hint = "Set docker.memory, for instance 2g."
        notes.warn("weak.memory", "No memory limit: docker.memory is 0.", hint=hint, origin=memory_origin)
        return None, None
    if limit is None:
        limit = DEFAULT_MEMORY if total in (None, -1) else min(DEFAULT_MEMORY, total or DEFAULT_MEMORY)
    if limit < MIN_MEMORY:
        message = f"docker.memory: {human_size(limit)} is less than the 6 MiB that Docker demands."
        notes.error("limit.memory", message, hint="Set docker.memory to at least 6m.", origin=memory_origin)
    return limit, _swap_for(limit, total, swap_origin, notes)


def _swap_for(memory: int, total: int | None, origin: Origin | None, notes: Findings) -> int:
    if total is None:
        return memory
    if total == -1:
        hint = "Remove docker.memorySwap."
        notes.warn("weak.swap", "Swap is unlimited: docker.memorySwap is -1.", hint=hint, origin=origin)
    elif total < memory:
        message = (
            f"docker.memorySwap ({human_size(total)}) is memory plus swap and must not be less than"
            f" docker.memory ({human_size(memory)})."
        )
        notes.error("limit.swap", message, hint="Raise docker.memorySwap or remove it.", origin=origin)
    return total


def _tmpfs_option(entry: str, option: str, origin: Origin | None, notes: Findings) -> str | None:
    """One option in mount(8)'s words, sizes in bytes; None if it is refused."""
    name, has_value, value = option.partition("=")
    if not has_value and name in _TMPFS_FLAGS:
        return option
    if name == "size" and not value.endswith("%"):
        size = read_size(value or "?", key=f'docker.tmpfs "{entry}" size', origin=origin, notes=notes)
        return None if size is None else f"size={size}"
    if has_value and name in _TMPFS_VALUES and re.fullmatch(r"[0-9]+[kKmMgG%]?", value):
        return option
    notes.error(
        "tmpfs.option",
        f'Tmpfs "{entry}": the option "{option}" is not known.',
        hint="Known: size=, mode=, uid=, gid=, nr_inodes=, exec, noexec, suid, nosuid, dev, nodev, ro, rw.",
        origin=origin,
    )
    return None


def _hardened(destination: str, options: list[str]) -> tuple[str, ...]:
    names = {option.partition("=")[0] for option in options}
    missing = [hard for hard, soft in _TMPFS_PAIRS if not {hard, soft} & names]
    size = TMPFS_SIZES.get(destination, OTHER_TMPFS_SIZE)
    return (*missing, *options, *([] if "size" in names else [f"size={size}"]))


def _parse_tmpfs(entry: str, workdir: str, origin: Origin | None, notes: Findings) -> Tmpfs | None:
    path, _, text = trim(entry).partition(":")
    if not path.startswith("/") or normalize(path) == "/":
        message = f'Tmpfs "{entry}" does not name an absolute path below /.'
        notes.error("tmpfs.path", message, hint='Write it as "/tmp:size=64m".', origin=origin)
        return None
    destination = normalize(path)
    if destination == "/agent" or is_under(normalize(workdir), destination):
        message = f'Tmpfs "{entry}" hides the folder that is mounted at {workdir} or /agent.'
        notes.error("tmpfs.path", message, hint="Remove it from docker.tmpfs.", origin=origin)
        return None
    given = [_tmpfs_option(entry, option, origin, notes) for option in text.split(",") if option]
    options = _hardened(destination, [option for option in given if option is not None])
    soft = [soft for _, soft in _TMPFS_PAIRS if soft in options]
    if soft:
        message = f"The tmpfs {destination} is weaker than the default: {', '.join(soft)}."
        hint = f'Write "{destination}" without {", ".join(soft)} in docker.tmpfs.'
        notes.warn("weak.tmpfs", message, hint=hint, origin=origin)
    return Tmpfs(destination=destination, options=options)


def tmpfs_mounts(
    entries: Sequence[str], *, workdir: str, origin: Origin | None, notes: Findings
) -> tuple[Tmpfs, ...]:
    """`docker.tmpfs` with hard options and a size each. A path that is named twice counts as last written."""
    mounts = (_parse_tmpfs(entry, workdir, origin, notes) for entry in entries)
    by_path = {mount.destination: mount for mount in mounts if mount is not None}
    return tuple(by_path.values())


def _ulimit_pair(value: Any) -> tuple[int, int] | None:
    """(soft, hard); None if the text is none. An object may name only one of the two. -1 is unlimited."""
    if isinstance(value, Mapping):
        both = [value.get("soft"), value.get("hard")]
        numbers = [max(0, int(number)) for number in both if number is not None]
        return (numbers[0], numbers[-1]) if numbers else None
    text = trim(value) if isinstance(value, str) else number_text(value)
    match = _ULIMIT_TEXT.fullmatch(text)
    if match is None:
        return None
    soft = int(match[1])
    return soft, int(match[2]) if match[2] else soft


def _exceeds(soft: int, hard: int) -> bool:
    return hard != -1 and (soft > hard or soft == -1)


def ulimits(
    entries: Mapping[str, Any], *, origins: Mapping[str, Origin], notes: Findings
) -> tuple[Ulimit, ...]:
    """`docker.ulimits` over our defaults, by name. Blank names and empty objects say nothing."""
    found = {limit.name: limit for limit in DEFAULT_ULIMITS}
    for raw, value in entries.items():
        name = trim(raw)
        if not name or (isinstance(value, Mapping) and not value):
            continue
        origin = origins.get(f"docker.ulimits.{raw}")
        pair = _ulimit_pair(value)
        if name not in ULIMIT_NAMES:
            hint = f"Known: {', '.join(sorted(ULIMIT_NAMES))}."
            notes.error("limit.ulimit", f'docker.ulimits: "{name}" is no limit.', hint=hint, origin=origin)
        elif pair is None or _exceeds(*pair):
            message = f"docker.ulimits.{name}: {value!r} is not a limit, or soft is above hard."
            hint = "Write a number, or soft:hard, or {soft, hard}."
            notes.error("limit.ulimit", message, hint=hint, origin=origin)
        else:
            found[name] = Ulimit(name=name, soft=pair[0], hard=pair[1])
    return tuple(sorted(found.values(), key=lambda limit: limit.name))
