"""`file_access` in config.yml: which container paths are hidden, and which of the workspaces are left. Pure.

Everybody's block and the agent's come together so that it only gets tighter: what either denies is hidden,
and what is left of the workspaces is what both allow.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.policy.binds import is_under, normalize
from openclaw_sandbox.policy.model import Hardening, Resolved
from openclaw_sandbox.policy.mounts import ALLOWED_KEY, DENIED_KEY, outermost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openclaw_sandbox.policy.model import Candidate
    from openclaw_sandbox.policy.tighten import Tightening

#: Without these no command starts in any container.
_NEEDED = ("/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib")


def file_access(base: Hardening, step: Tightening) -> Hardening:
    """`base` with what `file_access` hides and leaves. What cannot be kept is noted as an error."""
    hidden = []
    for entry in step.layers.entries(DENIED_KEY):
        path = _inside(entry, DENIED_KEY, base.workdir, step)
        if path is not None and _may_hide(path, entry, base.workdir, step):
            hidden.append(path)
    denied = outermost(hidden)
    if denied:
        said = step.layers.said(DENIED_KEY)
        step.values[DENIED_KEY] = Resolved(key=DENIED_KEY, value=list(denied), origin=said[-1].origin)
    return replace(base, hidden_paths=denied, visible_paths=_visible(base, step))


def _visible(base: Hardening, step: Tightening) -> tuple[str, ...] | None:
    said = step.layers.said(ALLOWED_KEY)
    if not said:
        return None
    left: tuple[str, ...] | None = None
    for entries in step.layers.lists(ALLOWED_KEY):
        paths = [_inside(entry, ALLOWED_KEY, base.workdir, step) for entry in entries]
        allowed = outermost(path for path in paths if path is not None)
        left = allowed if left is None else outermost(_both(left, allowed))
    visible = left or ()
    if not visible:
        message = f"{ALLOWED_KEY} leaves nothing of the workspaces."
        step.notes.warn("file-access.nothing", message, hint="Name what is needed.", origin=said[-1].origin)
    step.values[ALLOWED_KEY] = Resolved(
        key=ALLOWED_KEY, value=list(visible), origin=said[-1].origin, overridden=tuple(said[:-1])
    )
    return visible


def _both(some: Iterable[str], others: Iterable[str]) -> Iterable[str]:
    """What lies under an entry of either list."""
    others = tuple(others)
    for one in some:
        for other in others:
            if is_under(one, other):
                yield one
            elif is_under(other, one):
                yield other


def _inside(entry: Candidate[Any], key: str, workdir: str, step: Tightening) -> str | None:
    """An entry as an absolute container path; relative ones lie below the working folder."""
    text = str(entry.value)
    climbs = ".." in text.split("/")
    if not text.strip() or "\0" in text or text.startswith("~") or climbs:
        message = f'{key}: "{text}" is no path of the container.'
        hint = "Write it absolute, or relative to the working folder, without `..` and `~`."
        step.notes.error("file-access.path", message, hint=hint, origin=entry.origin)
        return None
    if not _is_literal(text, entry, key, step):
        return None
    return normalize(posixpath.join(workdir, text))


def _is_literal(text: str, entry: Candidate[Any], key: str, step: Tightening) -> bool:
    """A pattern would be a promise that mounts cannot keep: they stand over what is there by name.

    Brackets are told and taken as they are written: frameworks name files so (`[id].tsx`).
    """
    if "*" in text or "?" in text:
        message = f'{key}: "{text}" is a pattern, and only paths can be hidden or left.'
        hint = "Name the file, or keep such files in a folder of their own and name that."
        step.notes.error("file-access.pattern", message, hint=hint, origin=entry.origin)
        return False
    if "[" in text and "]" in text:
        message = f'{key}: "{text}" is taken as it is written: its brackets are no pattern.'
        step.notes.warn("file-access.brackets", message, hint="Name each path.", origin=entry.origin)
    return True


def _may_hide(path: str, entry: Candidate[Any], workdir: str, step: Tightening) -> bool:
    if is_under(normalize(workdir), path):
        why = f"is or holds the working folder {workdir}"
    elif path in _NEEDED:
        why = "is needed by every command"
    else:
        return True
    message = f"{DENIED_KEY}: {path} {why}, and cannot be hidden."
    step.notes.error("file-access.path", message, hint="Name something below it.", origin=entry.origin)
    return False
