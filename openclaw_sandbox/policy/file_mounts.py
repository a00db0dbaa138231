"""What config.yml says of mounts, blocked host paths and tmpfs folders. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy import binds as bind_rules
from openclaw_sandbox.policy.model import Resolved
from openclaw_sandbox.policy.sizes import human_size

if TYPE_CHECKING:
    from openclaw_sandbox.policy.model import Bind, Candidate, Hardening, Tmpfs
    from openclaw_sandbox.policy.tighten import Tightening


def mounts(
    base: Hardening, step: Tightening, judge: bind_rules.BindJudge, rules: bind_rules.BindRules
) -> Hardening:
    """Everybody's and the agent's `mounts`, and the binds of openclaw.json that `blocked_paths` permits."""
    blocked = _Blocked([entry.value for entry in step.joined("blocked_paths")], judge)
    entries = step.joined("mounts")
    kept = []
    named = {bind_rules.normalize(entry.value["source"]) for entry in entries}
    for bind in base.binds:
        hit = blocked.met_by(bind.source)
        if hit is None or bind.source in named:
            kept.append(bind)
        else:
            message = f'Bind "{bind.text}": its source meets {hit}, which blocked_paths forbids.'
            hint = "Name the source under mounts in config.yml if the sandbox must have it."
            step.notes.error("bind.blocked", message, hint=hint, origin=bind.origin)
    for entry in entries:
        mount = _mount(entry, step, judge, rules)
        if mount is not None:
            _note_exception(mount, blocked, step)
            kept = [bind for bind in kept if bind.destination != mount.destination]
            kept.append(mount)
    covered = {bind.destination for bind in kept}
    tmpfs = tuple(mount for mount in base.tmpfs if mount.destination not in covered)
    return replace(base, binds=tuple(kept), tmpfs=tmpfs)


class _Blocked:
    """`blocked_paths`. A source meets one when it is it, lies under it, or contains it: links count as what
    they lead to, on both sides.
    """

    def __init__(self, paths: list[str], judge: bind_rules.BindJudge) -> None:
        self._judge = judge
        self._places = [(path, judge.places(path)) for path in paths]

    def met_by(self, source: str) -> str | None:
        """The first blocked path that a source meets, as it is written; None if it meets none."""
        sources = self._judge.places(source)
        for path, places in self._places:
            if any(_meet(one, other) for one in sources for other in places):
                return path
        return None


def _meet(one: str, other: str) -> bool:
    return bind_rules.is_under(one, other) or bind_rules.is_under(other, one)


def _mount(
    entry: Candidate[Any], step: Tightening, judge: bind_rules.BindJudge, rules: bind_rules.BindRules
) -> Bind | None:
    said = entry.value
    text = f"{said['source']}:{said['target']}:{said['mode']}"
    before = len(step.notes.found)
    bind = bind_rules.parse_bind(text, entry.origin, rules, step.notes)
    if bind is None or len(step.notes.found) > before:
        return bind
    objection = judge.objection(bind.source, read_only=bind.read_only)
    if objection is not None:
        message = f"Mount {text}: {bind.source} {objection}."
        hint = "Mount a project's own folder instead."
        step.notes.error("bind.sensitive", message, hint=hint, origin=entry.origin)
        return None
    return bind


def _note_exception(mount: Bind, blocked: _Blocked, step: Tightening) -> None:
    hit = blocked.met_by(mount.source)
    if hit is not None:
        message = (
            f"mounts names {mount.source}, which meets {hit} of blocked_paths: it is mounted all the same."
        )
        step.notes.warn("mount.exception", message, hint="Remove one of the two.", origin=mount.origin)


def tmpfs_sizes(base: Hardening, step: Tightening) -> Hardening:
    """`tmpfs_size` and `writable_tmpfs`."""
    writable, size = step.last("writable_tmpfs"), step.layers.said("tmpfs_size")
    tmpfs = base.tmpfs
    if size:
        smallest = min(size, key=lambda said: said.value)
        step.values["tmpfs_size"] = Resolved(key="tmpfs_size", value=smallest.value, origin=smallest.origin)
        sized = _sized_by_openclaw(step)
        tmpfs = tuple(_bounded(mount, smallest, step, sized=mount.destination in sized) for mount in tmpfs)
        _note_beyond_memory(base, smallest, step)
    if writable is not None and not writable.value:
        tmpfs = tuple(replace(mount, options=(*_without(mount, "rw"), "ro")) for mount in tmpfs)
    return replace(base, tmpfs=tmpfs)


def _sized_by_openclaw(step: Tightening) -> frozenset[str]:
    """The tmpfs folders whose size stands in openclaw.json; the others have our own."""
    said = step.values.get("docker.tmpfs")
    entries = said.value if said is not None and isinstance(said.value, list | tuple) else ()
    parts = (str(entry).strip().partition(":") for entry in entries)
    return frozenset(bind_rules.normalize(path) for path, _, options in parts if "size=" in options)


def _bounded(mount: Tmpfs, limit: Candidate[Any], step: Tightening, *, sized: bool) -> Tmpfs:
    """The tmpfs with `tmpfs_size`. It is the size of /tmp, over our own either way, and the others' most.

    `sized`: openclaw.json says the size, over which there is only down.
    """
    sizes = [int(o.removeprefix("size=")) for o in mount.options if o.startswith("size=") and o[5:].isdigit()]
    size, current = limit.value, min(sizes, default=None)
    if current is not None and size > current:
        if sized:
            message = (
                f"docker.tmpfs: {mount.destination} keeps its {human_size(current)}, less than tmpfs_size."
            )
            step.notes.info("limit.tmpfs", message, origin=limit.origin)
        elif mount.destination == "/tmp":  # noqa: S108  the sandbox's
            message = (
                f"tmpfs_size is {human_size(size)}: weaker than the built-in {human_size(current)} of /tmp."
            )
            step.notes.warn("weak.built-in", message, hint="Lower tmpfs_size.", origin=limit.origin)
            current = size
        size = current
    return replace(mount, options=(*(o for o in mount.options if not o.startswith("size=")), f"size={size}"))


def _note_beyond_memory(base: Hardening, size: Candidate[Any], step: Tightening) -> None:
    """What is in a tmpfs counts as the sandbox's memory."""
    if base.memory_bytes is not None and size.value > base.memory_bytes:
        message = (
            f"tmpfs_size {human_size(size.value)} is more than the memory limit of "
            f"{human_size(base.memory_bytes)}: a command that fills it runs out of memory."
        )
        step.notes.warn("limit.tmpfs-memory", message, hint="Lower tmpfs_size.", origin=size.origin)


def _without(mount: Tmpfs, *names: str) -> tuple[str, ...]:
    return tuple(option for option in mount.options if option not in names)
